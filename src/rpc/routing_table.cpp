// SPDX-License-Identifier: Apache-2.0
#include "rpc/routing_table.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "rpc/address_votes.hpp"

namespace hsfwd::rpc {

namespace {

// Of a bucket a tenth and a fifth. In all, as many as somebody has who runs a few nodes on a
// machine, and those of a provider's customers: there are some 200 nodes in a table.
constexpr HostLimits kInBucket{2, 4};
constexpr HostLimits kInAll{8, 32};
constexpr std::size_t kHostTurn = 2;

auto lower_bound_by_id(auto& bucket, const NodeId& id) {
  return std::lower_bound(bucket.begin(), bucket.end(), id,
                          [](const auto& node, const NodeId& wanted) { return node->id < wanted; });
}

}  // namespace

int RoutingTable::bucket_index(ByteView id) const {
  return std::min(shared_prefix(self_.view(), id), static_cast<int>(kBuckets) - 1);
}

RoutingNode* RoutingTable::find(const NodeId& id) const {
  const Bucket& row = bucket(id);
  const auto at = lower_bound_by_id(row, id);
  return at != row.end() && (*at)->id == id ? at->get() : nullptr;
}

RoutingNode* RoutingTable::add(RoutingNode node) {
  if (node.id == self_) return nullptr;
  Bucket& row = bucket(node.id);
  const auto at = lower_bound_by_id(row, node.id);
  if (at != row.end() && (*at)->id == node.id) return nullptr;
  if (row.size() >= kBucketSize) return nullptr;
  const auto inserted = row.insert(at, std::make_unique<RoutingNode>(std::move(node)));
  link_newest(**inserted);
  counts_.add((*inserted)->address.host);
  ++size_;
  return inserted->get();
}

bool RoutingTable::is_crowded(const NodeId& id, net::Ipv4 host) const {
  if (counts_.reaches(kInAll, host)) return true;
  HostCounts in_bucket;
  for (const auto& node : bucket(id)) in_bucket.add(node->address.host);
  return in_bucket.reaches(kInBucket, host);
}

void RoutingTable::remove(const NodeId& id) {
  Bucket& row = bucket(id);
  const auto at = lower_bound_by_id(row, id);
  if (at == row.end() || (*at)->id != id) return;
  unlink(**at);
  counts_.remove((*at)->address.host);
  row.erase(at);
  --size_;
}

void RoutingTable::touch(RoutingNode& node) {
  unlink(node);
  link_newest(node);
}

void RoutingTable::link_newest(RoutingNode& node) {
  node.older = newest_;
  node.newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = &node;
  newest_ = &node;
}

void RoutingTable::unlink(RoutingNode& node) {
  (node.older != nullptr ? node.older->newer : oldest_) = node.newer;
  (node.newer != nullptr ? node.newer->older : newest_) = node.older;
  node.older = node.newer = nullptr;
}

std::vector<const RoutingNode*> RoutingTable::closest(const Target& target,
                                                      std::size_t count) const {
  // The turns in which a host's nodes come, kHostTurn at a time.
  std::vector<std::pair<std::size_t, const RoutingNode*>> found;
  std::unordered_map<net::Ipv4, std::size_t> on_host;
  constexpr std::size_t kLastTurn = kBucketSize * kBuckets;
  std::size_t in_first_turn = 0;
  const auto take = [&](std::size_t index) {
    for (const auto& node : buckets_[index]) {
      const std::size_t turn =
          node->on_trial ? kLastTurn : on_host[node->address.host]++ / kHostTurn;
      in_first_turn += turn == 0;
      found.emplace_back(turn, node.get());
    }
  };
  const auto own = static_cast<std::size_t>(bucket_index(target.view()));
  for (std::size_t i = own + 1; i-- > 0 && in_first_turn < count;) take(i);
  for (std::size_t i = own + 1; i < kBuckets && in_first_turn < count; ++i) take(i);
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const RoutingNode*> out;
  for (const auto& [turn, node] : found) {
    if (out.size() < count) out.push_back(node);
  }
  return out;
}

const RoutingNode* RoutingTable::random(Random& random) const {
  if (size_ == 0) return nullptr;
  std::size_t n = random.below(static_cast<std::uint32_t>(size_));
  for (const Bucket& row : buckets_) {
    if (n < row.size()) return row[n].get();
    n -= row.size();
  }
  return nullptr;
}

const RoutingNode* RoutingTable::random(Random& random, std::optional<net::Ipv4> not_near) const {
  constexpr int kDraws = 16;
  const RoutingNode* node = this->random(random);
  for (int draw = 1; node != nullptr && not_near && draw < kDraws; ++draw) {
    if (!are_neighbours(node->address.host, *not_near)) break;
    node = this->random(random);
  }
  return node;
}

std::vector<RoutingNode*> RoutingTable::bucket_of(const NodeId& id) const {
  std::vector<RoutingNode*> out;
  for (const auto& node : bucket(id)) out.push_back(node.get());
  return out;
}

void RoutingTable::rekey(const NodeId& self) {
  // In the order of last contact, which is thus kept.
  std::vector<RoutingNode> nodes;
  for (const RoutingNode* node = oldest_; node != nullptr; node = node->newer) {
    nodes.push_back(*node);
  }
  for (Bucket& row : buckets_) row.clear();
  counts_.clear();
  size_ = 0;
  oldest_ = newest_ = nullptr;
  self_ = self;
  for (RoutingNode& node : nodes) {
    if (!is_crowded(node.id, node.address.host)) add(std::move(node));
  }
}

}  // namespace hsfwd::rpc
