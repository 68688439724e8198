// SPDX-License-Identifier: Apache-2.0
// Packets that wait: for a link that is being dialled, or for a socket that is full. They leave in their order,
// and those that would only make the others late are dropped, by CoDel (RFC 8289), so that the
// senders' congestion control finds out how fast the path is while the queue is still short.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "overlay/packet_pool.hpp"
#include "util/codel.hpp"
#include "util/ring.hpp"
#include "util/time.hpp"

namespace hsfwd::overlay {

struct QueueLimits {
  std::size_t packets = 0;
  std::size_t bytes = 0;  // of memory
  /// What has waited longer is dropped rather than sent: nobody waits for it any more.
  Duration age;
};

/// As many as WireGuard stages for a peer without a session (MAX_STAGED_PACKETS), in buffers of the small
/// size. A TCP connection repeats its opening after 1, 3 and 7 seconds, so the last one is always there;
/// Linux keeps packets for a neighbour that is looked for for 3 s.
inline constexpr QueueLimits kDialledQueue{128, std::size_t{256} << 10, 5_s};
/// 10 ms of 1 Gbit/s, twice what CoDel wants to see, in buffers of the small size.
inline constexpr QueueLimits kOpenQueue{1024, std::size_t{2} << 20, 5_s};

struct QueueDrops {
  std::uint64_t full = 0;  // beyond a limit, of the queue or of the pool
  std::uint64_t old = 0;
  std::uint64_t codel = 0;
};

class CodelQueue {
 public:
  /// At once, as many as a UDP socket sends in one burst. What has been looked at is on its way, as in the
  /// ring of a network card, and CoDel sees how long everything behind it waits.
  static constexpr std::size_t kMaxBatch = 64;

  /// `pool` outlives it.
  CodelQueue(PacketPool& pool, const QueueLimits& limits) : pool_(pool), limits_(limits) {}

  /// A copy. Where it is one too many, the oldest are dropped for it.
  void push(ByteView packet, Instant now);
  /// Those that go next, with the room around them (net::kTunnelHeadroom, net::kTunnelTailroom), to be overwritten by who
  /// sends them. Good until the next call; those that are not popped come again.
  std::span<const MutableBytes> front(Instant now);
  /// So many of front() have been sent.
  void pop(std::size_t count);

  void set_limits(const QueueLimits& limits);
  void clear();

  bool empty() const { return size() == 0; }
  std::size_t size() const { return ready_.size() + waiting_.size(); }
  const QueueDrops& drops() const { return drops_; }

 private:
  struct Stored {
    PooledBuffer buffer;
    std::size_t size = 0;  // of the packet
    Instant since;
  };

  bool is_within(std::size_t more_packets, std::size_t more_bytes) const;
  void drop_oldest(std::uint64_t& counter);
  void drop_old(Instant now);
  void drop_waiting(std::uint64_t& counter);
  std::optional<Instant> next_since() const;

  PacketPool& pool_;
  QueueLimits limits_;
  Ring<Stored> ready_;             // judged
  Ring<Stored> waiting_;           // behind them
  std::size_t bytes_ = 0;          // of memory
  std::size_t waiting_bytes_ = 0;  // of packets
  std::array<MutableBytes, kMaxBatch> views_;
  QueueDrops drops_;
  std::size_t max_packet_ = 0;  // bytes of the largest so far
  Codel codel_;
};

}  // namespace hsfwd::overlay
