// SPDX-License-Identifier: Apache-2.0
// A private network of a few nodes, one of whose bootstrap nodes is gone without a word: its packets
// are swallowed, and nothing says so.
#include <fmt/format.h>

#include "hyperdht/store/operations.hpp"
#include "lab.hpp"

using namespace hsfwd;
using namespace hsfwd::scenarios;

namespace {

constexpr std::size_t kNodes = 8;

struct Private {
  explicit Private(std::uint64_t seed, std::size_t nodes = kNodes) : lab(seed, nodes) {
    lab.world.run_for(60_s);
  }

  Peer& bootstrap_node() { return *lab.swarm.nodes.front(); }
  std::vector<net::Address> addresses() const {
    std::vector<net::Address> out;
    for (const auto& node : lab.swarm.nodes) out.push_back(node->address());
    return out;
  }
  static rpc::BootstrapNode literal(const net::Address& address) {
    return {address.host.to_string(), std::nullopt, address.port};
  }
  static rpc::BootstrapNode suggested(const net::Address& address) {
    return {"gone.example", address.host, address.port};
  }

  /// A peer that starts in a place of that kind, and how long it took.
  struct Started {
    Peer& peer;
    Duration took;
  };
  Started start(Kind kind, rpc::NodeOptions options) {
    places.push_back(lab.add_place(kind));
    hyperdht::DhtOptions dht;
    dht.node = std::move(options);
    if (dht.node.bootstrap.empty()) dht.node.bootstrap = lab.swarm.bootstrap;
    dht.key_pair = lab.keys(++keys);
    const bool open = kind == Kind::kPublic;
    sim::Host& host = lab.world.add_host(*places.back().segment,
                                         open ? lab.public_address() : Lab::private_address(0),
                                         open ? lab.core_link : lab.lan_link);
    const Instant began = lab.world.now();
    peers.push_back(std::make_unique<Peer>(host, std::move(dht)));
    Peer& peer = *peers.back();
    REQUIRE(lab.world.run_until([&] { return peer.dht().bootstrapped(); }, 60_s));
    return {peer, lab.world.now() - began};
  }

  struct Found {
    std::size_t records = 0;
    std::size_t answered = 0;
    Duration took;
  };
  /// Looks for the key of the first server.
  Found look_up(Peer& peer) { return look_up(peer, greeters.front()->public_key); }
  Found look_up(Peer& peer, const crypto::PublicKey& key) {
    Found out;
    bool done = false;
    peer.host().freeze();
    const Instant began = lab.world.now();
    hyperdht::FindPeer find(
        peer.node(), key, [](const auto&, const auto&) {},
        [&](std::size_t records) {
          out.records = records;
          done = true;
        });
    find.start();
    REQUIRE(lab.world.run_until([&] { return done; }, 60_s));
    out.answered = find.query().closest().size();
    out.took = lab.world.now() - began;
    return out;
  }
  /// How long a server of a new key takes until it is announced.
  Duration announce(Peer& peer) {
    peer.host().freeze();
    const Instant began = lab.world.now();
    greeters.push_back(std::make_unique<Greeter>(lab, peer, lab.keys(1000 + ++keys)));
    REQUIRE(lab.world.run_until([&] { return greeters.back()->relays > 0; }, 60_s));
    CHECK(greeters.back()->relays == 3);
    return lab.world.now() - began;
  }
  /// How long it takes to learn that a peer is not there.
  Duration connect_in_vain(Peer& peer) {
    peer.host().freeze();
    const Instant began = lab.world.now();
    hyperdht::ConnectOptions options;
    options.extension = hyperdht::Extension{};
    SocketRecorder dial(peer.dht().connect(lab.keys(9999).public_key, std::move(options)));
    REQUIRE(lab.world.run_until([&] { return dial.reset.has_value(); }, 60_s));
    return lab.world.now() - began;
  }

  Lab lab;
  std::uint32_t keys = 0;
  std::vector<Place> places;
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<std::unique_ptr<Greeter>> greeters;
};

void tell(const char* what, Duration took) {
  fmt::print("{:<60} {:>7.3f} s\n", what, took.to_seconds());
}

}  // namespace

// A private network's user with three bootstrap addresses, one of them down, noticed it at each
// command: the start alone took ten seconds.
TEST_CASE("a start does not wait for a bootstrap node that is gone while others answer") {
  const Kind kind = GENERATE(Kind::kPublic, Kind::kConsistent);
  CAPTURE(to_string(kind));
  Private net(1);
  net.announce(*net.lab.swarm.nodes[3]);
  net.bootstrap_node().host().sleep();
  net.lab.world.run_for(2_min);  // the others do not name it any more
  const auto nodes = net.addresses();
  rpc::NodeOptions options;
  SECTION("with remembered nodes") {
    options.nodes = nodes;
  }
  SECTION("with another bootstrap node") {
    options.bootstrap = {Private::literal(nodes[0]), Private::literal(nodes[1])};
  }
  SECTION("with another bootstrap node, and suggested addresses") {
    options.bootstrap = {Private::suggested(nodes[0]), Private::suggested(nodes[1])};
  }
  const auto [peer, took] = net.start(kind, options);
  tell("start", took);
  CHECK(took < 1_s);
  const auto found = net.look_up(peer);
  tell("lookup", found.took);
  CHECK(found.took < 100_ms);
  CHECK(found.answered == kNodes - 1);
  CHECK(found.records >= 2);
  const Duration announced = net.announce(peer);
  tell("announce", announced);
  CHECK(announced < 200_ms);
}

