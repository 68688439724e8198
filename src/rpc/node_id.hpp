// SPDX-License-Identifier: Apache-2.0
// The identifiers of the DHT and their metric.
#pragma once

#include "crypto/crypto.hpp"
#include "net/address.hpp"
#include "util/fixed_bytes.hpp"

namespace hsfwd::rpc {

using NodeId = FixedBytes<struct NodeIdTag, 32>;
using Target = FixedBytes<struct TargetTag, 32>;
using Token = FixedBytes<struct TokenTag, 32>;

inline Target target_of(const crypto::Hash32& hash) {
  return Target::from(hash.view());
}
inline Target target_of(const NodeId& id) {
  return Target::from(id.view());
}

/// A node's id is the BLAKE2b-256 of its public address in wire form, so that nobody can choose it.
NodeId node_id_of(const net::Address& address);

/// True when `a` is closer to `target` than `b` by XOR distance.
bool closer(const Target& target, const NodeId& a, const NodeId& b);

/// Number of leading bits two ids share; 256 for equal ids.
int shared_prefix(ByteView a, ByteView b);

}  // namespace hsfwd::rpc
