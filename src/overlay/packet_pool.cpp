// SPDX-License-Identifier: Apache-2.0
#include "overlay/packet_pool.hpp"

#include "util/check.hpp"

namespace hsfwd::overlay {

PooledBuffer PacketPool::copy(ByteView packet) {
  HSFWD_CHECK(packet.size() <= net::kMaxMtu);
  BufferPool& pool = packet.size() + kRoom <= kSmallBuffer ? small_ : large_;
  if (used() + pool.buffer_size() > max_bytes_) return {};
  PooledBuffer out = pool.take();
  copy_bytes(packet, packet_in(out, packet.size()));
  return out;
}

}  // namespace hsfwd::overlay
