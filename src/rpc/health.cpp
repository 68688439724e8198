// SPDX-License-Identifier: Apache-2.0
#include "rpc/health.hpp"

#include <algorithm>

namespace hsfwd::rpc {

namespace {
constexpr std::uint64_t kMinEvents = 4;    // fewer in a tick say nothing
constexpr int kOfflineTicks = 2;           // in a row
constexpr double kDegradedTimeouts = 0.5;  // share of timeouts above which a tick is degraded
}  // namespace

bool Health::update(std::uint64_t responses, std::uint64_t timeouts) {
  const Entry previous = window_[head_];
  head_ = (head_ + 1) % kWindow;
  Entry& newest = window_[head_];
  if (filled_ == kWindow) {
    if (newest.verdict == Tick::kDegraded) --degraded_ticks_;
    if (newest.verdict == Tick::kHealthy) --healthy_ticks_;
  }
  newest = {responses, timeouts, Tick::kUnknown};
  filled_ = std::min(filled_ + 1, kWindow);
  const std::uint64_t events = responses - previous.responses + timeouts - previous.timeouts;
  if (filled_ < kWindow || events < kMinEvents) return false;

  judge(newest, previous);
  const bool online =
      newest.verdict != Tick::kOffline || (offline_ticks_ < kOfflineTicks && this->online());
  if (!online || healthy_ticks_ == static_cast<int>(kWindow)) {
    degraded_ = false;
  } else if (degraded_ticks_ == static_cast<int>(kWindow)) {
    degraded_ = true;
  }
  return set(!online ? State::kOffline : degraded_ ? State::kDegraded : State::kOnline);
}

void Health::judge(Entry& newest, const Entry& previous) {
  const auto responses = static_cast<double>(newest.responses - previous.responses);
  const auto timeouts = static_cast<double>(newest.timeouts - previous.timeouts);
  if (responses == 0) {
    newest.verdict = Tick::kOffline;
    ++offline_ticks_;
    return;
  }
  offline_ticks_ = 0;
  const bool degraded = timeouts / (responses + timeouts) > kDegradedTimeouts;
  newest.verdict = degraded ? Tick::kDegraded : Tick::kHealthy;
  ++(degraded ? degraded_ticks_ : healthy_ticks_);
}

bool Health::set(State state) {
  if (state == state_) return false;
  state_ = state;
  return true;
}

bool Health::reset() {
  const State before = state_;
  *this = Health();
  return before != State::kOnline;
}

}  // namespace hsfwd::rpc
