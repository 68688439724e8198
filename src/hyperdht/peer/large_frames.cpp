// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/large_frames.hpp"

#include <utility>

namespace hsfwd::hyperdht {

namespace {
// What a turn may last while others wait: this, and the time in which a slow line brings the frame.
constexpr Duration kGrace = 5_s;
constexpr std::size_t kSlowest = 256 * 1024;  // bytes a second
constexpr Duration kCheckInterval = 1_s;
}  // namespace

LargeFrames::Turn::Turn(LargeFrames& owner, std::function<void()> on_granted,
                        std::function<void()> on_overdue)
    : owner_(owner), on_granted_(std::move(on_granted)), on_overdue_(std::move(on_overdue)) {}

bool LargeFrames::Turn::request(std::size_t size) {
  if (state_ == State::kGranted && size <= size_) return true;
  if (state_ == State::kGranted) release();
  size_ = size;
  if (state_ == State::kWaiting) return false;
  if (owner_.waiting_.empty() && owner_.grant(*this)) return true;
  owner_.waiting_.push_back(this);
  state_ = State::kWaiting;
  if (!owner_.overdue_timer_.armed()) owner_.overdue_timer_.start(kCheckInterval);
  return false;
}

void LargeFrames::Turn::release() {
  if (state_ == State::kWaiting) std::erase(owner_.waiting_, this);
  if (state_ == State::kGranted) {
    owner_.reserved_ -= size_;
    std::erase(owner_.granted_, this);
  }
  if (state_ != State::kIdle && !owner_.waiting_.empty()) owner_.serve_task_.post();
  state_ = State::kIdle;
  progress_ = 0;
}

LargeFrames::LargeFrames(Scheduler& scheduler, std::size_t limit)
    : scheduler_(scheduler),
      limit_(limit),
      serve_task_(scheduler, [this] { serve(); }),
      overdue_timer_(scheduler, [this] { check_overdue(); }) {}

bool LargeFrames::grant(Turn& turn) {
  if (reserved_ + turn.size_ > limit_) return false;
  granted_.push_back(&turn);
  reserved_ += turn.size_;
  turn.state_ = Turn::State::kGranted;
  turn.since_ = scheduler_.now();
  return true;
}

void LargeFrames::serve() {
  while (!waiting_.empty() && grant(*waiting_.front())) {
    Turn& turn = *waiting_.front();
    waiting_.pop_front();
    turn.on_granted_();
  }
}

bool LargeFrames::is_overdue(const Turn& turn) const {
  const auto seconds = static_cast<std::int64_t>(turn.progress_ / kSlowest);
  return scheduler_.now() > turn.since_ + kGrace + Duration::seconds(seconds);
}

/// One at a time, since its end may end others.
void LargeFrames::check_overdue() {
  if (waiting_.empty()) return;
  overdue_timer_.start(kCheckInterval);
  for (Turn* const turn : granted_) {
    if (!is_overdue(*turn)) continue;
    ++overdue_;
    const auto on_overdue = turn->on_overdue_;
    turn->release();
    on_overdue();
    return;
  }
}

}  // namespace hsfwd::hyperdht
