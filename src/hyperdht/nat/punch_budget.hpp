// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "util/token_bucket.hpp"

namespace hsfwd::hyperdht {

/// Punching through a NAT of random ports takes hundreds of datagrams and mappings, so a node runs
/// one such punch at a time, and in the long run sends no more than kRate.per_second datagrams for
/// it.
///
/// Differs from upstream, which pauses 20 s after every such punch: one that succeeded early leaves
/// its share to the next, so that a tunnel whose peer restarts is not locked out. The long-run rate
/// is upstream's worst case, 1,750 datagrams in 35 s and the pause.
class PunchBudget {
 public:
  bool available(Instant now) const { return !running_ && credit_.level(now) >= kToBegin; }

  void begin() { running_ = true; }
  void spend(Instant now, int datagrams) { credit_.take(now, datagrams); }
  void end() { running_ = false; }

  static constexpr TokenRate kRate{.per_second = 32, .capacity = 1750};  // datagrams
  static constexpr double kToBegin = 640;  // datagrams: a punch of median luck, three times over

 private:
  bool running_ = false;
  TokenBucket credit_{kRate};
};

}  // namespace hsfwd::hyperdht
