// SPDX-License-Identifier: Apache-2.0
// Who waits for a network that is not there hears so in time; who waits for a slow one waits.
#include "node/first_contact.hpp"

#include <catch2/catch.hpp>

#include "unit/hyperdht/swarm.hpp"

using namespace hsfwd;

namespace {

/// A node that has just started, and how often it was told that nobody answers.
struct Newcomer {
  explicit Newcomer(hyperdht::Swarm& swarm, const sim::LinkProfile& link, bool connected = true)
      : world(swarm.world), host(world.add_host(net::Ipv4::of(60, 1, 1, 1), link)) {
    host.link().set_connected(connected);
    Options options;
    options.bootstrap = swarm.bootstrap;
    node.emplace(host.env(), std::move(options));
    host.freeze();
    REQUIRE(node->start());
    contact.emplace(host.env().scheduler, *node, [this] { ++told; });
    host.run();
  }

  sim::World& world;
  sim::Host& host;
  std::optional<Node> node;
  std::optional<FirstContact> contact;
  int told = 0;
};

constexpr Duration kAlmost = FirstContact::kPatience - 1_ms;

}  // namespace

TEST_CASE("a node that nobody answers is told so once, when its patience is over") {
  hyperdht::Swarm swarm(1);
  swarm.grow_to(5);
  Newcomer newcomer(swarm, {}, false);
  swarm.world.run_for(kAlmost);
  CHECK(newcomer.told == 0);
  swarm.world.run_for(2_ms);
  CHECK(newcomer.told == 1);
  CHECK(!newcomer.node->answered());
  swarm.world.run_for(1_min);
  CHECK(newcomer.told == 1);
}

TEST_CASE("a node that is answered is not told that nobody does") {
  hyperdht::Swarm swarm(2);
  swarm.grow_to(5);
  Newcomer newcomer(swarm, {});
  swarm.world.run_for(1_min);
  CHECK(newcomer.node->online());
  CHECK(newcomer.told == 0);
}

TEST_CASE("an answer that comes too late for its request is a network, which is not given up") {
  hyperdht::Swarm swarm(3);
  swarm.grow_to(5);
  Newcomer newcomer(swarm, {.delay = 5500_ms});  // 11 s for the way there and back
  swarm.world.run_for(10_s);
  REQUIRE(!newcomer.node->answered());
  swarm.world.run_for(FirstContact::kPatience - 10_s);
  CHECK(!newcomer.node->online());
  CHECK(newcomer.node->answered());
  CHECK(newcomer.told == 0);
}

TEST_CASE("one answer of many that are lost is enough") {
  hyperdht::Swarm swarm(4);
  swarm.grow_to(5);
  Newcomer newcomer(swarm, {}, false);
  // In time for a repeat of the first question.
  swarm.world.run_for(1500_ms);
  newcomer.host.link().set_connected(true);
  REQUIRE(swarm.world.run_until([&] { return newcomer.node->answered(); }, 10_s));
  newcomer.host.link().set_connected(false);
  swarm.world.run_for(1_min);
  CHECK(newcomer.told == 0);
}
