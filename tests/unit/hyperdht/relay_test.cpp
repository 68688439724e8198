// SPDX-License-Identifier: Apache-2.0
// Connections through a blind relay, and their move to a direct path.
//
//   server home ── NAT ──┐            ┌── NAT ── client home
//                        ├── core ────┤
//                      DHT nodes    relay
#include <catch2/catch.hpp>

#include "homes.hpp"
#include "hyperdht/relay_node.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr std::size_t kMegabyte = 1024 * 1024;

Bytes generated(std::size_t size, std::uint32_t seed) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::uint8_t>((i * 2654435761u + seed) >> 13);
  }
  return out;
}

/// Not as a comparison, which would print megabytes.
bool is_generated(const Bytes& bytes, std::size_t size, std::uint32_t seed) {
  return bytes == generated(size, seed);
}

struct Net {
  struct Options {
    bool server_names_relay = false;
    bool client_names_relay = true;
    RelayOptions relay;
    sim::LinkProfile link;                              // of both homes
    std::optional<Extension> extension = std::nullopt;  // of both
  };

  Net(const sim::NatProfile& server_nat, const sim::NatProfile& client_nat, std::uint64_t seed)
      : Net(server_nat, client_nat, seed, Options()) {}
  Net(const sim::NatProfile& server_nat, const sim::NatProfile& client_nat, std::uint64_t seed,
      Options options)
      : swarm(seed), options_(std::move(options)) {
    swarm.grow_to(20, {.delay = 10_ms});
    relay_peer = swarm.add_peer(3);
    relay.emplace(relay_peer->dht(), options_.relay);
    REQUIRE(relay->listen(swarm.keys(30), [this](std::size_t relays) { announced = relays; }));
    REQUIRE(swarm.world.run_until([&] { return announced > 0; }, 30_s));
    server_home.emplace(swarm, std::uint8_t{1}, server_nat, options_.link);
    client_home.emplace(swarm, std::uint8_t{2}, client_nat, options_.link);
    ServerOptions server_options;
    if (options_.server_names_relay) server_options.relay_through = {swarm.keys(30).public_key};
    server_options.extension = [this](const auto&, const auto&) { return options_.extension; };
    server = swarm.listen(server_home->peer, swarm.keys(10), std::move(server_options),
                          [this](auto socket) {
                            accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
                            accepted.back()->end_with_peer = end_with_client;
                          });
    swarm.world.run_for(3_s);
  }

  void connect() {
    start = swarm.world.now();
    client_home->peer.host().freeze();
    ConnectOptions options;
    if (options_.client_names_relay) options.relay_through = {swarm.keys(30).public_key};
    options.extension = options_.extension;
    options.timeline = [this](const AttemptEvent& event) {
      timeline += fmt::format("{:6} ms {}: {}\n", (event.at - start).to_millis(),
                              to_string(event.step), event.text);
    };
    client = std::make_unique<SocketRecorder>(
        client_home->peer.dht().connect(swarm.keys(10).public_key, std::move(options)));
    client->socket->set_on_path_changed([this] { moves.push_back(client->socket->path()); });
  }
  /// True once both ends are open.
  bool await_open(Duration limit) {
    return swarm.world.run_until(
               [&] { return client->reset || (client->opened && !accepted.empty()); }, limit) &&
           client->opened;
  }
  SocketRecorder& served() { return *accepted.at(0); }
  void client_sends(Bytes bytes, bool end) {
    client_home->peer.host().freeze();
    client->send(std::move(bytes), end);
  }
  void server_sends(Bytes bytes, bool end) {
    server_home->peer.host().freeze();
    served().send(std::move(bytes), end);
  }

  Swarm swarm;
  const Options options_;
  std::unique_ptr<Peer> relay_peer;
  std::size_t announced = 0;  // of the relay
  std::optional<RelayNode> relay;
  std::optional<Home> server_home;
  std::optional<Home> client_home;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
  std::unique_ptr<SocketRecorder> client;
  bool end_with_client = true;
  std::vector<PathKind> moves;
  std::string timeline;
  Instant start;
};

}  // namespace

