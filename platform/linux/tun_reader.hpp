// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "net/packet_tunnel.hpp"
#include "platform/linux/tun_file.hpp"
#include "platform/linux/tun_read.hpp"
#include "util/buffer_pool.hpp"
#include "util/bytes.hpp"
#include "util/fair_queue.hpp"
#include "util/time.hpp"

namespace hsfwd::platform {

/// Batches of packets out of what a TUN device hands over: large packets cut into those that they stand
/// for, with the seam's room around each, and checksums that the kernel has left to us completed.
///
/// The kernel's own queue of a TUN device knows no flows and no CoDel, and a sender's TCP fills it where
/// this program is what is slow. So it is emptied ahead of each batch, into a queue that does.
///
/// What cannot be cut, since it is not what its header says, is lost: a program may write any bytes to a
/// device, with a header that the kernel believes.
class TunReader {
 public:
  using Queue = FairQueue<TunRead>;
  /// Each read takes time, and where packets come faster than they leave most of it is for nothing; what is
  /// beyond them stays with the kernel, which drops for less.
  static constexpr std::size_t kMaxReads = net::kMaxTunnelBatch / 4 * 5;
  /// The same in bytes: more than ten batches.
  static constexpr std::size_t kMaxReadBytes = std::size_t{2} << 20;
  /// At 1 Gbit/s this is 32 ms, whatever CoDel thinks.
  static constexpr Queue::Limits kLimits{.items = 1024, .memory = std::size_t{4} << 20};

  /// `vnet`: each read begins with a vnet header. `secret`: nobody's who sends packets.
  TunReader(bool vnet, std::uint64_t secret);

  struct Received {
    std::span<MutableBytes> packets;  // until the next call
    int error = 0;                    // of errno: the interface is gone
  };
  /// The next packets, at most net::kMaxTunnelBatch. None, if there are none now.
  Received receive(TunFile& file, Instant now);
  /// Packets wait here: the file need not become readable for them.
  bool has_more() const { return !queue_.empty(); }
  /// Bytes of memory.
  std::size_t waiting_memory() const { return queue_.memory(); }
  const Queue::Drops& drops() const { return queue_.drops(); }

 private:
  // Most packets are of the first kind, and most of what a bulk flow hands over of the last.
  static constexpr std::size_t kSmallRead = 2048;
  static constexpr std::size_t kMediumRead = 16384;
  static constexpr std::size_t kLargeRead = ip::VnetHeader::kSize + net::kMaxMtu;
  // Buffers that are kept when nothing waits, together 640 KiB.
  static constexpr std::size_t kIdleSmall = 64;
  static constexpr std::size_t kIdleMedium = 8;
  static constexpr std::size_t kIdleLarge = 6;

  bool has_room(std::size_t size) const;
  /// Of the next packet, which has_room.
  MutableBytes take_room(std::size_t size);
  /// How many bytes; 0 and `error`, of errno, if there is nothing to read.
  std::size_t read(TunFile& file, Instant now, int& error);
  PooledBuffer keep(std::size_t size);
  void take(std::size_t size, Instant now);
  void cut(Instant now);

  const bool vnet_;
  const std::uint64_t secret_;
  BufferPool small_{kSmallRead, kIdleSmall};
  BufferPool medium_{kMediumRead, kIdleMedium};
  BufferPool large_{kLargeRead, kIdleLarge};
  PooledBuffer read_;  // for the next one
  Queue queue_{kLimits};
  // Packets stand close together, whatever their size may be at most: a whole batch of usual ones fits, and
  // what was used last is still in the cache.
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t used_ = 0;
  std::vector<MutableBytes> batch_;
};

}  // namespace hsfwd::platform
