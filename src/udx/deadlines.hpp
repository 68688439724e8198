// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>

#include "util/scheduler.hpp"

namespace hsfwd::udx {

/// Why a stream wants to be woken.
enum class Deadline : std::uint8_t {
  kLossCheck,    // the oldest packet under way may be lost by then
  kTailProbe,    // the newest may be, without anything behind it to show so
  kTimeout,      // everything may be
  kWindowProbe,  // the peer's closed window may have opened unheard
  kHeartbeat,
  kSizeProbe,  // the answer to a probe that is a message is overdue
};

/// The deadlines of a stream, with one timer for all of them.
class Deadlines {
 public:
  Deadlines(Scheduler& scheduler, std::function<void()> fire) : timer_(scheduler, std::move(fire)) {
    at_.fill(kNever);
  }

  void set(Deadline what, Instant at) { of(what) = at; }
  void set(Deadline what, std::optional<Instant> at) { of(what) = at.value_or(kNever); }
  void clear(Deadline what) { of(what) = kNever; }
  bool has(Deadline what) const { return at_[index(what)] != kNever; }

  /// Whether it has come; it is gone then.
  bool take_due(Deadline what, Instant now) {
    if (of(what) > now) return false;
    clear(what);
    return true;
  }

  /// Makes the timer fire at whatever comes first. To be called when all deadlines are set.
  void arm() {
    const Instant next = *std::min_element(at_.begin(), at_.end());
    if (next == kNever) {
      timer_.stop();
    } else if (!timer_.armed() || timer_.deadline() != next) {
      timer_.start_at(next);
    }
  }
  /// No more of them.
  void stop() {
    at_.fill(kNever);
    timer_.stop();
  }

 private:
  static constexpr std::size_t kCount = 6;
  static constexpr Instant kNever = Instant::max();

  static constexpr std::size_t index(Deadline what) { return static_cast<std::size_t>(what); }
  Instant& of(Deadline what) { return at_[index(what)]; }

  std::array<Instant, kCount> at_;
  Timer timer_;
};

}  // namespace hsfwd::udx
