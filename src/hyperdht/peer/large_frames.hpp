// SPDX-License-Identifier: Apache-2.0
// Turns for messages that no window holds. A stock peer may send one of sixteen megabytes, which is
// opened only when all of it is there: memory that nothing has authenticated yet. All connections
// together get so much for it and no more; who finds none left waits behind its closed window, in
// order. Who holds a turn while others wait has to get on with it.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

class LargeFrames {
 public:
  /// Of one connection, which holds one at a time.
  class Turn {
   public:
    /// `on_granted` and `on_overdue` come later, never from inside a call.
    Turn(LargeFrames& owner, std::function<void()> on_granted, std::function<void()> on_overdue);
    ~Turn() { release(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    /// True once there is room for a frame of that size. False: on_granted will be called.
    bool request(std::size_t size);
    /// So many bytes of it are there.
    void note_progress(std::size_t bytes) { progress_ = bytes; }
    void release();

   private:
    friend class LargeFrames;
    enum class State { kIdle, kWaiting, kGranted };

    LargeFrames& owner_;
    std::function<void()> on_granted_;
    std::function<void()> on_overdue_;
    State state_ = State::kIdle;
    std::size_t size_ = 0;
    std::size_t progress_ = 0;
    Instant since_;
  };

  /// `limit` in bytes, enough for one frame of any size.
  LargeFrames(Scheduler& scheduler, std::size_t limit);

  std::size_t reserved() const { return reserved_; }
  std::size_t waiting() const { return waiting_.size(); }
  std::uint64_t overdue() const { return overdue_; }

 private:
  bool grant(Turn& turn);
  void serve();
  void check_overdue();
  bool is_overdue(const Turn& turn) const;

  Scheduler& scheduler_;
  const std::size_t limit_;
  std::size_t reserved_ = 0;
  std::uint64_t overdue_ = 0;
  std::vector<Turn*> granted_;
  std::deque<Turn*> waiting_;
  Task serve_task_;
  Timer overdue_timer_;
};

}  // namespace hsfwd::hyperdht
