// SPDX-License-Identifier: Apache-2.0
#include "util/scheduler.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "util/check.hpp"

namespace hsfwd {

namespace {
constexpr std::size_t kArity = 4;
}

Scheduler::Scheduler() {
  retired_.make_room();
}

Scheduler::~Scheduler() {
  collect();
  HSFWD_CHECK(heap_.empty() && first_task_ == nullptr);
}

void Scheduler::freeze(Instant now) {
  if (now > now_) now_ = now;
}

void Scheduler::advance_to(Instant now) {
  freeze(now);
  run_posted();
  run_due();
}

void Scheduler::run_due() {
  while (!heap_.empty() && heap_.front()->deadline_ <= now_) {
    Timer& timer = *heap_.front();
    disarm(timer);
    timer.fire_();
    run_posted();
  }
}

void Scheduler::run_posted() {
  while (first_task_ != nullptr || !retired_.empty()) {
    while (first_task_ != nullptr) {
      Task& task = *first_task_;
      task.cancel();
      task.run_();
    }
    collect();
  }
}

/// A place for the next is kept free: what is retired may be running, so that it can be deleted only
/// later even if there is no memory to note it in. Without a place it stays.
void Scheduler::retire(Retired retired) noexcept {
  try {
    retired_.push_back(retired);
    retired_.make_room();
  } catch (const std::bad_alloc&) {
  }
}

void Scheduler::collect() {
  while (!retired_.empty()) {
    const Retired next = retired_.front();
    retired_.pop_front();
    next.destroy(next.object);  // which may retire others
  }
}

std::optional<Instant> Scheduler::next_deadline() const {
  if (first_task_ != nullptr || !retired_.empty()) return now_;
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->deadline_;
}

bool Scheduler::earlier(const Timer& a, const Timer& b) const {
  return a.deadline_ != b.deadline_ ? a.deadline_ < b.deadline_ : a.order_ < b.order_;
}

void Scheduler::place(std::size_t slot, Timer* timer) {
  heap_[slot] = timer;
  timer->slot_ = slot;
}

void Scheduler::sift_up(std::size_t slot) {
  Timer* timer = heap_[slot];
  while (slot > 0) {
    const std::size_t parent = (slot - 1) / kArity;
    if (!earlier(*timer, *heap_[parent])) break;
    place(slot, heap_[parent]);
    slot = parent;
  }
  place(slot, timer);
}

void Scheduler::sift_down(std::size_t slot) {
  Timer* timer = heap_[slot];
  for (;;) {
    const std::size_t first = slot * kArity + 1;
    if (first >= heap_.size()) break;
    std::size_t best = first;
    const std::size_t last = std::min(first + kArity, heap_.size());
    for (std::size_t child = first + 1; child < last; ++child) {
      if (earlier(*heap_[child], *heap_[best])) best = child;
    }
    if (!earlier(*heap_[best], *timer)) break;
    place(slot, heap_[best]);
    slot = best;
  }
  place(slot, timer);
}

void Scheduler::arm(Timer& timer, Instant deadline) {
  timer.deadline_ = deadline;
  timer.order_ = next_order_++;
  if (timer.slot_ == Timer::kIdle) {
    heap_.push_back(&timer);
    timer.slot_ = heap_.size() - 1;
    sift_up(timer.slot_);
    return;
  }
  sift_up(timer.slot_);
  sift_down(timer.slot_);
}

void Scheduler::disarm(Timer& timer) {
  const std::size_t slot = std::exchange(timer.slot_, Timer::kIdle);
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  place(slot, last);
  sift_up(slot);
  sift_down(last->slot_);
}

Timer::Timer(Scheduler& scheduler, std::function<void()> fire)
    : scheduler_(scheduler), fire_(std::move(fire)) {}

void Timer::start(Duration delay) {
  start_at(scheduler_.now() + std::max(delay, Duration()));
}

void Timer::start_at(Instant deadline) {
  scheduler_.arm(*this, deadline);
}

void Timer::start_at_latest(Instant deadline) {
  if (!armed() || deadline < deadline_) start_at(deadline);
}

void Timer::stop() {
  if (armed()) scheduler_.disarm(*this);
}

Task::Task(Scheduler& scheduler, std::function<void()> run)
    : scheduler_(scheduler), run_(std::move(run)) {}

void Task::post() {
  if (posted_) return;
  posted_ = true;
  previous_ = scheduler_.last_task_;
  next_ = nullptr;
  (previous_ != nullptr ? previous_->next_ : scheduler_.first_task_) = this;
  scheduler_.last_task_ = this;
}

void Task::cancel() {
  if (!posted_) return;
  posted_ = false;
  (previous_ != nullptr ? previous_->next_ : scheduler_.first_task_) = next_;
  (next_ != nullptr ? next_->previous_ : scheduler_.last_task_) = previous_;
  previous_ = next_ = nullptr;
}

}  // namespace hsfwd
