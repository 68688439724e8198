// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "rpc/call.hpp"
#include "rpc/routing_table.hpp"

namespace hsfwd::rpc {

class Node;

/// Keeps the routing table true: pings nodes that have not been heard of, and makes room for new
/// ones where old ones are gone.
class Liveness {
 public:
  explicit Liveness(Node& node) : node_(node) {}

  /// The bucket of `newcomer` is full: its stalest node is tested, and replaced if it fails.
  void on_full_bucket(const RoutingNode& newcomer);
  /// Another node claims that the node with this id does not answer.
  void on_down_hint(const NodeId& id);
  /// Pings some of the nodes that were not heard of for longest, and any other one if all of those
  /// were silent the last time. False when there are none.
  bool ping_some();

 private:
  enum class Kind { kCheck, kSwap };
  struct Test {
    Kind kind;
    NodeId id;
    std::uint32_t last_seen;
    RoutingNode newcomer;
    Instant began;
    std::unique_ptr<Call> call;
    void cancel() { call->cancel(); }
  };

  void test(RoutingNode& node, Kind kind, const RoutingNode& newcomer);
  void on_result(Test& test, const CallResult& result);
  int running(Kind kind) const;

  Node& node_;
  std::vector<std::unique_ptr<Test>> tests_;
  bool in_doubt_ = false;  // nobody answered while a test failed: their fault or ours?
};

}  // namespace hsfwd::rpc
