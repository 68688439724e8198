// SPDX-License-Identifier: Apache-2.0
// Puts packets into order: hands over what is next, keeps what came early, and knows the gaps.
#pragma once

#include <vector>

#include "udx/packet.hpp"
#include "util/buffer_pool.hpp"
#include "util/ring.hpp"

namespace hsfwd::udx {

class ReceiveQueue {
 public:
  /// Early packets are copied into buffers of `pool`, which outlives the queue and whose buffers
  /// hold kMaxPayload. `first`: the number that the peer begins with.
  ReceiveQueue(BufferPool& pool, SeqNo first) : pool_(pool), next_(first) {}

  /// Packets further ahead than this are refused; what a sender may have under way is far less.
  static constexpr std::int32_t kMaxAhead = 65536;

  /// First packet that has not been received.
  SeqNo next() const { return next_; }
  bool seen(SeqNo seq) const;
  bool too_far(SeqNo seq) const { return seq - next_ >= kMaxAhead; }

  /// The packet is next: only counts it; the caller delivers its payload.
  void advance();
  /// Keeps a copy of a packet above the next. It must be new and not too far.
  void keep(SeqNo seq, ByteView payload, bool has_data);

  struct Kept {
    PooledBuffer memory;  // empty for a packet without data
    std::size_t size = 0;
    bool has_data = false;
  };
  /// True when the next packet is one kept before; take() hands it over and advances.
  bool next_is_kept() const { return !slots_.empty() && slots_.front().present; }
  Kept take();

  /// Bytes kept out of order.
  std::size_t kept_bytes() const { return kept_bytes_; }
  /// The memory that takes: a whole buffer each, however small the packet.
  std::size_t kept_memory() const { return kept_buffers_ * pool_.buffer_size(); }

  /// Everything received above next(), merged, lowest first.
  const std::vector<SeqRange>& ranges() const { return ranges_; }

 private:
  struct Slot {
    Kept kept;
    bool present = false;
  };

  void add_to_ranges(SeqNo seq);

  BufferPool& pool_;
  SeqNo next_;
  Ring<Slot> slots_;  // slot i is packet next_ + i
  std::vector<SeqRange> ranges_;
  std::size_t kept_bytes_ = 0;
  std::size_t kept_buffers_ = 0;
};

}  // namespace hsfwd::udx
