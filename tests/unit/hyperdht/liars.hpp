// SPDX-License-Identifier: Apache-2.0
// Clients and introducers that say what is not so, and a host that has nothing to do with it.
#pragma once

#include <algorithm>
#include <set>

#include "homes.hpp"
#include "hyperdht/wire/secure_payload.hpp"

namespace hsfwd::hyperdht {

/// A whole host: whatever port a datagram is for, it is counted.
class Ear final : public sim::Station {
 public:
  Ear(Swarm& swarm, net::Ipv4 host) : host(host), link_(swarm.world, *this, {}) {
    swarm.world.core().attach(host, link_);
  }
  void receive(sim::Packet packet) override {
    if (packet.payload.size() <= 1) {
      ++punches;
      ports.insert(packet.to.port);
    }
  }
  const net::Ipv4 host;
  std::size_t punches = 0;
  std::set<std::uint16_t> ports;

 private:
  sim::Link link_;
};

/// A client of its own invention together with relays of the server's that lie for it: they name
/// any client, and tell each other what is answered to it.
class Liars {
 public:
  Liars(Swarm& swarm, Server& server, const crypto::PublicKey& key, net::Ipv4 host)
      : swarm_(swarm), key_(key), ear_(swarm, host) {
    relays_ = server.announcer()->relays();
    // What is sent to a relay it hears, whatever an honest one would pass on.
    swarm_.world.set_tap([this](const sim::Packet& packet) { overhear(packet); });
  }
  ~Liars() { swarm_.world.set_tap({}); }
  Liars(const Liars&) = delete;
  Liars& operator=(const Liars&) = delete;

  struct Session {
    crypto::Hash64 hash;
    std::uint64_t id = 0;
    Address punch_socket;  // as the relay sees it
  };
  struct Claim {
    Firewall firewall = Firewall::kConsistent;
    std::vector<Address> addresses;
    Address seen;
    bool punching = true;
    std::optional<crypto::Hash32> token;
    std::optional<Address> opened;
  };

  const RelayInfo& relay(std::size_t i) const { return relays_.at(i); }
  Address self() const { return {ear_.host, 4000}; }

  std::optional<Session> open(std::size_t relay) { return open(relay, self()); }
  std::optional<Session> open(std::size_t relay, const Address& seen) {
    noise::Initiator initiator(crypto::KeyPair::generate(random_), key_,
                               name_space_of(Command::kPeerHandshake).view());
    const NoisePayload payload{.udx = UdxInfo{.id = random_.u32()}, .secret_stream = 1};
    HandshakeMessage message{.mode = Mode::kFromRelay};
    message.noise = *initiator.write_message1(crypto::KeyPair::generate(random_), payload.encode());
    message.peer_address = seen;
    last_handshake_ = message.noise;
    heard_.reset();
    asked_ = tid_;
    say(relay, Command::kPeerHandshake, message.encode());
    if (!swarm_.world.run_until([&] { return heard_.has_value(); }, 5_s)) return std::nullopt;
    const auto answer = HandshakeMessage::decode(heard_->value);
    const auto opened = answer ? initiator.read_message2(answer->noise) : Err(Errc::kMalformed);
    const auto theirs = opened ? NoisePayload::decode(opened->payload) : Err(Errc::kMalformed);
    if (!theirs || !theirs->holepunch) return std::nullopt;
    return Session{opened->session.hash, theirs->holepunch->id, heard_->from};
  }

  /// The last handshake once more, through a relay that tells the truth: it was told of a client by
  /// another relay.
  void repeat_handshake_through(Address honest, const Address& seen) {
    HandshakeMessage message{.mode = Mode::kFromRelay, .noise = last_handshake_};
    message.peer_address = seen;
    inject(self(), honest, Command::kPeerHandshake, message.encode());
  }

  void ask(std::size_t relay, const Session& session, const Claim& claim) {
    const HolepunchPayload payload{.firewall = claim.firewall,
                                   .round = round_++,
                                   .punching = claim.punching,
                                   .addresses = claim.addresses,
                                   .remote_address = claim.opened,
                                   .remote_token = claim.token};
    const HolepunchMessage message{
        .mode = Mode::kFromRelay,
        .id = session.id,
        .payload = SecurePayload(SecurePayload::shared_key(session.hash), random_).seal(payload),
        .peer_address = claim.seen};
    say(relay, Command::kPeerHolepunch, message.encode());
  }

  /// What the server sends a client at `seen` through the relay, which keeps it.
  std::optional<crypto::Hash32> token(std::size_t relay, const Session& session, Ear& victim) {
    heard_.reset();
    asked_ = tid_;
    ask(relay, session,
        {.addresses = {{victim.host, 1}},
         .seen = {victim.host, 1},
         .punching = false,
         .token = {},
         .opened = {}});
    swarm_.world.run_until([&] { return heard_.has_value(); }, 5_s);
    const auto message = heard_ ? HolepunchMessage::decode(heard_->value) : Err(Errc::kMalformed);
    if (!message) return std::nullopt;
    const auto payload =
        SecurePayload(SecurePayload::shared_key(session.hash), random_).open(message->payload);
    return payload ? payload->token : std::nullopt;
  }

 private:
  /// What the server says to a client through one of its relays, seen on the relay's side of all
  /// NATs.
  void overhear(const sim::Packet& packet) {
    const bool to_relay = std::any_of(relays_.begin(), relays_.end(), [&](const RelayInfo& relay) {
      return relay.relay_address == packet.to;
    });
    if (!to_relay || net::is_bogon(packet.from.host)) return;
    const auto request = rpc::decode_request(packet.payload);
    if (!request || !request->value || request->tid != asked_) return;
    heard_ = Heard{to_bytes(*request->value), packet.from};
  }
  void say(std::size_t relay, Command command, ByteView value) {
    inject(relays_.at(relay).relay_address, relays_.at(relay).peer_address, command, value);
  }
  void inject(const Address& from, const Address& to, Command command, ByteView value) {
    const rpc::RequestMessage request{.tid = tid_++,
                                      .to = to,
                                      .command = command,
                                      .target = target_of_peer(key_),
                                      .value = value};
    swarm_.world.core().route({.from = from, .to = to, .payload = request.encode()});
  }

  struct Heard {
    Bytes value;
    Address from;
  };

  Swarm& swarm_;
  const crypto::PublicKey key_;
  Ear ear_;
  std::uint16_t asked_ = 0;  // the transaction whose answer is waited for
  std::optional<Heard> heard_;
  sim::SeededRandom random_{7};
  std::vector<RelayInfo> relays_;
  Bytes last_handshake_;
  std::uint16_t tid_ = 1;
  std::uint64_t round_ = 0;
};

}  // namespace hsfwd::hyperdht
