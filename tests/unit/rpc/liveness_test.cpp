// SPDX-License-Identifier: Apache-2.0
// Liveness and NetworkCheck, each by itself beside those of the node that it belongs to.
#include "rpc/liveness.hpp"

#include <catch2/catch.hpp>

#include "network.hpp"
#include "rpc/network_check.hpp"

using namespace hsfwd;
using namespace hsfwd::rpc;

namespace {

struct LivenessRun {
  explicit LivenessRun(std::size_t size) : network(60), liveness(grow_to(size)) {}
  Node& grow_to(std::size_t size) {
    network.grow_to(size);
    REQUIRE(node().calls().in_flight() == 0);
    return node();
  }
  Member& member() { return *network.members[3]; }
  Node& node() { return member().node(); }

  /// How many pings that sends.
  template <class F>
  std::size_t pings(F&& act) {
    member().host().freeze();
    const std::size_t before = node().calls().in_flight();
    act();
    const std::size_t after = node().calls().in_flight();
    member().host().schedule_wake();
    return after - before;
  }
  std::size_t hint(const NodeId& id) {
    return pings([&] { liveness.on_down_hint(id); });
  }
  bool knows(const NodeId& id) { return node().table().find(id) != nullptr; }
  NodeId id_of(std::size_t i) { return *network.members[i]->node().id(); }

  /// A node that is not there, in the bucket of half of all ids.
  RoutingNode nobody(std::uint32_t n) {
    for (std::uint32_t i = 0;; ++i) {
      const net::Address address{net::Ipv4{0x60000000u + n * 0x10000u + i * 0x100u}, 49737};
      const NodeId id = node_id_of(address);
      if (node().table().bucket_index(id.view()) == 0) return {.id = id, .address = address};
    }
  }
  /// Makes all of the farthest bucket stale, a node that is not there the stalest.
  RoutingNode fill_bucket() {
    std::uint32_t n = 0;
    const RoutingNode stalest = nobody(n++);
    while (node().table().has_room(stalest.id)) {
      const RoutingNode next = n == 1 ? stalest : nobody(n);
      node().table().add(next);
      ++n;
    }
    for (RoutingNode* one : node().table().bucket_of(stalest.id)) {
      one->pinged = node().tick() - (one->id == stalest.id ? 200u : 100u);
    }
    return stalest;
  }
  /// Long enough for all repeats. Somebody else is heard meanwhile, or nobody.
  void wait(bool heard) {
    for (int i = 0; i < 20; ++i) {
      network.world.run_for(1_s);
      member().host().freeze();
      if (heard) node().calls().note_line_up();
    }
  }
  void kill(std::size_t i) { network.members[i]->host().sleep(); }

  Network network;
  Liveness liveness;
};

}  // namespace

TEST_CASE("Liveness asks the node that somebody says is down") {
  LivenessRun run(12);
  const NodeId there = run.id_of(7);
  const NodeId gone = run.id_of(8);
  REQUIRE(run.knows(there));
  REQUIRE(run.knows(gone));
  run.kill(8);
  CHECK(run.hint(there) == 1);
  CHECK(run.hint(there) == 0);  // it has just been asked
  CHECK(run.hint(gone) == 1);
  CHECK(run.hint(NodeId()) == 0);
  run.wait(true);
  CHECK(run.knows(there));
  CHECK(!run.knows(gone));
}

TEST_CASE("Liveness takes a node for gone that answers under another name") {
  LivenessRun run(12);
  RoutingNode renamed = run.nobody(0);
  renamed.address = run.network.members[7]->address();
  REQUIRE(run.node().table().add(renamed) != nullptr);
  CHECK(run.hint(renamed.id) == 1);
  run.network.world.run_for(1_s);
  CHECK(!run.knows(renamed.id));
  CHECK(run.knows(run.id_of(7)));
}

TEST_CASE("Liveness checks ten at a time for hints") {
  LivenessRun run(30);
  std::size_t sent = 0;
  for (std::size_t i = 4; i < 30; ++i) {
    if (run.knows(run.id_of(i))) sent += run.hint(run.id_of(i));
  }
  CHECK(sent == 10);
}

TEST_CASE("Liveness removes no node while nobody at all is heard") {
  LivenessRun run(12);
  const NodeId gone = run.id_of(8);
  for (std::size_t i = 0; i < 12; ++i) {
    if (i != 3) run.kill(i);
  }
  CHECK(run.hint(gone) == 1);
  run.wait(false);
  CHECK(run.knows(gone));
  // In doubt it asks any other, also where it is nobody's turn.
  for (RoutingNode* node = run.node().table().oldest(); node != nullptr; node = node->newer) {
    node->pinged = run.node().tick();
  }
  CHECK(run.pings([&] { run.liveness.ping_some(); }) == 1);
  CHECK(run.pings([&] { run.liveness.ping_some(); }) == 0);
}

