// SPDX-License-Identifier: Apache-2.0
// The network of a machine changes under its connections.
#include <catch2/catch.hpp>

#include "homes.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// A client that is connected to a server and sends.
struct Connected {
  explicit Connected(std::uint64_t seed) : swarm(seed) {
    swarm.grow_to(20);
    host = swarm.add_peer(1);
    guest = swarm.add_peer(2);
    server = swarm.listen(*host, swarm.keys(10), {}, [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
    });
    connect();
  }
  void connect() {
    guest->host().freeze();
    client = std::make_unique<SocketRecorder>(guest->dht().connect(swarm.keys(10).public_key));
    REQUIRE(swarm.world.run_until([&] { return client->opened; }, 10_s));
    client->send(Bytes(3'000'000, 7), false);
    swarm.world.run_for(100_ms);
  }
  Swarm swarm;
  std::unique_ptr<Peer> host;
  std::unique_ptr<Peer> guest;
  std::unique_ptr<Server> server;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<SocketRecorder> client;
};

}  // namespace

TEST_CASE("a change of address under a transfer is noticed within seconds") {
  Connected run(21);
  run.guest->host().set_address(run.swarm.world.core(), net::Ipv4::of(60, 9, 9, 9));
  run.guest->host().freeze();
  run.guest->dht().on_interfaces_changed();
  REQUIRE(run.swarm.world.run_until([&] { return run.client->reset.has_value(); }, 5_s));
  CHECK(run.client->socket->error() == ConnectError::kTimedOut);
  CHECK(run.client->socket->error_detail() == "this machine's network changed");

  run.connect();
  CHECK(!run.client->reset);
}

TEST_CASE("a change of interfaces that the path does not use disturbs nobody") {
  Connected run(22);
  run.guest->dht().on_interfaces_changed();
  run.host->dht().on_interfaces_changed();
  run.swarm.world.run_for(10_s);
  CHECK(!run.client->reset);
  CHECK(run.accepted[0]->received.size() == 3'000'000);
}

namespace {

/// A server and a client at home, who talk for a second.
struct Homes {
  explicit Homes(std::uint64_t seed) : swarm(seed) {
    swarm.grow_to(20);
    server_home.emplace(swarm, std::uint8_t{1}, kConsistentNat);
    client_home.emplace(swarm, std::uint8_t{2}, kConsistentNat);
    server = swarm.listen(server_home->peer, swarm.keys(10), {}, [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
      accepted.back()->send(Bytes(50'000'000, 8), false);
    });
    swarm.world.run_for(3_s);
    first = connect();
    first->send(Bytes(50'000'000, 7), false);
    swarm.world.run_for(1_s);
  }
  std::unique_ptr<SocketRecorder> connect() {
    client_home->peer.host().freeze();
    auto out = std::make_unique<SocketRecorder>(
        client_home->peer.dht().connect(swarm.keys(10).public_key));
    REQUIRE(swarm.world.run_until([&] { return out->opened; }, 10_s));
    return out;
  }
  Swarm swarm;
  std::optional<Home> server_home;
  std::optional<Home> client_home;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
  std::unique_ptr<SocketRecorder> first;
};

}  // namespace

TEST_CASE("a server whose line is renumbered in a transfer is found again within seconds") {
  Homes homes(23);
  homes.server_home->nat.set_pool({net::Ipv4::of(81, 1, 1, 99)});
  REQUIRE(homes.swarm.world.run_until([&] { return homes.first->reset.has_value(); }, 12_s));
  CHECK(homes.first->socket->error_detail() == "the peer is there, but no longer on this path");
  homes.connect();
}

TEST_CASE("a server lets go of a client that comes back by another way") {
  Homes homes(25);
  homes.client_home->nat.set_pool({net::Ipv4::of(81, 2, 1, 99)});
  REQUIRE(homes.swarm.world.run_until([&] { return homes.first->reset.has_value(); }, 12_s));
  const auto second = homes.connect();
  REQUIRE(homes.swarm.world.run_until([&] { return homes.accepted[0]->reset.has_value(); }, 4_s));
  CHECK(homes.accepted[0]->socket->error_detail() == "the peer is at another address now");
  homes.swarm.world.run_for(10_s);
  CHECK(!second->reset);
  CHECK(!homes.accepted[1]->reset);
}

