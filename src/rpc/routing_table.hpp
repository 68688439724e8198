// SPDX-License-Identifier: Apache-2.0
// The nodes this node knows: 256 buckets by shared prefix with the own id, k nodes each, and all of
// them in the order in which they last answered.
//
// Differs from upstream: it tells of hosts and /24s that have as many nodes in it as they get, and
// names no more of one host than it has to.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "rpc/host_limits.hpp"
#include "rpc/node_id.hpp"
#include "util/random.hpp"

namespace hsfwd::rpc {

/// Nodes of a bucket, and of an answer.
inline constexpr std::size_t kBucketSize = 20;

/// Times are ticks of the node.
struct RoutingNode {
  NodeId id;
  net::Address address;
  std::uint32_t sampled = 0;  // when it last had a vote on our address; 0: never
  std::uint32_t added = 0;
  std::uint32_t pinged = 0;  // when it last answered, or was last tested
  std::uint32_t down_hints = 0;
  bool on_trial = false;  // it has asked, and not answered yet

  // Neighbours in the order of last contact.
  RoutingNode* older = nullptr;
  RoutingNode* newer = nullptr;
};

class RoutingTable {
 public:
  explicit RoutingTable(const NodeId& self) : self_(self) {}

  const NodeId& self() const { return self_; }
  std::size_t size() const { return size_; }

  RoutingNode* find(const NodeId& id) const;
  /// The node that was added, as the one that answered last; nullptr if its bucket is full or the
  /// id is there already or is the own one.
  RoutingNode* add(RoutingNode node);
  bool has_room(const NodeId& id) const { return bucket(id).size() < kBucketSize; }
  /// The host or its /24 has all the places that it gets, in the bucket of `id` or in all.
  bool is_crowded(const NodeId& id, net::Ipv4 host) const;
  void remove(const NodeId& id);
  /// Moves a node to the recent end.
  void touch(RoutingNode& node);

  RoutingNode* oldest() const { return oldest_; }
  RoutingNode* newest() const { return newest_; }

  /// Up to `count` nodes near the target: its bucket, those before it, then those behind. Close,
  /// but not in exact order. Those of a host that has many near by make room for others' that are
  /// farther, and those on trial come behind all others.
  std::vector<const RoutingNode*> closest(const Target& target, std::size_t count) const;
  const RoutingNode* random(Random& random) const;
  /// The same, and if that can be found soon, no neighbour of `not_near`.
  const RoutingNode* random(Random& random, std::optional<net::Ipv4> not_near) const;
  /// Nodes of the bucket that `id` belongs to.
  std::vector<RoutingNode*> bucket_of(const NodeId& id) const;
  /// Index of the bucket; the own id belongs to the last.
  int bucket_index(ByteView id) const;

  /// Sorts everything anew around another own id. What no longer fits is dropped.
  void rekey(const NodeId& self);

 private:
  static constexpr std::size_t kBuckets = 256;
  using Bucket = std::vector<std::unique_ptr<RoutingNode>>;  // sorted by id

  Bucket& bucket(const NodeId& id) {
    return buckets_[static_cast<std::size_t>(bucket_index(id.view()))];
  }
  const Bucket& bucket(const NodeId& id) const {
    return buckets_[static_cast<std::size_t>(bucket_index(id.view()))];
  }
  void link_newest(RoutingNode& node);
  void unlink(RoutingNode& node);

  NodeId self_;
  std::array<Bucket, kBuckets> buckets_;
  HostCounts counts_;
  std::size_t size_ = 0;
  RoutingNode* oldest_ = nullptr;
  RoutingNode* newest_ = nullptr;
};

}  // namespace hsfwd::rpc
