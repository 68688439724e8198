// SPDX-License-Identifier: Apache-2.0
#include "rpc/node_id.hpp"

#include <bit>

#include "codec/writer.hpp"

namespace hsfwd::rpc {

NodeId node_id_of(const net::Address& address) {
  const Bytes wire = codec::encode([&](codec::Writer& w) { w.ipv4(address); });
  return NodeId::from(crypto::blake2b_256(wire).view());
}

bool closer(const Target& target, const NodeId& a, const NodeId& b) {
  for (std::size_t i = 0; i < NodeId::kSize; ++i) {
    if (a.bytes[i] != b.bytes[i]) {
      return (target.bytes[i] ^ a.bytes[i]) < (target.bytes[i] ^ b.bytes[i]);
    }
  }
  return false;
}

int shared_prefix(ByteView a, ByteView b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) {
      return static_cast<int>(i) * 8 + std::countl_zero(static_cast<std::uint8_t>(a[i] ^ b[i]));
    }
  }
  return static_cast<int>(a.size()) * 8;
}

}  // namespace hsfwd::rpc