namespace {

/// A server on a machine that goes from one network to another, with a client at home.
struct Roaming {
  explicit Roaming(std::uint64_t seed) : swarm(seed) {
    swarm.grow_to(20, {.delay = 10_ms});
    inside = &swarm.world.add_segment(1);
    nat.emplace(swarm.world, *inside, swarm.world.core(),
                std::vector<net::Ipv4>{net::Ipv4::of(81, 9, 1, 1)}, kConsistentNat,
                sim::LinkProfile{}, 9);
    client_home.emplace(swarm, std::uint8_t{2}, kConsistentNat);
  }
  void start_at_home() {
    home.emplace(swarm, std::uint8_t{3}, kConsistentNat);
    start(home->peer);
  }
  void start_in_public() {
    public_host = swarm.add_peer(1);
    start(*public_host);
  }
  void start(Peer& peer) {
    host = &peer;
    ServerOptions options;
    options.on_reachability = [this](const Reachability& r) { report = r; };
    server = swarm.listen(peer, swarm.keys(10), std::move(options), [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
    });
    swarm.world.run_for(5_s);
  }
  void go_to(sim::Segment& segment, net::Ipv4 address) {
    host->host().set_address(segment, address);
    change_interfaces();
  }
  void change_interfaces() {
    host->host().freeze();
    host->dht().on_interfaces_changed();
    host->host().run();
  }
  bool open() const { return host->node().remote_address() == host->address(); }
  /// Whether a new client gets an answer from the server within the time.
  bool reached_within(Duration time) {
    client_home->peer.host().freeze();
    client = std::make_unique<SocketRecorder>(
        client_home->peer.dht().connect(swarm.keys(10).public_key));
    const std::size_t before = accepted.size();
    if (!swarm.world.run_until([&] { return client->opened && accepted.size() > before; }, time)) {
      return false;
    }
    accepted.back()->send(Bytes(1000, 3), false);
    return swarm.world.run_until([&] { return client->received.size() == 1000; }, 2_s);
  }
  Swarm swarm;
  sim::Segment* inside = nullptr;
  std::optional<sim::Nat> nat;
  std::optional<Home> client_home;
  std::optional<Home> home;  // of the server
  std::unique_ptr<Peer> public_host;
  Peer* host = nullptr;  // that of the server, either
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::optional<Reachability> report;
  std::unique_ptr<Server> server;
  std::unique_ptr<SocketRecorder> client;
};

const net::Ipv4 kAtHome = net::Ipv4::of(192, 168, 9, 2);
const net::Ipv4 kOutside = net::Ipv4::of(60, 9, 9, 9);

}  // namespace

TEST_CASE("an open server that moves behind a NAT is reached there, and back outside") {
  Roaming run(26);
  run.start_in_public();
  REQUIRE(run.open());
  run.go_to(*run.inside, kAtHome);
  CHECK(!run.host->node().remote_address());
  run.swarm.world.run_for(3_s);
  CHECK(run.reached_within(7_s));
  CHECK(run.client->socket->path() == PathKind::kDirect);
  CHECK(!run.host->node().remote_address());
  CHECK(run.host->node().firewalled());
  run.swarm.world.run_for(90_s);
  REQUIRE(run.report);
  CHECK(run.report->reachable());

  run.go_to(run.swarm.world.core(), kOutside);
  REQUIRE(run.swarm.world.run_until([&] { return run.open(); }, 5_s));
  CHECK(run.host->dht().punch_socket() == nullptr);
  CHECK(run.reached_within(5_s));
}

TEST_CASE("an open server that sleeps and wakes up behind a NAT is reached there") {
  Roaming run(30);
  run.start_in_public();
  run.host->host().sleep();
  run.host->host().set_address(*run.inside, kAtHome);
  run.swarm.world.run_for(10_min);
  run.host->host().wake();
  run.swarm.world.run_for(3_s);
  CHECK(run.reached_within(7_s));
  CHECK(run.host->node().firewalled());
}

TEST_CASE("a server at home that moves to a public address is open there") {
  Roaming run(27);
  run.start_at_home();
  REQUIRE(!run.host->node().remote_address());
  run.go_to(run.swarm.world.core(), kOutside);
  REQUIRE(run.swarm.world.run_until([&] { return run.open(); }, 5_s));
  CHECK(run.reached_within(5_s));
}

TEST_CASE("a client that moves from a public address behind a NAT punches from there") {
  Roaming run(28);
  run.start_at_home();
  const auto guest = run.swarm.add_peer(4);
  REQUIRE(guest->node().remote_address());
  guest->host().set_address(*run.inside, kAtHome);
  guest->host().freeze();
  guest->dht().on_interfaces_changed();
  guest->host().run();
  run.swarm.world.run_for(1_s);
  guest->host().freeze();
  SocketRecorder client(guest->dht().connect(run.swarm.keys(10).public_key));
  CHECK(run.swarm.world.run_until([&] { return client.opened; }, 9_s));
  client.socket->reset();
}

