// SPDX-License-Identifier: Apache-2.0
// CoDel (RFC 8289): which packets of a queue are dropped so that it stays short. The queue itself is its owner's.
#pragma once

#include <cstdint>
#include <optional>

#include "util/time.hpp"

namespace hsfwd {

class Codel {
 public:
  // Sections 4.2 and 4.3.
  static constexpr Duration kTarget = 5_ms;
  static constexpr Duration kInterval = 100_ms;

  /// deque() of section 5 up to the packet that it returns, which is the next one then.
  ///
  /// `since`: std::optional<Instant>(), from when on the next packet has waited; nothing if there is none, or
  /// if the queue is as short as it can be. `drop_next`: void().
  template <class Since, class DropNext>
  void drop_late(Instant now, Since&& since, DropNext&& drop_next) {
    // Nobody has asked for long: whatever was in the way, it says nothing of the rate.
    if (dropping_ && now - drop_next_ > kInterval * 16) reset();
    bool may = may_drop(now, since());
    if (!dropping_) {
      if (!may) return;
      drop_next();
      may_drop(now, since());
      return enter_dropping(now);
    }
    dropping_ = may;
    while (dropping_ && now >= drop_next_) {
      drop_next();
      ++count_;
      may = may_drop(now, since());
      dropping_ = may;
      if (may) drop_next_ = control_law(drop_next_, count_);
    }
  }

  /// The queue has been emptied by other means.
  void reset() {
    first_above_time_.reset();
    dropping_ = false;
  }

 private:
  static Instant control_law(Instant from, std::uint32_t count);
  bool may_drop(Instant now, std::optional<Instant> since);
  void enter_dropping(Instant now);

  // Under the names of section 5.
  std::optional<Instant> first_above_time_;
  bool dropping_ = false;
  std::uint32_t count_ = 0;
  std::uint32_t last_count_ = 0;
  Instant drop_next_;
};

}  // namespace hsfwd
