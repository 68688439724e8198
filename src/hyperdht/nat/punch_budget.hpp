// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "util/time.hpp"

namespace hsfwd::hyperdht {

/// Punching through a NAT of random ports takes hundreds of datagrams and mappings, so a node runs
/// one such punch at a time, and in the long run sends no more than kRefill datagrams a second for
/// it.
///
/// Differs from upstream, which pauses 20 s after every such punch: one that succeeded early leaves
/// its share to the next, so that a tunnel whose peer restarts is not locked out. The long-run rate
/// is upstream's worst case, 1,750 datagrams in 35 s and the pause.
class PunchBudget {
 public:
  bool available(Instant now) const { return !running_ && credit(now) >= kToBegin; }

  void begin() { running_ = true; }
  void spend(Instant now, int datagrams) {
    credit_ = credit(now) - datagrams;
    counted_at_ = now;
  }
  void end() { running_ = false; }

  static constexpr double kRefill = 32;  // datagrams a second
  static constexpr double kCapacity = 1750;
  static constexpr double kToBegin = 640;  // datagrams: a punch of median luck, three times over

 private:
  double credit(Instant now) const {
    const double refilled = credit_ + kRefill * (now - counted_at_).to_seconds();
    return refilled < kCapacity ? refilled : kCapacity;
  }

  bool running_ = false;
  double credit_ = kCapacity;
  Instant counted_at_;
};

}  // namespace hsfwd::hyperdht
