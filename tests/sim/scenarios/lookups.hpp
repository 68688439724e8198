// SPDX-License-Identifier: Apache-2.0
// What lookups cost in a network, and whether they find what they should.
#pragma once

#include <algorithm>
#include <set>

#include "unit/hyperdht/swarm.hpp"

namespace hsfwd::scenarios {

struct LookupFigures {
  std::vector<int> hops;
  std::vector<std::uint64_t> messages;  // requests sent, repeats included
  std::vector<Duration> times;
  int complete = 0;  // found every one of the twenty nodes that are really closest
  double found = 0;  // of all of these
  int nearest = 0;   // found the three that are really closest, which keep a peer's records

  template <class T>
  static T quantile(std::vector<T> values, double q) {
    std::sort(values.begin(), values.end());
    return values.at(static_cast<std::size_t>(q * static_cast<double>(values.size() - 1)));
  }
  double mean_hops() const {
    double sum = 0;
    for (const int n : hops) sum += n;
    return sum / static_cast<double>(hops.size());
  }
};

inline rpc::Target numbered_target(std::uint32_t n) {
  std::uint8_t bytes[4];
  store_le32(bytes, n);
  return rpc::target_of(crypto::blake2b_256(bytes));
}

/// The ids of the twenty nodes of the swarm that are closest to the target.
inline std::vector<rpc::NodeId> true_closest(const hyperdht::Swarm& swarm,
                                             const rpc::Target& target) {
  std::vector<rpc::NodeId> ids;
  for (const auto& node : swarm.nodes) {
    if (const auto id = node->node().id()) ids.push_back(*id);
  }
  const auto middle = ids.begin() + static_cast<std::ptrdiff_t>(rpc::kBucketSize);
  std::partial_sort(ids.begin(), middle, ids.end(),
                    [&](const auto& a, const auto& b) { return rpc::closer(target, a, b); });
  ids.erase(middle, ids.end());
  return ids;
}

/// Looks `count` targets up, one after the other, each from another node.
inline LookupFigures measure_lookups(hyperdht::Swarm& swarm, std::uint32_t count) {
  LookupFigures figures;
  for (std::uint32_t i = 0; i < count; ++i) {
    const rpc::Target target = numbered_target(i);
    rpc::Node& node = swarm.nodes[(i * 7919 + 1) % swarm.nodes.size()]->node();
    std::uint64_t replies = 0;
    bool done = false;
    rpc::Query query(
        node,
        {.target = target,
         .command = rpc::InternalCommand::kFindNode,
         .value = std::nullopt,
         .start_nodes = {}},
        [&](const rpc::Reply&) { ++replies; }, [&](const auto&) { done = true; });
    const Instant begin = swarm.world.now();
    query.start();
    HSFWD_CHECK(swarm.world.run_until([&] { return done; }, 60_s));
    figures.times.push_back(swarm.world.now() - begin);
    figures.hops.push_back(query.hops());
    figures.messages.push_back(replies + static_cast<std::uint64_t>(query.errors()));
    std::set<rpc::NodeId> found{node.table_id()};  // who asks does not find itself
    for (const auto& reply : query.closest()) found.insert(reply.id);
    const auto expected = true_closest(swarm, target);
    const auto hits = std::count_if(expected.begin(), expected.end(),
                                    [&](const auto& id) { return found.contains(id); });
    figures.nearest += std::all_of(expected.begin(), expected.begin() + 3,
                                   [&](const auto& id) { return found.contains(id); });
    figures.complete += hits == static_cast<std::ptrdiff_t>(expected.size());
    figures.found += static_cast<double>(hits) / static_cast<double>(expected.size()) / count;
  }
  return figures;
}

}  // namespace hsfwd::scenarios