TEST_CASE("a change of interfaces that an open server does not use costs little") {
  Roaming run(29);
  run.start_in_public();
  REQUIRE(run.reached_within(5_s));
  const auto first = std::move(run.client);
  run.swarm.world.run_for(1_s);
  const std::uint64_t before = run.host->host().sent();
  run.change_interfaces();
  CHECK(run.reached_within(2_s));  // even meanwhile
  REQUIRE(run.swarm.world.run_until([&] { return run.open(); }, 3_s));
  run.swarm.world.run_for(2_s);
  CHECK(run.host->dht().punch_socket() == nullptr);
  CHECK(run.host->host().sent() - before < 250);
  CHECK(run.server->announcer()->relay_addresses().front() == run.host->address());
  run.swarm.world.run_for(10_s);
  CHECK(!first->reset);
  CHECK(!run.client->reset);
}

TEST_CASE("a line that is dead for some seconds does not end a connection") {
  Connected run(24);
  REQUIRE(run.swarm.world.run_until([&] { return run.accepted[0]->received.size() == 3'000'000; },
                                    10_s));
  sim::Link& link = run.guest->host().link();
  link.set_connected(false);
  run.client->sent = 0;
  run.client->send(Bytes(100'000, 7), false);
  run.swarm.world.run_for(10_s);
  link.set_connected(true);
  REQUIRE(run.swarm.world.run_until([&] { return run.accepted[0]->received.size() >= 3'100'000; },
                                    10_s));
  CHECK(!run.client->reset);
}

TEST_CASE("a path on which a connection has died is not the first to be tried") {
  Connected run(26);
  run.guest->host().link().set_connected(false);
  REQUIRE(run.swarm.world.run_until([&] { return run.client->reset.has_value(); }, 60_s));
  CHECK(run.client->socket->error() == ConnectError::kTimedOut);
  run.guest->host().link().set_connected(true);
  run.swarm.world.run_for(1_s);
  bool tried = false;
  ConnectOptions options;
  options.timeline = [&](const AttemptEvent& event) {
    tried |= event.text == "trying the path of an earlier connection";
  };
  run.guest->host().freeze();
  SocketRecorder again(run.guest->dht().connect(run.swarm.keys(10).public_key, std::move(options)));
  REQUIRE(run.swarm.world.run_until([&] { return again.opened; }, 10_s));
  CHECK_FALSE(tried);
}

// A request with the end behind it, and an answer that takes its time: all that comes until then
// are the keepalives, every five seconds.
TEST_CASE("a connection that has ended on one side outlives a doubt about its path") {
  Connected run(27);
  for (int i = 0; i < 10; ++i) {
    const bool by_server = i % 2 == 0;  // is it checked
    CAPTURE(i);
    run.guest->host().freeze();
    SocketRecorder client(run.guest->dht().connect(run.swarm.keys(10).public_key));
    const std::size_t before = run.accepted.size();
    REQUIRE(run.swarm.world.run_until([&] { return client.opened && run.accepted.size() > before; },
                                      10_s));
    SocketRecorder& served = *run.accepted.back();
    SocketRecorder& ended = by_server ? served : client;
    SocketRecorder& answering = by_server ? client : served;
    ended.send(to_bytes(as_bytes("request")), true);
    run.swarm.world.run_for(Duration::millis(20'000 + 500 * i));
    Peer& peer = by_server ? *run.host : *run.guest;
    peer.host().freeze();
    peer.dht().on_interfaces_changed();
    run.swarm.world.run_for(10_s);
    CHECK_FALSE(ended.reset);
    CHECK(answering.ended);
    answering.send(to_bytes(as_bytes("answer")), true);
    REQUIRE(run.swarm.world.run_until([&] { return ended.ended || ended.reset; }, 5_s));
    CHECK(ended.received == to_bytes(as_bytes("answer")));
  }
}

TEST_CASE("a connection that has ended on one side does not outlive its path") {
  Connected run(28);
  REQUIRE(run.swarm.world.run_until([&] { return run.accepted[0]->received.size() == 3'000'000; },
                                    10_s));
  run.guest->host().freeze();
  run.client->socket->end();
  run.swarm.world.run_for(5_s);
  run.guest->host().set_address(run.swarm.world.core(), net::Ipv4::of(60, 9, 9, 9));
  run.host->host().link().set_connected(false);
  run.guest->host().freeze();
  run.guest->dht().on_interfaces_changed();
  REQUIRE(run.swarm.world.run_until([&] { return run.client->reset.has_value(); }, 5_s));
  CHECK(run.client->socket->error() == ConnectError::kTimedOut);
}