// The nodes it was known to notice its death one by one, with their own upkeep: until then they name it.
TEST_CASE("a start gives a node that others still name a second chance, and no more") {
  const Kind kind = GENERATE(Kind::kPublic, Kind::kConsistent);
  CAPTURE(to_string(kind));
  Private net(8);
  net.announce(*net.lab.swarm.nodes[3]);
  net.lab.swarm.nodes[5]->host().sleep();
  rpc::NodeOptions options;
  SECTION("with a bootstrap node") {}
  SECTION("with remembered nodes") {
    options.nodes = net.addresses();
  }
  const auto [peer, took] = net.start(kind, options);
  tell("start, a dead node is named", took);
  CHECK(took < 2_s);
  CHECK(peer.node().table().size() >= kNodes - 1);
  const auto found = net.look_up(peer);
  tell("lookup", found.took);
  CHECK(found.answered == kNodes - 1);
  CHECK(found.records >= 2);
}

TEST_CASE("what a running node does costs nothing once a dead bootstrap node was noticed") {
  Private net(2);
  net.announce(*net.lab.swarm.nodes[3]);
  Peer& peer = net.start(Kind::kConsistent, {}).peer;
  net.bootstrap_node().host().sleep();
  SECTION("by a query") {
    tell("lookup that notices it", net.look_up(peer).took);
  }
  SECTION("by the upkeep of the table") {
    net.lab.world.run_for(2_min);
  }
  for (int hour = 0; hour < 3; ++hour) {
    const auto found = net.look_up(peer);
    CHECK(found.took < 100_ms);
    CHECK(found.answered == kNodes - 1);
    CHECK(net.announce(peer) < 200_ms);
    CHECK(net.connect_in_vain(peer) < 100_ms);
    net.lab.world.run_for(1_h);
  }
}

TEST_CASE("a dead bootstrap node that comes back is one of the network again") {
  Private net(7);
  net.announce(*net.lab.swarm.nodes[3]);
  Peer& peer = net.start(Kind::kConsistent, {}).peer;
  net.bootstrap_node().host().sleep();
  net.lab.world.run_for(1_h);
  net.bootstrap_node().host().wake();
  SECTION("with the first query that asks it, which does not wait") {
    net.look_up(peer);
  }
  SECTION("with the next refresh") {
    net.lab.world.run_for(6_min);
  }
  net.lab.world.run_for(1_s);
  CHECK(net.look_up(peer).answered == kNodes);
}

// One that was started anew answers at once, and knows nobody yet.
TEST_CASE("a bootstrap node that is slow is waited for if the quick one knows nobody") {
  Private net(3);
  net.announce(*net.lab.swarm.nodes[3]);
  hyperdht::DhtOptions options;
  const net::Address own{net.lab.public_address(), 49737};
  options.node.own_address = own;
  options.node.ephemeral = false;
  options.node.firewalled = false;
  Peer quick(net.lab.world.add_host(own.host, net.lab.core_link), options);
  sim::LinkProfile slow = net.lab.core_link;
  slow.delay = 300_ms;
  net.bootstrap_node().host().link().set_profile(slow);
  rpc::NodeOptions node;
  node.bootstrap = {Private::literal(own), net.lab.swarm.bootstrap.front()};
  Peer& peer = net.start(Kind::kConsistent, node).peer;
  CHECK(net.look_up(peer).records >= 2);
}

TEST_CASE("a lossy bootstrap node is waited for as any other member") {
  Private net(4);
  sim::LinkProfile lossy = net.lab.core_link;
  lossy.loss = 0.2;
  net.bootstrap_node().host().link().set_profile(lossy);
  rpc::NodeOptions options;
  options.nodes = net.addresses();
  Peer& peer = net.start(Kind::kConsistent, options).peer;
  net.announce(peer);
  std::size_t complete = 0;
  for (int i = 0; i < 50; ++i) complete += net.look_up(peer).answered == kNodes;
  CHECK(complete >= 45);
}

TEST_CASE(
    "with nobody but the dead bootstrap node, the verdict comes as soon as its time is over") {
  Private net(5);
  net.bootstrap_node().host().sleep();
  const auto [peer, took] = net.start(Kind::kConsistent, {});
  CHECK(took < 5_s);
  CHECK(!peer.dht().heard_of_network());
  // It is back, and with it the network.
  net.bootstrap_node().host().wake();
  net.lab.world.run_for(1_s);
  CHECK(net.look_up(peer, net.lab.keys(1).public_key).answered == kNodes);
}

// What a line swallows says nothing about those who do not answer.
TEST_CASE("after an outage of the own line all members are waited for") {
  Private net(6);
  net.announce(*net.lab.swarm.nodes[3]);
  Peer& peer = net.start(Kind::kConsistent, {}).peer;
  net.bootstrap_node().host().sleep();
  net.lab.world.run_for(5_min);
  sim::Link& line = net.places.back().home->link();
  SECTION("that began while nothing went on") {
    line.set_connected(false);
  }
  SECTION("that began in the middle of a query") {
    hyperdht::FindPeer find(
        peer.node(), net.greeters.front()->public_key, [](const auto&, const auto&) {},
        [](std::size_t) {});
    find.start();
    net.lab.world.run_for(25_ms);
    line.set_connected(false);
    net.lab.world.run_for(30_s);
  }
  for (int i = 0; i < 3; ++i) {
    net.lab.world.run_for(3_min);
    CHECK(net.look_up(peer).answered == 0);
  }
  line.set_connected(true);
  const auto found = net.look_up(peer);
  CHECK(found.answered == kNodes - 1);
  CHECK(net.announce(peer) < 200_ms);
}
