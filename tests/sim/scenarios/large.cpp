// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "lookups.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;
using scenarios::LookupFigures;

// A table that does not keep the far buckets filled works in a small network, where everybody knows
// everybody, and walks from neighbour to neighbour in a large one. Four times the nodes may cost at
// most two more hops, one for each bit. And who asks the node heard of last instead of the closest
// goes astray on the way, for more than half a hop for each bit.
TEST_CASE("a network four times as large takes one hop more, not four times as many") {
  constexpr std::uint32_t kLookups = 60;
  const auto measure = [](std::size_t size) {
    Swarm swarm(1);
    swarm.grow_to(size);
    return scenarios::measure_lookups(swarm, kLookups);
  };
  const LookupFigures small = measure(400);
  const LookupFigures large = measure(1600);
  CHECK(large.mean_hops() <= small.mean_hops() + 2);
  CHECK(large.mean_hops() <= std::log2(1600) / 2);
  CHECK(LookupFigures::quantile(large.hops, 1.0) <= 2 * std::log2(1600));
  const auto messages = [](const LookupFigures& f) {
    return LookupFigures::quantile(f.messages, 0.5);
  };
  CHECK(messages(large) <= messages(small) * 3 / 2);
  // A node that few have heard of may be passed by, but not where the records are.
  for (const LookupFigures& figures : {small, large}) {
    CHECK(figures.found >= 0.98);
    CHECK(figures.nearest == kLookups);
  }
}

TEST_CASE("a key announced by one of sixteen hundred nodes is found from another") {
  Swarm swarm(2);
  swarm.grow_to(1600);
  const auto host = swarm.add_peer(1);
  const auto guest = swarm.add_peer(2);
  std::unique_ptr<PeerSocket> at_server;
  const auto server =
      swarm.listen(*host, swarm.keys(10), {}, [&](auto socket) { at_server = std::move(socket); });
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
  REQUIRE(swarm.world.run_until([&] { return client.opened || client.reset; }, 10_s));
  CHECK(client.opened);
}
