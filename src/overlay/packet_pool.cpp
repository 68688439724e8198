// SPDX-License-Identifier: Apache-2.0
#include "overlay/packet_pool.hpp"

#include "util/check.hpp"

namespace hsfwd::overlay {

PooledBuffer PacketPool::copy(ByteView packet) {
  HSFWD_CHECK(packet.size() <= net::kMaxMtu);
  const std::size_t memory = memory_of(packet.size());
  if (!has(memory)) return {};
  PooledBuffer out = (memory == kSmallBuffer ? small_ : large_).take();
  copy_bytes(packet, packet_in(out, packet.size()));
  return out;
}

}  // namespace hsfwd::overlay
