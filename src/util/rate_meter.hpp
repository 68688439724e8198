// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "util/time.hpp"

namespace hsfwd {

/// How much has gone by in the last seconds, a second. Needs no timer.
class RateMeter {
 public:
  /// What is older counts no more.
  static constexpr std::size_t kSeconds = 5;

  explicit RateMeter(Instant now) : began_(now) {}

  void add(std::uint64_t amount, Instant now) {
    const std::uint64_t second = second_of(now);
    Slot& slot = slots_[second % slots_.size()];
    if (slot.second != second) slot = {second, 0};
    slot.amount += amount;
  }
  /// What was added in the last kSeconds, or since the beginning if that was later, for each of these.
  double per_second(Instant now) const {
    const std::uint64_t second = second_of(now);
    std::uint64_t sum = 0;
    for (const Slot& slot : slots_) {
      if (slot.second + kSeconds > second) sum += slot.amount;
    }
    const std::uint64_t seconds = std::min<std::uint64_t>(second + 1, kSeconds);
    return static_cast<double>(sum) / static_cast<double>(seconds);
  }

 private:
  struct Slot {
    std::uint64_t second = 0;
    std::uint64_t amount = 0;
  };

  std::uint64_t second_of(Instant now) const {
    return static_cast<std::uint64_t>((now - began_).to_millis() / 1000);
  }

  const Instant began_;
  std::array<Slot, kSeconds> slots_;
};

}  // namespace hsfwd
