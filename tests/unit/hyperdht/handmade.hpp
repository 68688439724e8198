// SPDX-License-Identifier: Apache-2.0
// Clients made by hand, of which only what a test wants leaves.
#pragma once

#include <catch2/catch.hpp>

#include "homes.hpp"
#include "secret_stream/framing.hpp"

namespace hsfwd::hyperdht {

/// Hears what comes to a machine, and answers nothing.
struct Listener final : net::UdpObserver {
  Listener(Swarm& swarm, std::size_t number)
      : host(swarm.world.add_host(Swarm::address_of(number))) {
    socket = std::move(*host.bind({net::Ipv4::any(), 4000}, *this));
  }
  Address self() const { return {host.address(), 4000}; }
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    for (const auto& datagram : batch) {
      bytes += datagram.bytes.size();
      last = to_bytes(datagram.bytes);
      if (const auto answer = rpc::decode_response(datagram.bytes); answer && answer->value) {
        answers.push_back(to_bytes(*answer->value));
      }
      if (const auto request = rpc::decode_request(datagram.bytes); request && request->value) {
        answers.push_back(to_bytes(*request->value));  // to a relay
      }
    }
    count += batch.size();
  }
  sim::Host& host;
  std::unique_ptr<net::UdpSocket> socket;
  std::size_t bytes = 0;
  std::size_t count = 0;
  Bytes last;
  std::vector<Bytes> answers;
};

/// A client made by hand, of which only what it wants leaves.
struct Handmade {
  Handmade(Swarm& s, crypto::KeyPair keys)
      : swarm(s),
        initiator(std::move(keys), swarm.keys(10).public_key,
                  name_space_of(Command::kPeerHandshake).view()) {}

  NoisePayload payload() {
    return {.udx = UdxInfo{.reusable_socket = true, .id = stream.value}, .secret_stream = 1};
  }
  void write(const NoisePayload& payload) {
    noise = *initiator.write_message1(crypto::KeyPair::generate(random()), payload.encode());
  }
  Bytes question(const Address& to, const std::optional<Address>& peer) const {
    const Bytes value = HandshakeMessage{.mode = peer ? Mode::kFromRelay : Mode::kFromClient,
                                         .noise = noise,
                                         .peer_address = peer}
                            .encode();
    return rpc::RequestMessage{.tid = 7,
                               .to = to,
                               .command = Command::kPeerHandshake,
                               .target = target_of_peer(swarm.keys(10).public_key),
                               .value = value}
        .encode();
  }
  /// The size of it.
  std::size_t ask(const Address& from, const Address& to, const std::optional<Address>& peer = {}) {
    Bytes bytes = question(to, peer);
    const std::size_t size = bytes.size();
    inject(from, to, std::move(bytes));
    return size;
  }
  void inject(const Address& from, const Address& to, Bytes bytes) {
    swarm.world.core().route({.from = from, .to = to, .payload = std::move(bytes)});
  }
  bool open(const Bytes& value) {
    const auto message = HandshakeMessage::decode(value);
    if (!message) return false;
    opened = *initiator.read_message2(message->noise);
    theirs = *NoisePayload::decode(opened->payload);
    return true;
  }
  /// The first packet of the stream: the header, and a record that opens if wanted.
  Bytes first_packet(bool record) {
    secret_stream::Sender sender(opened->session, random().fixed<crypto::StreamHeader>());
    Bytes out(udx::kHeaderSize);
    udx::Header{.flags = udx::kData,
                .stream = udx::StreamId{static_cast<std::uint32_t>(theirs.udx->id)},
                .window = 1 << 20}
        .write(out.data());
    append(out, sender.header_frame());
    if (!record) return out;
    Bytes frame(secret_stream::kFrameOverhead);
    sender.seal(frame);
    append(out, frame);
    return out;
  }
  Random& random() { return swarm.world.random(); }

  Swarm& swarm;
  noise::Initiator initiator;
  udx::StreamId stream{12345};
  Bytes noise;
  std::optional<noise::Initiator::Opened> opened;
  NoisePayload theirs;
};

/// A server with a service that speaks first, at length.
struct Talker {
  static constexpr std::size_t kSpeech = 100'000;

  explicit Talker(std::uint64_t seed, ServerOptions options = as_hsfwd())
      : swarm(seed), host((swarm.grow_to(20), swarm.add_peer(1))) {
    server = swarm.listen(*host, swarm.keys(10), std::move(options), [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
      accepted.back()->send(Bytes(kSpeech, 's'), false);
    });
    swarm.world.run_for(3_s);
  }
  std::unique_ptr<SocketRecorder> connect(Peer& guest, bool hsfwd = true) {
    guest.host().freeze();
    ConnectOptions options;
    if (hsfwd) options.extension = Extension{};
    auto out = std::make_unique<SocketRecorder>(
        guest.dht().connect(swarm.keys(10).public_key, std::move(options)));
    REQUIRE(swarm.world.run_until([&] { return !out->received.empty(); }, 20_s));
    return out;
  }

  Swarm swarm;
  std::unique_ptr<Peer> host;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
};

}  // namespace hsfwd::hyperdht
