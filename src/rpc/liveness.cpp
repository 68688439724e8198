// SPDX-License-Identifier: Apache-2.0
#include "rpc/liveness.hpp"

#include <algorithm>

#include "rpc/node.hpp"

namespace hsfwd::rpc {

namespace {
constexpr std::uint32_t kRecentTicks = 12;  // a minute: no need to ask
constexpr std::uint32_t kOldTicks = 360;    // half an hour: has proven itself
constexpr int kMaxChecks = 10;              // parallel, by hints
constexpr int kMaxSwaps = 3;                // parallel, by newcomers
constexpr int kMaxSwapsForAskers = 2;       // parallel, as many more: who asks may be made up
}  // namespace

Liveness::Liveness(Node& node) : node_(node), tests_(node.env().scheduler) {}

int Liveness::running(Kind kind) const {
  return static_cast<int>(std::count_if(tests_.begin(), tests_.end(),
                                        [kind](const auto& test) { return test->kind == kind; }));
}

void Liveness::on_full_bucket(const RoutingNode& newcomer, Newcomer kind) {
  const bool asks = kind == Newcomer::kAsks;
  const Kind swap = asks ? Kind::kSwapForAsker : Kind::kSwap;
  if (!node_.bootstrapped() || running(swap) >= (asks ? kMaxSwapsForAskers : kMaxSwaps)) return;
  const std::uint32_t tick = node_.tick();
  RoutingNode* stalest = nullptr;
  for (RoutingNode* node : node_.table().bucket_of(newcomer.id)) {
    if (node->pinged == tick) continue;
    const bool staler = stalest == nullptr || node->pinged < stalest->pinged ||
                        (node->pinged == stalest->pinged && node->added < stalest->added);
    if (staler) stalest = node;
  }
  if (stalest == nullptr) return;
  if (tick - stalest->pinged < kRecentTicks && tick - stalest->added > kOldTicks) return;
  test(*stalest, swap, newcomer);
}

void Liveness::on_down_hint(const NodeId& id) {
  if (running(Kind::kCheck) >= kMaxChecks) return;
  RoutingNode* node = node_.table().find(id);
  if (node == nullptr || (node->pinged == node_.tick() && node->down_hints > 0)) return;
  ++node->down_hints;
  test(*node, Kind::kCheck, {});
}

bool Liveness::ping_some() {
  RoutingNode* node = node_.table().oldest();
  if (node == nullptr) return false;
  const std::uint32_t tick = node_.tick();
  int count = node_.calls().in_flight() > 2 ? 3 : 5;
  if (tick - node->pinged < kRecentTicks) count = 2;
  if (std::exchange(in_doubt_, false)) {
    const NodeId any = node_.table().random(node_.env().random)->id;
    test(*node_.table().find(any), Kind::kCheck, {});
  }
  for (; count > 0 && node != nullptr && node->pinged != tick; --count, node = node->newer) {
    test(*node, Kind::kCheck, {});
  }
  return true;
}

void Liveness::test(RoutingNode& node, Kind kind, const RoutingNode& newcomer) {
  node.pinged = node_.tick();
  Test& test = tests_.emplace(Test{kind, node.id, newcomer, node_.env().now(), nullptr});
  test.call = std::make_unique<Call>(
      node_.calls(), [this, &test](const CallResult& result) { on_result(test, result); });
  RequestSpec spec;
  spec.to = node.address;
  spec.to_id = node.id;
  spec.command = InternalCommand::kPing;
  test.call->start(std::move(spec));
}

void Liveness::on_result(Test& test, const CallResult& result) {
  tests_.retire(test);
  RoutingTable& table = node_.table();
  RoutingNode* node = table.find(test.id);
  // An answer counts only if it came under the node's id.
  const bool alive = result && node != nullptr && result->from_id == test.id;
  const bool offline = !result && !node_.calls().heard_since(test.began);
  in_doubt_ |= offline;
  if (!alive && !offline) {
    if (node != nullptr) table.remove(test.id);
    take_in(test.newcomer, test.kind);
  }
}

void Liveness::take_in(const RoutingNode& newcomer, Kind kind) {
  if (kind == Kind::kSwap) node_.insert(newcomer);
  if (kind == Kind::kSwapForAsker) {
    node_.meet(node_.sending_socket(), newcomer.address, newcomer.id);
  }
}

}  // namespace hsfwd::rpc
