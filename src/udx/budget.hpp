// SPDX-License-Identifier: Apache-2.0
// One sum of memory for what all streams of a mux hold: bytes that came in and were not read, early
// packets, bytes that were not acknowledged.
//
// The share of each direction of each stream is a part of what is left (dynamic thresholds:
// Choudhury and Hahne, 1998), so that shares shrink as the memory fills, and what stalls never
// takes the last of it from what comes new. It is an eighth, or less where more hold something, so
// that the windows of all of them together are no more than what is left. Every stream keeps a
// floor, with which it makes progress whatever the others hold. In sum no more is held than the
// limit and the floors of all directions.
//
// On paths that are long and fast a stream may hold more: half of what is left of the first half of the memory, or
// less where more hold something. So those take from each other, and not from what others need.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace hsfwd::udx {

class Budget {
 public:
  static constexpr std::size_t kDefaultLimit =
      256 * 1024 * 1024;  // bytes; 64 windows that nobody reads
  /// One slab of the send buffer, or one record of the layer above with two early packets beside
  /// it.
  static constexpr std::size_t kFloor = 70 * 1024;

  explicit Budget(std::size_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  std::size_t limit() const { return limit_; }
  /// Bytes of memory.
  std::size_t held() const { return held_; }
  std::size_t most_held() const { return most_held_; }
  /// Packets that were not taken in because there was no room for them.
  std::uint64_t refused() const { return refused_; }
  void count_refused() { ++refused_; }

  /// What one direction of one stream may hold by now. The last eighth of the memory is for what is
  /// on its way when a share shrinks.
  std::size_t share() const {
    if (share_ == 0) {
      const std::size_t shared = limit_ - limit_ / 8;
      const std::size_t left = held_ < shared ? shared - held_ : 0;
      share_ = std::max(kFloor, left / std::max<std::size_t>(8, holders_));
    }
    return share_;
  }

  /// The same for one that needs more, since its path carries it.
  std::size_t large_share() const {
    const std::size_t shared = limit_ / 2;
    const std::size_t left = held_ < shared ? shared - held_ : 0;
    return std::max(share(), left / std::max<std::size_t>(2, holders_));
  }

  /// What one direction of a stream holds.
  class Account {
   public:
    explicit Account(Budget& budget) : budget_(budget) {}
    ~Account() { set(0); }
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    void set(std::size_t held) {
      if (held == held_) return;
      budget_.share_ = 0;
      budget_.holders_ += static_cast<std::size_t>(held > 0) - static_cast<std::size_t>(held_ > 0);
      budget_.held_ += held - held_;
      held_ = held;
      budget_.most_held_ = std::max(budget_.most_held_, budget_.held_);
    }
    std::size_t held() const { return held_; }
    /// Whether there is room for `more`, of the floor or of the whole.
    bool may_add(std::size_t more) const {
      return held_ + more <= kFloor || budget_.held_ + more <= budget_.limit_;
    }

   private:
    Budget& budget_;
    std::size_t held_ = 0;
  };

 private:
  const std::size_t limit_;
  std::size_t held_ = 0;
  std::size_t holders_ = 0;  // accounts that are not empty
  std::size_t most_held_ = 0;
  mutable std::size_t share_ = 0;  // 0: not worked out since the last change; packets ask for it
  std::uint64_t refused_ = 0;
};

}  // namespace hsfwd::udx
