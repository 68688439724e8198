// SPDX-License-Identifier: Apache-2.0
// What the peer may send: as much as may be held unread. It opens as the application reads, shrinks
// with the share of the budget, and takes back nothing that was promised.
//
// Where it may, it grows beyond the whole when it is what limits the stream, and not the path or the reader: when
// the sender has used up within a round trip what it was promised before, and the application has read nearly all of
// what is in order. So a peer pays for each step with a window of bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "udx/budget.hpp"
#include "udx/receive_queue.hpp"
#include "util/time.hpp"

namespace hsfwd::udx {

class ReceiveWindow {
 public:
  /// `early`: the packets that came early, which take room as well. Sizes in bytes, see
  /// StreamOptions.
  ReceiveWindow(Budget& budget, const ReceiveQueue& early, std::size_t first, std::size_t most);

  /// From now on it may be more than the whole: what a path of this peer's carries.
  void let_grow() { grows_ = true; }
  /// So much lies open when the application keeps up, bytes.
  std::size_t whole() const { return whole_; }

  // --- What is said to the peer ---

  /// The window for a header that is being written. From here on it is promised.
  std::uint32_t promise();
  /// A packet with it leaves that the peer will take it from.
  void on_announced(std::uint32_t window) { announced_ = window; }
  /// It has opened by an amount worth telling since.
  bool worth_announcing() const;

  // --- What comes in ---

  /// So much more is within a window that was promised at any time, or near enough.
  bool promised(std::size_t payload) const;
  /// There is memory for so much. Honest peers never come up against this, since windows close
  /// before the memory is full.
  bool has_memory_for(std::size_t bytes) const { return account_.may_add(bytes); }
  /// Small packets that are kept early take more memory than the window says. A window of full ones
  /// stays below this.
  bool may_keep_another() const;
  /// Payload of a packet that is taken, in order or early.
  void on_taken(std::size_t payload) { taken_ += payload; }
  /// To be called as packets come. `round_trip`: the least that was measured.
  void adapt(Instant now, Duration round_trip);

  // --- What is held ---

  /// Goes to the application.
  void on_delivered(std::size_t size) { unread_ += size; }
  void on_consumed(std::size_t size);
  /// See Stream::set_memory_above.
  void set_memory_above(std::size_t bytes);
  /// Brings the budget up to date.
  void charge();

 private:
  std::size_t limit() const;
  void end_round(std::uint64_t came);
  std::uint32_t open(std::size_t limit) const;

  const ReceiveQueue& early_;
  const std::size_t first_;
  const std::size_t most_;
  std::size_t whole_;  // most_, or what it has grown to
  bool grows_ = false;
  Instant round_began_;
  std::uint64_t taken_before_ = 0;  // this round trip
  std::uint64_t promised_before_ = 0;
  Budget& budget_;
  Budget::Account account_;
  std::size_t unread_ = 0;
  std::size_t memory_above_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t promised_until_;  // as far as any window goes, of taken_
  std::size_t announced_;
};

}  // namespace hsfwd::udx
