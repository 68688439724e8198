// SPDX-License-Identifier: Apache-2.0
// Somebody sees the packets of a connection, knows its ids and numbers, and says things in the
// peers' names: from elsewhere, or from the path itself.
#include <catch2/catch.hpp>

#include "hyperdht/wire/farewell.hpp"
#include "swarm.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr std::size_t kPart = 20'000;
constexpr net::Address kElsewhere{net::Ipv4::of(66, 6, 6, 6), 6666};

Bytes spoken(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  return out;
}

enum class PeerKind {
  kStock,
  kFirst,   // hsfwd whose keys beside the stream are no secret
  kBefore,  // hsfwd of before there were packets
  kHsfwd,
};

std::uint64_t features_of(PeerKind kind) {
  constexpr std::uint64_t kFirst = Extension::kSealedEnd;
  constexpr std::uint64_t kBefore = kFirst | Extension::kSecretKeys;
  if (kind == PeerKind::kHsfwd) return Extension::kOfConnections;
  return kind == PeerKind::kBefore ? kBefore : kFirst;
}

/// A connection of which the server has sent the first part, and the client a word.
struct Watched {
  explicit Watched(PeerKind kind) : swarm(51) {
    swarm.grow_to(20);
    host = swarm.add_peer(1);
    DhtOptions dht;
    dht.connection_features = features_of(kind);
    guest = swarm.add_peer(2, {}, dht);
    ServerOptions server_options;
    server_options.extension = [](const auto&, const auto& theirs) { return theirs; };
    server = swarm.listen(*host, swarm.keys(10), server_options, [this](auto socket) {
      accepted = std::make_unique<SocketRecorder>(std::move(socket));
    });
    swarm.world.set_tap([this](const sim::Packet& packet) { see(packet); });
    ConnectOptions options;
    if (kind != PeerKind::kStock) options.extension = Extension{};
    guest->host().freeze();
    client = std::make_unique<SocketRecorder>(
        guest->dht().connect(swarm.keys(10).public_key, std::move(options)));
    REQUIRE(swarm.world.run_until([&] { return client->opened && accepted; }, 10_s));
    client->send(Bytes{1}, false);
    host->host().freeze();
    accepted->send(spoken(kPart), false);
    REQUIRE(swarm.world.run_until([&] { return client->received.size() == kPart; }, 10_s));
    swarm.world.run_for(1_s);
  }

  /// To the client, in the server's name.
  void forge(const net::Address& from, std::uint8_t flags, Bytes body = {}) {
    Bytes packet(udx::kHeaderSize);
    udx::Header{.flags = flags,
                .stream = client->socket->raw().id(),
                .window = 1 << 22,
                .seq = from_client.ack,
                .ack = from_client.seq}
        .write(packet.data());
    append(packet, body);
    inject(from, client_address, std::move(packet));
    swarm.world.run_for(200_ms);
  }
  void inject(const net::Address& from, const net::Address& to, Bytes packet) {
    swarm.world.core().route({.from = from, .to = to, .payload = std::move(packet)});
  }
  /// The server says the rest and ends; true if the client gets it all.
  bool gets_the_rest() {
    host->host().freeze();
    accepted->send(spoken(2 * kPart), true);
    return swarm.world.run_until([&] { return client->ended; }, 10_s) && !client->reset &&
           client->received == spoken(2 * kPart);
  }

  void see(const sim::Packet& packet) {
    if (!client || !client->socket || !accepted || !accepted->socket) return;
    const auto udx = udx::Packet::parse(packet.payload);
    if (!udx) return;
    if (udx->header.stream == accepted->socket->raw().id()) {
      from_client = udx->header;
      client_address = packet.from;
      server_address = packet.to;
    } else if (udx->header.stream == client->socket->raw().id() && on_packet_of_server) {
      on_packet_of_server(packet, *udx);
    }
  }

  Swarm swarm;
  std::unique_ptr<Peer> host;
  std::unique_ptr<Peer> guest;
  std::unique_ptr<SocketRecorder> accepted;
  std::unique_ptr<SocketRecorder> client;
  std::unique_ptr<Server> server;
  udx::Header from_client;  // the last
  net::Address client_address;
  net::Address server_address;
  std::function<void(const sim::Packet&, const udx::Packet&)> on_packet_of_server;
};

