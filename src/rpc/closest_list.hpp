// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "rpc/call.hpp"
#include "rpc/routing_table.hpp"

namespace hsfwd::rpc {

/// A node that answered, as near to the target as any.
struct ClosestReply {
  NodeId id;
  net::Address from;
  net::Address to;  // us, as it sees us
  std::optional<Token> token;
  std::optional<Bytes> value;
};

/// The twenty nodes closest to a target, of which no host has more than its share: when there are
/// more, one from the most crowded host goes first, and among equals the farthest. A host has as
/// many ids near any key as it wants, since every port of its is one; others lose no place to it.
///
/// Differs from upstream, where distance alone counts.
class ClosestList {
 public:
  explicit ClosestList(const Target& target) : target_(target) {}

  /// Whether such a node would have a place.
  bool accepts(const NodeId& id, net::Ipv4 host) const;
  /// Nothing happens if it would have none, or has one already.
  void add(ClosestReply reply);

  /// Sorted by distance, closest first.
  const std::vector<ClosestReply>& replies() const { return replies_; }
  bool empty() const { return replies_.empty(); }
  bool full() const { return replies_.size() >= kBucketSize; }
  /// Some host has more than its share, for want of others.
  bool crowded() const { return crowded_; }
  /// It is crowded, and the host has no place in it.
  bool lacks(net::Ipv4 host) const;

 private:
  std::size_t place_of(const NodeId& id) const;

  const Target target_;
  std::vector<ClosestReply> replies_;
  bool crowded_ = false;
};

}  // namespace hsfwd::rpc
