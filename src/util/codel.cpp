// SPDX-License-Identifier: Apache-2.0
#include "util/codel.hpp"

#include <cmath>

namespace hsfwd {

Instant Codel::control_law(Instant from, std::uint32_t count) {
  const auto interval = static_cast<double>(kInterval.to_micros());
  return from + Duration::micros(static_cast<std::int64_t>(interval / std::sqrt(count)));
}

/// dodequeue() of RFC 8289, but that the packet stays where it is: whether it may be dropped.
bool Codel::may_drop(Instant now, std::optional<Instant> since) {
  if (!since || now - *since < kTarget) {
    first_above_time_.reset();
    return false;
  }
  if (!first_above_time_) {
    first_above_time_ = now + kInterval;
    return false;
  }
  return now >= *first_above_time_;
}

void Codel::enter_dropping(Instant now) {
  dropping_ = true;
  // Soon after the last time, the rate that was right then is a good one to begin with.
  const std::uint32_t delta = count_ - last_count_;
  const bool is_soon = now - drop_next_ < kInterval * 16;
  count_ = delta > 1 && is_soon ? delta : 1;
  drop_next_ = control_law(now, count_);
  last_count_ = count_;
}

}  // namespace hsfwd
