// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "rpc/call.hpp"
#include "rpc/routing_table.hpp"
#include "util/owned_set.hpp"

namespace hsfwd::rpc {

class Node;

/// Keeps the routing table true: pings nodes that have not answered lately, and makes room for new
/// ones where old ones are gone.
class Liveness {
 public:
  explicit Liveness(Node& node);

  /// One that only asks has to show that it is there when a place is free.
  enum class Newcomer { kAsks, kAnswers };
  /// The bucket of `newcomer` is full: its stalest node is tested, and replaced if it fails.
  void on_full_bucket(const RoutingNode& newcomer, Newcomer kind);
  /// Another node claims that the node with this id does not answer.
  void on_down_hint(const NodeId& id);
  /// Pings some of the nodes that have not answered for longest, and any other one if all of those
  /// were silent the last time. False when there are none.
  bool ping_some();

 private:
  enum class Kind { kCheck, kSwap, kSwapForAsker };
  struct Test {
    Kind kind;
    NodeId id;
    RoutingNode newcomer;
    Instant began;
    std::unique_ptr<Call> call;
    void cancel() { call->cancel(); }
  };

  void test(RoutingNode& node, Kind kind, const RoutingNode& newcomer);
  void on_result(Test& test, const CallResult& result);
  void take_in(const RoutingNode& newcomer, Kind kind);
  int running(Kind kind) const;

  Node& node_;
  OwnedSet<Test> tests_;
  bool in_doubt_ = false;  // nobody answered while a test failed: their fault or ours?
};

}  // namespace hsfwd::rpc
