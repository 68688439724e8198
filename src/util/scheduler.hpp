// SPDX-License-Identifier: Apache-2.0
// Timers, posted tasks and deferred deletion of one event loop, without a clock of its own.
//
// Whoever drives the loop (the libuv platform, the simulator) freezes an instant with advance_to()
// before it dispatches anything, and asks next_deadline() how long it may sleep. Within one
// dispatch `now()` does not move, so that everything that happens together is dated the same.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "util/ring.hpp"
#include "util/time.hpp"

namespace hsfwd {

class Timer;
class Task;

/// After cancel() nothing that the object has under way comes through any more.
template <class T>
concept Cancellable = requires(T& object) {
  object.cancel();
};

class Scheduler {
 public:
  Scheduler();
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// The frozen instant of the current dispatch.
  Instant now() const { return now_; }

  // --- For the driver of the loop ---

  /// Moves the frozen instant forward without running anything. Never backwards.
  void freeze(Instant now);
  /// freeze(), then runs every timer that is due and every posted task, until none is left.
  void advance_to(Instant now);
  /// Runs posted tasks and deletes retired objects. Called after each outside event.
  void run_posted();
  /// When advance_to() is needed next; nothing while no timer is armed. The past if tasks wait.
  std::optional<Instant> next_deadline() const;

  // --- For everybody ---

  /// Cancels `object`, and deletes it at the end of the current dispatch, so that an object can be
  /// given up from inside its own callback.
  template <Cancellable T>
  void retire(std::unique_ptr<T> object) {
    if (!object) return;
    object->cancel();
    delete_later(std::move(object));
  }

  /// The same for what has nothing under way that could come through, or is told so otherwise.
  template <class T>
  void delete_later(std::unique_ptr<T> object) {
    if (!object) return;
    retire({object.release(), [](void* p) { delete static_cast<T*>(p); }});
  }

  /// Deletes what is retired now. For owners that are about to take away what it refers to.
  void collect();

  std::size_t armed_timers() const { return heap_.size(); }

 private:
  friend class Timer;
  friend class Task;
  struct Retired {
    void* object = nullptr;
    void (*destroy)(void*) = nullptr;
  };

  void retire(Retired retired) noexcept;
  void arm(Timer& timer, Instant deadline);
  void disarm(Timer& timer);
  bool earlier(const Timer& a, const Timer& b) const;
  void place(std::size_t slot, Timer* timer);
  void sift_up(std::size_t slot);
  void sift_down(std::size_t slot);
  void run_due();

  Instant now_;
  std::uint64_t next_order_ = 0;
  std::vector<Timer*> heap_;  // 4-ary heap, soonest first
  Task* first_task_ = nullptr;
  Task* last_task_ = nullptr;
  Ring<Retired> retired_;
};

/// A timer that belongs to the object it is a member of; destroying it cancels it. The callback may
/// restart or destroy anything, the timer itself included if it goes through Scheduler::retire.
class Timer {
 public:
  Timer(Scheduler& scheduler, std::function<void()> fire);
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// (Re)starts it, `delay` from now; a negative delay counts as none.
  void start(Duration delay);
  void start_at(Instant deadline);
  /// Brings the deadline forward or arms it; a later deadline than the present one is ignored.
  void start_at_latest(Instant deadline);
  void stop();
  void cancel() { stop(); }
  bool armed() const { return slot_ != kIdle; }
  Instant deadline() const { return deadline_; }

 private:
  friend class Scheduler;
  static constexpr std::size_t kIdle = static_cast<std::size_t>(-1);

  Scheduler& scheduler_;
  std::function<void()> fire_;
  Instant deadline_;
  std::uint64_t order_ = 0;  // equal deadlines fire in the order in which they were armed
  std::size_t slot_ = kIdle;
};

/// Work to be done once at the end of the current dispatch, when all state is whole. Posting it
/// again before it ran changes nothing; destroying it cancels it.
class Task {
 public:
  Task(Scheduler& scheduler, std::function<void()> run);
  ~Task() { cancel(); }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  void post();
  void cancel();
  bool posted() const { return posted_; }

 private:
  friend class Scheduler;

  Scheduler& scheduler_;
  std::function<void()> run_;
  Task* previous_ = nullptr;
  Task* next_ = nullptr;
  bool posted_ = false;
};

}  // namespace hsfwd