const std::string kCutText = describe(ConnectError::kCut);

}  // namespace

TEST_CASE("ends, resets and rubbish from elsewhere change nothing, between any peers") {
  const PeerKind kind = GENERATE(PeerKind::kStock, PeerKind::kHsfwd);
  Watched net(kind);
  const net::Address next_port{net.server_address.host,
                               static_cast<std::uint16_t>(net.server_address.port + 1)};
  for (const auto& from : {kElsewhere, next_port}) {
    for (const std::uint8_t flags : {udx::kEnd, udx::kDestroy, udx::kData}) {
      net.forge(from, flags, flags == udx::kData ? Bytes(35, 0x99) : Bytes());
    }
  }
  CHECK(net.client->socket->stats().packets_refused == 6);
  CHECK(!net.client->ended);
  CHECK(net.gets_the_rest());
}

TEST_CASE("an end that somebody on the path forges is a cut, which both sides hear of") {
  Watched net(PeerKind::kHsfwd);
  net.forge(net.server_address, udx::kEnd);
  CHECK(!net.client->ended);
  CHECK(net.client->reset == kCutText);
  CHECK(net.client->socket->error() == ConnectError::kCut);
  CHECK(net.accepted->reset == describe(ConnectError::kReset, kCutText));
}

// What upstream promises, and no more.
TEST_CASE("with a stock peer an end on the path is an end") {
  Watched net(PeerKind::kStock);
  net.forge(net.server_address, udx::kEnd);
  CHECK(net.client->ended);
  CHECK(!net.client->reset);
}

TEST_CASE("a cut is a cut when our own direction has ended before") {
  Watched net(PeerKind::kHsfwd);
  net.guest->host().freeze();
  net.client->socket->end();
  net.swarm.world.run_for(1_s);
  REQUIRE(net.accepted->ended);
  net.forge(net.server_address, udx::kEnd);
  CHECK(!net.client->ended);
  CHECK(net.client->reset == kCutText);
}

TEST_CASE("rubbish from the path breaks the connection, with a reason") {
  Watched net(PeerKind::kHsfwd);
  net.forge(net.server_address, udx::kData,
            Bytes{17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17});
  CHECK(net.client->socket->error() == ConnectError::kBroken);
}

TEST_CASE("the sealed end is the end, whatever becomes of the raw one") {
  Watched net(PeerKind::kHsfwd);
  // The flag is taken from the packet that has it, and the packet itself comes too late.
  int taken = 0;
  net.on_packet_of_server = [&](const sim::Packet& packet, const udx::Packet& udx) {
    if (!udx.header.has(udx::kEnd) || packet.from != net.server_address) return;
    Bytes changed = packet.payload;
    changed[2] &= static_cast<std::uint8_t>(~udx::kEnd);
    ++taken;
    net.swarm.world.at(net.swarm.world.now(), [&net, packet, changed] {
      net.on_packet_of_server = nullptr;
      net.inject(packet.from, packet.to, changed);
    });
  };
  CHECK(net.gets_the_rest());
  CHECK(taken == 1);
  // Both are through with it as usual.
  net.guest->host().freeze();
  net.client->socket->end();
  CHECK(net.swarm.world.run_until(
      [&] { return net.client->socket->flushed() && net.accepted->ended; }, 10_s));
  CHECK(!net.client->reset);
  CHECK(!net.accepted->reset);
}

TEST_CASE("both directions end, one long after the other, with nothing in between") {
  Watched net(PeerKind::kHsfwd);
  REQUIRE(net.gets_the_rest());
  net.swarm.world.run_for(60_s);  // no keepalive behind the end
  net.guest->host().freeze();
  net.client->send(spoken(3 * kPart), true);
  REQUIRE(net.swarm.world.run_until([&] { return net.accepted->ended; }, 10_s));
  CHECK(net.accepted->received.size() == 3 * kPart);
  REQUIRE(net.swarm.world.run_until(
      [&] { return net.client->socket->flushed() && net.accepted->socket->flushed(); }, 10_s));
  CHECK(!net.client->reset);
  CHECK(!net.accepted->reset);
}

