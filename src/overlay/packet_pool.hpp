// SPDX-License-Identifier: Apache-2.0
// Copies of packets with the room around them that sealing and sending want, in buffers that are used
// again.
#pragma once

#include "net/packet_tunnel.hpp"
#include "util/buffer_pool.hpp"
#include "util/bytes.hpp"

namespace hsfwd::overlay {

/// One for all queues of a network, so that their sum is bounded.
class PacketPool {
 public:
  /// What all copies together take of memory, the unused part of their buffers included.
  explicit PacketPool(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// A buffer with the packet net::kTunnelHeadroom bytes behind its start, and at least net::kTunnelTailroom
  /// behind it. `packet` has at most net::kMaxMtu bytes. Empty if it would be too much for all.
  PooledBuffer copy(ByteView packet);
  static MutableBytes packet_in(const PooledBuffer& buffer, std::size_t size) {
    return buffer.bytes().subspan(net::kTunnelHeadroom, size);
  }

  /// Bytes of memory that a copy of so many takes.
  static std::size_t memory_of(std::size_t size) {
    return size + kRoom <= kSmallBuffer ? kSmallBuffer : kLargeBuffer;
  }
  /// Whether there is so much left.
  bool has(std::size_t memory) const { return used() + memory <= max_bytes_; }
  /// Bytes of memory that copies take.
  std::size_t used() const {
    return small_.in_use() * kSmallBuffer + large_.in_use() * kLargeBuffer;
  }

 private:
  static constexpr std::size_t kRoom = net::kTunnelHeadroom + net::kTunnelTailroom;
  /// What Ethernet carries, and what is carried over it, fits with room to spare.
  static constexpr std::size_t kSmallBuffer = 2048;
  static constexpr std::size_t kLargeBuffer = kRoom + net::kMaxMtu;
  // Kept for the next burst: 2 MiB, and 256 KiB.
  static constexpr std::size_t kIdleSmall = 1024;
  static constexpr std::size_t kIdleLarge = 4;

  const std::size_t max_bytes_;
  BufferPool small_{kSmallBuffer, kIdleSmall};
  BufferPool large_{kLargeBuffer, kIdleLarge};
};

}  // namespace hsfwd::overlay
