// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "util/time.hpp"

namespace hsfwd::udx {

/// Spreads packets over time at a rate, in bursts that are worth a system call.
class Pacer {
 public:
  /// Credit for the time since the last call. `rate` in bytes a second.
  void refill(Instant now, double rate) {
    const double cap = burst(rate) * kMaxBursts;
    if (!started_) {
      started_ = true;
      credit_ = cap;
    } else {
      credit_ = std::min(cap, credit_ + rate * (now - refilled_at_).to_seconds());
    }
    refilled_at_ = now;
    rate_ = rate;
  }

  bool allows() const { return credit_ > 0; }
  /// What was sent without asking costs others no more than a pause.
  void spend(std::size_t bytes) {
    const double least = -kMaxBursts * burst(rate_);
    credit_ = std::max(credit_ - static_cast<double>(bytes), std::min(credit_, least));
  }

  /// When there is credit for a burst again.
  Instant next() const {
    const double missing = burst(rate_) - credit_;
    if (missing <= 0 || rate_ <= 0) return refilled_at_;
    const auto micros = static_cast<std::int64_t>(missing / rate_ * 1e6);
    return refilled_at_ + Duration::micros(std::min(micros + 1, kMaxWait.to_micros()));
  }

  void reset() { started_ = false; }

 private:
  // A millisecond of sending, but no less than two full packets and no more than one GSO send.
  static double burst(double rate) { return std::clamp(rate / 1000, 3000.0, 65536.0); }
  // What a late timer may catch up with.
  static constexpr double kMaxBursts = 4;
  static constexpr Duration kMaxWait = 100_ms;

  double credit_ = 0;
  double rate_ = 0;
  Instant refilled_at_;
  bool started_ = false;
};

}  // namespace hsfwd::udx