TEST_CASE("two random NATs meet at the relay, whoever names it") {
  for (const bool by_server : {false, true}) {
    for (const bool by_client : {false, true}) {
      if (!by_server && !by_client) continue;
      Net net(kRandomNat, kRandomNat, 1,
              {.server_names_relay = by_server, .client_names_relay = by_client});
      net.connect();
      const bool open = net.await_open(10_s);
      INFO(net.timeline);
      REQUIRE(open);
      CHECK(net.client->socket->path() == PathKind::kRelayed);
      CHECK(net.served().socket->path() == PathKind::kRelayed);
      net.client_sends(generated(kMegabyte, 1), true);
      net.server_sends(generated(10'000, 2), false);
      REQUIRE(
          net.swarm.world.run_until([&] { return net.client->ended && net.served().ended; }, 60_s));
      CHECK(is_generated(net.served().received, kMegabyte, 1));
      CHECK(is_generated(net.client->received, 10'000, 2));
      CHECK(net.relay->relay().stats().bytes_forwarded > kMegabyte);
      // Both sides are through and leave the relay with nothing.
      net.client.reset();
      net.accepted.clear();
      net.swarm.world.run_for(20_s);
      CHECK(net.relay->relay().active() == 0);
      CHECK(net.relay->connections() == 0);
      CHECK(net.relay_peer->dht().mux().streams() == 0);
    }
  }
}

TEST_CASE("a relayed connection is soon open: the first packets are not lost at the relay") {
  Net net(kRandomNat, kRandomNat, 2);
  net.connect();
  REQUIRE(net.await_open(10_s));
  net.client_sends(to_bytes(as_bytes("ping")), false);
  net.server_sends(to_bytes(as_bytes("pong")), false);
  REQUIRE(net.swarm.world.run_until(
      [&] { return !net.client->received.empty() && !net.served().received.empty(); }, 5_s));
  INFO(net.timeline);
  CHECK(net.swarm.world.now() - net.start < 1_s);
}

TEST_CASE("a connection moves from the relay to a direct path while data flows both ways") {
  int moved_midway = 0;
  for (std::uint64_t seed = 20; seed < 26; ++seed) {
    const bool random_server = seed % 2 == 0;
    const double loss = seed % 3 == 0 ? 0.02 : 0;
    Net net(random_server ? kRandomNat : kConsistentNat,
            random_server ? kConsistentNat : kRandomNat, seed,
            {.server_names_relay = random_server,
             .client_names_relay = !random_server,
             .link = {.loss = loss, .rate = 3 * kMegabyte}});
    net.end_with_client = false;
    net.connect();
    const bool open = net.await_open(10_s);
    INFO(net.timeline);
    REQUIRE(open);
    net.client_sends(generated(10 * kMegabyte, 1), true);
    net.server_sends(generated(10 * kMegabyte, 2), true);
    net.swarm.world.run_until(
        [&] { return net.client->socket->path() == PathKind::kDirect || net.client->ended; }, 60_s);
    const std::size_t before = net.served().received.size();
    const bool midway = before > kMegabyte && before < 9 * kMegabyte;
    moved_midway += midway;
    REQUIRE(
        net.swarm.world.run_until([&] { return net.client->ended && net.served().ended; }, 120_s));
    CHECK(is_generated(net.served().received, 10 * kMegabyte, 1));
    CHECK(is_generated(net.client->received, 10 * kMegabyte, 2));
    if (!midway) continue;
    CHECK(net.moves == std::vector{PathKind::kDirect});
    CHECK(net.served().socket->path() == PathKind::kDirect);
    // The relay has done its part.
    net.swarm.world.run_for(10_s);
    CHECK(net.relay->relay().active() == 0);
    CHECK(net.relay->connections() == 0);
  }
  CHECK(moved_midway >= 2);
}

TEST_CASE("IP packets go through the relay, know its size, and follow to the direct path") {
  struct Seen : LaneObserver {
    void on_packets(std::span<const MutableBytes> batch) override {
      for (const MutableBytes packet : batch) packets.push_back(to_bytes(packet));
    }
    void on_packets_writable() override {}
    void on_max_packet() override {}
    std::vector<Bytes> packets;
  } seen;
  Net net(kConsistentNat, kRandomNat, 4,
          {.extension = Extension{.features = Extension::kNoService | Extension::kIpPackets}});
  net.connect();
  REQUIRE(net.await_open(10_s));
  REQUIRE(net.client->socket->path() == PathKind::kRelayed);
  net.served().socket->set_packet_observer(&seen);
  const auto passes = [&](std::uint8_t number) {
    net.client_home->peer.host().freeze();
    const std::size_t size = net.client->socket->max_packet();
    Bytes memory(net::kTunnelHeadroom + size + net::kTunnelTailroom, number);
    const MutableBytes packet = MutableBytes(memory).subspan(net::kTunnelHeadroom, size);
    const std::size_t taken = net.client->socket->send_packets({&packet, 1});
    net.swarm.world.run_for(200_ms);
    return taken == 1 && !seen.packets.empty() && seen.packets.back() == Bytes(size, number);
  };
  CHECK(passes(1));
  REQUIRE(net.swarm.world.run_until([&] { return net.client->socket->path() == PathKind::kDirect; },
                                    60_s));
  CHECK(passes(2));
  net.swarm.world.run_for(5_s);
  CHECK(passes(3));
  CHECK(net.client->socket->max_packet() == 1500 - 48 - 25);
}

TEST_CASE("an idle connection moves, too, and then does without the relay") {
  Net net(kConsistentNat, kRandomNat, 4);
  net.connect();
  REQUIRE(net.await_open(10_s));
  REQUIRE(net.client->socket->path() == PathKind::kRelayed);
  REQUIRE(net.swarm.world.run_until(
      [&] {
        return net.client->socket->path() == PathKind::kDirect &&
               net.served().socket->path() == PathKind::kDirect;
      },
      60_s));
  net.swarm.world.run_for(30_s);
  CHECK(net.relay->connections() == 0);
  net.client_sends(generated(100'000, 1), true);
  REQUIRE(net.swarm.world.run_until([&] { return net.served().ended; }, 10_s));
  CHECK(is_generated(net.served().received, 100'000, 1));
}

TEST_CASE("where a punch gets through at once the relay is not needed") {
  Net net(kConsistentNat, kConsistentNat, 5);
  net.connect();
  REQUIRE(net.await_open(10_s));
  net.client_sends(generated(kMegabyte, 1), true);
  REQUIRE(net.swarm.world.run_until([&] { return net.served().ended; }, 20_s));
  CHECK(net.client->socket->path() == PathKind::kDirect);
  net.swarm.world.run_for(70_s);
  CHECK(net.relay->connections() == 0);
  CHECK(net.relay->relay().waiting() == 0);
}

TEST_CASE("one end of a connection through the relay may go on after the other has ended") {
  Net net(kRandomNat, kRandomNat, 6);
  net.end_with_client = false;
  net.connect();
  REQUIRE(net.await_open(10_s));
  net.client_sends(to_bytes(as_bytes("that is all")), true);
  REQUIRE(net.swarm.world.run_until([&] { return net.served().ended; }, 10_s));
  net.swarm.world.run_for(90_s);
  net.server_sends(generated(200'000, 3), true);
  REQUIRE(net.swarm.world.run_until([&] { return net.client->ended; }, 30_s));
  CHECK(is_generated(net.client->received, 200'000, 3));
}

TEST_CASE("a relay that closes tells both sides at once") {
  Net net(kRandomNat, kRandomNat, 7);
  net.connect();
  REQUIRE(net.await_open(10_s));
  net.client_sends(generated(kMegabyte, 1), false);
  net.swarm.world.run_for(1_s);
  net.relay_peer->host().freeze();
  net.relay->close([] {});
  REQUIRE(net.swarm.world.run_until([&] { return net.client->reset && net.served().reset; }, 3_s));
  CHECK(net.client->socket->error() == ConnectError::kRelayAborted);
}

TEST_CASE("a relay that vanishes is noticed by silence") {
  Net net(kRandomNat, kRandomNat, 8);
  net.connect();
  REQUIRE(net.await_open(10_s));
  net.relay_peer->host().link().set_connected(false);
  REQUIRE(net.swarm.world.run_until([&] { return net.client->reset && net.served().reset; }, 40_s));
}

TEST_CASE("no relay under the key: the attempt fails in time, and with the reason of the punch") {
  Net net(kRandomNat, kRandomNat, 9);
  net.relay_peer->host().link().set_connected(false);
  net.connect();
  REQUIRE(net.swarm.world.run_until([&] { return net.client->reset.has_value(); }, 20_s));
  CHECK(net.client->socket->error() == ConnectError::kHolepunchAborted);
  CHECK(net.client_home->peer.dht().relay_connections().size() == 0);
}

TEST_CASE("a relay lets in whom it is told to, by the key of the node") {
  const crypto::PublicKey welcome = Swarm(0).keys(2).public_key;  // the client's
  RelayOptions relay;
  relay.allow = [welcome](const Visitor& visitor) { return visitor.key == welcome; };
  Net net(kRandomNat, kRandomNat, 10, {.relay = std::move(relay)});
  net.connect();
  REQUIRE(net.swarm.world.run_until([&] { return net.client->reset.has_value(); }, 20_s));
  CHECK(net.relay->relay().stats().sessions_accepted == 1);
}

TEST_CASE("a relay forwards no more than its rate, and the transfer adapts to it") {
  RelayOptions relay;
  relay.limits.rate = 400'000;
  Net net(kRandomNat, kRandomNat, 11, {.relay = std::move(relay)});
  net.connect();
  REQUIRE(net.await_open(10_s));
  net.client_sends(generated(kMegabyte, 1), true);
  const Instant begin = net.swarm.world.now();
  REQUIRE(net.swarm.world.run_until([&] { return net.served().ended; }, 60_s));
  const Duration took = net.swarm.world.now() - begin;
  CHECK(is_generated(net.served().received, kMegabyte, 1));
  CHECK(took > 2_s);
  CHECK(took < 10_s);
}

TEST_CASE("connections through one relay share the way to it") {
  Net net(kRandomNat, kRandomNat, 12);
  net.connect();
  REQUIRE(net.await_open(10_s));
  const auto first = std::move(net.client);
  first->socket->set_on_path_changed(nullptr);
  net.connect();
  REQUIRE(net.swarm.world.run_until([&] { return net.client->opened && net.accepted.size() == 2; },
                                    10_s));
  CHECK(net.relay->connections() == 2);
  CHECK(net.relay->relay().active() == 2);
  net.client.reset();
  net.swarm.world.run_for(2_s);
  CHECK(net.relay->relay().active() == 1);
  first->send(generated(10'000, 1), true);
  REQUIRE(net.swarm.world.run_until([&] { return net.served().ended; }, 10_s));
}

TEST_CASE("who has moved asks a relay from its new place, not over the way from the old one") {
  Net net(kRandomNat, kRandomNat, 14);
  net.connect();
  REQUIRE(net.await_open(10_s));
  const auto first = std::move(net.client);
  first->socket->set_on_path_changed(nullptr);
  net.client_home->nat.set_pool({net::Ipv4::of(81, 2, 1, 2)});
  net.client_home->peer.host().freeze();
  net.client_home->peer.dht().on_interfaces_changed();
  net.connect();
  // The old way is found to be dead after 2.5 s.
  const bool open = net.await_open(2_s);
  INFO(net.timeline);
  REQUIRE(open);
  CHECK(net.client->socket->path() == PathKind::kRelayed);
  REQUIRE(net.swarm.world.run_until([&] { return first->reset.has_value(); }, 5_s));
  CHECK(net.client_home->peer.dht().relay_connections().size() == 1);
}

TEST_CASE("a relayed connection outlives the server it came through") {
  Net net(kRandomNat, kRandomNat, 13);
  net.connect();
  REQUIRE(net.await_open(10_s));
  net.server_home->peer.host().freeze();
  net.server.reset();
  net.swarm.world.run_for(30_s);
  net.client_sends(generated(100'000, 1), true);
  REQUIRE(net.swarm.world.run_until([&] { return net.served().ended; }, 10_s));
  CHECK(is_generated(net.served().received, 100'000, 1));
}

namespace {

/// Both roles of one token, and the legs that the relay gives them.
struct Legs final : RelayPairing::Observer {
  Legs(Peer& p, const crypto::PublicKey& relay)
      : peer(p), info{.public_key = relay, .token = peer.host().env().random.fixed<RelayToken>()} {
    for (const bool initiator : {false, true}) {
      pairings.push_back(std::make_unique<RelayPairing>(peer.dht().relay_connections(), info,
                                                        RelayIdentity::kNode, initiator,
                                                        udx::StreamId{77}, *this));
    }
  }
  void on_relay_paired(net::UdpSocket&, const Address&, udx::StreamId leg, Duration) override {
    ids.push_back(leg);
  }
  void on_relay_gone() override {}
  /// A packet for a leg, from a socket that the relay has not heard of.
  void send(std::size_t leg, const Address& to) {
    std::array<std::uint8_t, udx::kHeaderSize> packet{};
    udx::Header{.flags = udx::kHeartbeat, .stream = ids.at(leg)}.write(packet.data());
    peer.host().freeze();
    peer.dht().endpoint().client().send_one(to, packet);
  }

  Peer& peer;
  RelayThroughInfo info;
  std::vector<udx::StreamId> ids;
  std::vector<std::unique_ptr<RelayPairing>> pairings;
};

}  // namespace

TEST_CASE("a leg that begins at the punching socket of a relay survives its renewal") {
  Swarm swarm(14);
  swarm.grow_to(20, {.delay = 10_ms});
  sim::NatProfile lenient = kConsistentNat;
  lenient.filtering = sim::NatBehavior::kEndpointIndependent;
  Home home(swarm, 1, lenient);
  Dht& dht = home.peer.dht();
  RelayNode relay(dht, {});
  std::size_t announced = 0;
  REQUIRE(relay.listen(swarm.keys(30), [&](std::size_t relays) { announced = relays; }));
  REQUIRE(swarm.world.run_until(
      [&] { return announced > 0 && dht.punch_socket() && dht.punch_socket()->ready(); }, 30_s));
  const auto guest = swarm.add_peer(2);
  guest->host().freeze();
  Legs legs(*guest, swarm.keys(30).public_key);
  REQUIRE(swarm.world.run_until([&] { return legs.ids.size() == 2; }, 20_s));

  const auto outer = [&](net::UdpSocket& socket) {
    return Address{home.nat.address(), socket.local_address().port};
  };
  legs.send(0, outer(dht.punch_socket()->socket()->socket()));
  swarm.world.run_for(100_ms);
  home.peer.host().freeze();
  dht.on_interfaces_changed();
  swarm.world.run_for(100_ms);
  CHECK(relay.relay().stats().packets_forwarded == 1);
  const std::uint64_t sent = home.peer.host().sent();
  legs.send(1, outer(dht.node().sending_socket()));
  swarm.world.run_for(20_ms);
  CHECK(relay.relay().stats().packets_forwarded == 2);
  CHECK(home.peer.host().sent() > sent);
  CHECK(dht.endpoint().pool_size() == 2);

  guest->host().freeze();
  legs.pairings.clear();
  swarm.world.run_for(5_s);
  CHECK(dht.endpoint().pool_size() == 1);
  swarm.world.run_for(20_s);
}

TEST_CASE("a server lets go of a client whose punch was put off and whose relay is dead") {
  const bool leaves = GENERATE(true, false);
  CAPTURE(leaves);
  Net net(kConsistentNat, kRandomNat, 15);
  net.relay_peer->host().link().set_connected(false);
  // As during a random punch for somebody else.
  net.server_home->peer.dht().punch_budget().begin();
  net.connect();
  REQUIRE(net.swarm.world.run_until(
      [&] { return net.timeline.find("busy with another") != std::string::npos; }, 30_s));
  if (leaves) {
    net.client_home->peer.host().freeze();
    net.client.reset();
  } else {
    net.server_home->peer.dht().punch_budget().end();
    CHECK(net.await_open(40_s));
  }
  net.swarm.world.run_for(1_min);
  INFO(net.timeline);
  CHECK(net.server->sessions() == 0);
  CHECK(net.server->stats().abandoned == (leaves ? 1 : 0));
}