TEST_CASE("a farewell under the handshake's hash, or a true one again, says nothing") {
  const PeerKind kind = GENERATE(PeerKind::kBefore, PeerKind::kHsfwd);
  Watched net(kind);
  const auto hash_only = [&](bool initiator) {
    noise::Session session;
    session.hash = net.client->socket->handshake_hash();
    session.initiator = initiator;
    return secret_stream::Unordered(session, net.swarm.world.random());
  };
  auto forger = hash_only(false);
  net.forge(net.server_address, udx::kMessage, *forger.seal(Farewell{"forged"}.as_message()));
  CHECK(net.client->socket->error_detail().empty());
  // What the server says beside the stream nobody else reads, and the client hears once.
  Bytes recorded;
  net.on_packet_of_server = [&](const sim::Packet&, const udx::Packet& udx) {
    if (udx.header.has(udx::kMessage)) recorded = to_bytes(udx.payload);
  };
  net.host->host().freeze();
  net.accepted->socket->send_unordered(as_bytes("once"));
  net.swarm.world.run_for(1_s);
  REQUIRE(net.client->messages.size() == 1);
  CHECK(!hash_only(true).open(recorded).ok());
  net.forge(net.server_address, udx::kMessage, recorded);
  CHECK(net.client->messages.size() == 1);
}

TEST_CASE("a reason gets through to hsfwd peers of any age that have secret keys") {
  const PeerKind kind = GENERATE(PeerKind::kBefore, PeerKind::kHsfwd);
  Watched net(kind);
  net.host->host().freeze();
  net.accepted->socket->send_unordered(as_bytes("by the way"));
  net.accepted->socket->reset_because("service web: Connection refused");
  net.swarm.world.run_for(1_s);
  REQUIRE(net.client->reset);
  CHECK(net.client->reset->find("service web: Connection refused") != std::string::npos);
  CHECK(net.client->messages == std::vector<Bytes>{to_bytes(as_bytes("by the way"))});
}

TEST_CASE("a forger with the handshake's hash is not heard in packets, either") {
  Watched net(PeerKind::kHsfwd);
  noise::Session session;
  session.hash = net.client->socket->handshake_hash();
  secret_stream::Packets forger(session);
  const Bytes farewell = Farewell{"forged"}.encode();
  Bytes packet(secret_stream::Packets::kOverhead + farewell.size());
  copy_bytes(farewell,
             MutableBytes(packet).subspan(secret_stream::Packets::kHeadroom, farewell.size()));
  REQUIRE(forger.seal(secret_stream::PacketChannel::kControl, packet));
  net.forge(net.server_address, udx::kMessage, packet);
  CHECK(net.client->socket->error_detail().empty());
  CHECK(net.gets_the_rest());
}

TEST_CASE("what an application says beside the stream is never taken for hsfwd's own") {
  Watched net(PeerKind::kHsfwd);
  const Bytes looks_like_one = Farewell{"the moon is full"}.as_message();
  net.host->host().freeze();
  net.accepted->socket->send_unordered(looks_like_one);
  net.accepted->socket->send_unordered(Farewell{"the moon is full"}.encode());
  net.swarm.world.run_for(1_s);
  REQUIRE(net.client->messages.size() == 2);
  CHECK(net.client->messages[0] == looks_like_one);
  CHECK(net.client->messages[1] == Farewell{"the moon is full"}.encode());
  CHECK(net.client->socket->error_detail().empty());
}

TEST_CASE("a peer whose messages others can read is told no reason, and not believed in one") {
  Watched net(PeerKind::kFirst);
  net.host->host().freeze();
  SECTION("told") {
    net.accepted->socket->reset_because("service secret: Connection refused");
    net.swarm.world.run_for(1_s);
    REQUIRE(net.client->reset);
    CHECK(net.client->reset->find("secret") == std::string::npos);
    CHECK(net.client->reset->find("newer versions") != std::string::npos);
  }
  SECTION("believed") {
    // As the first hsfwd told it, and as anybody can who has seen the handshake.
    noise::Session session;
    session.hash = net.client->socket->handshake_hash();
    secret_stream::Unordered messages(session, net.swarm.world.random());
    net.forge(net.server_address, udx::kMessage,
              *messages.seal(Farewell{"the moon is full"}.as_message()));
    net.accepted->socket->reset();
    net.swarm.world.run_for(1_s);
    REQUIRE(net.client->reset);
    CHECK(net.client->reset->find("the moon is full (may not be the peer's words") !=
          std::string::npos);
  }
}