TEST_CASE("Liveness pings the five that have not answered for longest") {
  LivenessRun run(30);
  RoutingTable& table = run.node().table();
  REQUIRE(table.size() > 12);
  const std::uint32_t tick = run.node().tick();
  for (RoutingNode* node = table.oldest(); node != nullptr; node = node->newer) {
    node->pinged = tick - 100;
  }
  std::vector<NodeId> oldest;
  for (const RoutingNode* node = table.oldest(); oldest.size() < 6; node = node->newer) {
    oldest.push_back(node->id);
  }
  CHECK(run.pings([&] { CHECK(run.liveness.ping_some()); }) == 5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(table.find(oldest[i])->pinged == tick);
  CHECK(table.find(oldest[5])->pinged == tick - 100);
  CHECK(run.pings([&] { run.liveness.ping_some(); }) == 0);
}

TEST_CASE("Liveness pings two where all have answered lately") {
  LivenessRun run(30);
  for (RoutingNode* node = run.node().table().oldest(); node != nullptr; node = node->newer) {
    node->pinged = run.node().tick() - 1;
  }
  CHECK(run.pings([&] { CHECK(run.liveness.ping_some()); }) == 2);
  for (RoutingNode* node = run.node().table().oldest(); node != nullptr;
       node = run.node().table().oldest()) {
    run.node().table().remove(NodeId(node->id));
  }
  CHECK(!run.liveness.ping_some());
}

TEST_CASE("Liveness gives a newcomer the place of a node that is gone") {
  LivenessRun run(12);
  const RoutingNode stalest = run.fill_bucket();
  const RoutingNode newcomer = run.nobody(200);
  CHECK(run.pings([&] { run.liveness.on_full_bucket(newcomer, Liveness::Newcomer::kAnswers); }) ==
        1);
  CHECK(run.knows(stalest.id));
  run.wait(true);
  CHECK(!run.knows(stalest.id));
  CHECK(run.knows(newcomer.id));
}

TEST_CASE("Liveness gives a ping and no place to one that only asks") {
  LivenessRun run(12);
  const RoutingNode stalest = run.fill_bucket();
  const RoutingNode newcomer = run.nobody(200);
  run.pings([&] { run.liveness.on_full_bucket(newcomer, Liveness::Newcomer::kAsks); });
  run.wait(true);
  CHECK(!run.knows(stalest.id));
  CHECK(!run.knows(newcomer.id));
}

TEST_CASE("Liveness leaves the stalest node its place if it answers") {
  LivenessRun run(40);
  run.fill_bucket();
  RoutingTable& table = run.node().table();
  RoutingNode* stalest = nullptr;
  for (std::size_t i = 4; i < 40 && stalest == nullptr; ++i) {
    RoutingNode* node = table.find(run.id_of(i));
    if (node != nullptr && table.bucket_index(node->id.view()) == 0) stalest = node;
  }
  REQUIRE(stalest != nullptr);
  stalest->pinged = run.node().tick() - 1000;
  const NodeId id = stalest->id;
  const RoutingNode newcomer = run.nobody(200);
  CHECK(run.pings([&] { run.liveness.on_full_bucket(newcomer, Liveness::Newcomer::kAnswers); }) ==
        1);
  CHECK(table.find(id)->pinged == run.node().tick());
  run.wait(true);
  CHECK(run.knows(id));
  CHECK(!run.knows(newcomer.id));
}

TEST_CASE("Liveness bounds how many nodes it tests for newcomers") {
  LivenessRun run(12);
  run.fill_bucket();
  for (const auto& [kind, most] :
       {std::pair(Liveness::Newcomer::kAnswers, 3u), std::pair(Liveness::Newcomer::kAsks, 2u)}) {
    CHECK(run.pings([&, kind = kind] {
      for (std::uint32_t i = 0; i < 10; ++i) run.liveness.on_full_bucket(run.nobody(200 + i), kind);
    }) == most);
  }
}

namespace {

/// A check of a member's own, and what came of it.
struct CheckRun {
  explicit CheckRun(Network& n, Member& m) : network(n), member(m) {}
  void start() {
    member.host().freeze();
    before = member.node().calls().in_flight();
    check.start([this](bool p, const AddressVotes& votes) {
      ++done;
      passed = p;
      host = votes.host();
      samples = votes.samples();
    });
    asked = member.node().calls().in_flight() - before;
    member.host().schedule_wake();
  }
  Network& network;
  Member& member;
  NetworkCheck check{member.node()};
  std::size_t before = 0;
  std::size_t asked = 0;
  int done = 0;
  bool passed = false;
  std::optional<net::Ipv4> host;
  std::size_t samples = 0;
};

}  // namespace

TEST_CASE("NetworkCheck asks five nodes and may be started again") {
  Network network(61);
  network.grow_to(20);
  Member& member = *network.members[7];
  CheckRun run(network, member);
  run.start();
  CHECK(run.check.running());
  CHECK(run.asked == 5);
  REQUIRE(network.world.run_until([&] { return run.done > 0; }, 20_s));
  CHECK(run.passed);
  CHECK(run.host == member.address().host);
  CHECK(run.samples >= 3);
  CHECK(!run.check.running());
  // It may be started again.
  run.start();
  REQUIRE(network.world.run_until([&] { return run.done == 2; }, 20_s));
  CHECK(run.passed);
}

TEST_CASE("NetworkCheck passes with three of five and no fewer") {
  const std::size_t silent = GENERATE(0u, 2u, 3u, 5u);
  CAPTURE(silent);
  Network network(62);
  network.grow_to(20);
  Member& member = *network.members[7];
  // Those heard of last are asked.
  const RoutingNode* node = member.node().table().newest();
  for (std::size_t i = 0; i < silent; ++i, node = node->older) {
    for (const auto& other : network.members) {
      if (other->address() == node->address) other->host().sleep();
    }
  }
  CheckRun run(network, member);
  run.start();
  CHECK(run.asked == 5);
  REQUIRE(network.world.run_until([&] { return run.done > 0; }, 60_s));
  CHECK(run.passed == (silent <= 2));
  CHECK(run.samples == std::min<std::size_t>(5 - silent, 3));  // more would not change it
}

TEST_CASE("NetworkCheck ends without a word when it is cancelled") {
  Network network(63);
  network.grow_to(20);
  CheckRun run(network, *network.members[7]);
  run.start();
  run.check.cancel();
  CHECK(!run.check.running());
  network.world.run_for(20_s);
  CHECK(run.done == 0);
}
