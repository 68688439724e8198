// SPDX-License-Identifier: Apache-2.0
#include "platform/loop.hpp"

#include <uv.h>

#include <new>
#include <system_error>

#include "platform/common/loop_files.hpp"
#include "platform/memory_reserve.hpp"
#include "platform/socket_marks.hpp"
#include "util/check.hpp"

namespace hsfwd::platform {

namespace {

/// A loop that is open.
std::unique_ptr<uv_loop_t> open_loop() {
  if (const int error = probe_for_files(); error != 0) {
    throw std::system_error(error, std::generic_category(), "event loop");
  }
  auto loop = std::make_unique<uv_loop_t>();
  const int error = uv_loop_init(loop.get());
  if (error != 0) throw std::system_error(-error, std::generic_category(), "event loop");
  return loop;
}

// For names that are being looked up, which cannot be stopped: what answers at once is waited for,
// and not a name server that is silent, which takes half a minute.
constexpr std::uint64_t kLookupPatience = 200;  // ms
bool left_to_lookups = false;

void on_patience_over(uv_timer_t* timer) {
  *static_cast<bool*>(timer->data) = true;
  uv_stop(timer->loop);
}

/// False if it ran out of memory.
template <class Work>
bool run_guarded(Work&& work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace

void Loop::CloseLoop::operator()(uv_loop_s* loop) const {
  uv_timer_t patience{};
  bool over = false;
  patience.data = &over;
  uv_timer_init(loop, &patience);
  uv_update_time(loop);
  uv_timer_start(&patience, on_patience_over, kLookupPatience, 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(&patience));
  // Lets the close callbacks of handles run. A stop() from before the loop first turned ends the
  // first of these runs at once.
  while (uv_run(loop, UV_RUN_DEFAULT) != 0 && !over) {
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&patience), nullptr);
  uv_run(loop, UV_RUN_NOWAIT);
  if (uv_loop_close(loop) == 0) {
    delete loop;
  } else {
    HSFWD_CHECK(over);
    left_to_lookups = true;  // their threads go on to use it
  }
}

bool left_behind() {
  return left_to_lookups;
}

Loop::Loop() : uv_(open_loop().release()) {
  scheduler_.freeze(steady_now());
  alarm_ = make_alarm(*this);
  socket_marks_ = std::make_unique<SocketMarks>();
  udp_ = make_udp_factory(*this);
  interfaces_ = make_interfaces(own_interfaces_);
  resolver_ = make_resolver(*this);
}

Loop::~Loop() {
  scheduler_.collect();
  resolver_.reset();
  interfaces_.reset();
  udp_.reset();
  alarm_.reset();
}

net::Env Loop::env(const Log& log) {
  return {scheduler_, *udp_, random_, *interfaces_, *resolver_, wall_clock_, log};
}

void Loop::run() {
  running_ = true;
  dispatch([] {});
  while (running_) {
    const auto deadline = scheduler_.next_deadline();
    if (deadline && *deadline <= steady_now()) {
      // A look at the sockets, without the two system calls of an alarm.
      uv_run(uv_.get(), UV_RUN_NOWAIT);
      if (running_) dispatch([] {});
    } else {
      set_alarm(deadline);
      uv_run(uv_.get(), UV_RUN_ONCE);
    }
  }
}

void Loop::stop() {
  running_ = false;
  uv_stop(uv_.get());
}

void Loop::dispatch(const std::function<void()>& work) {
  if (depth_ > 0) {
    work();
    return;
  }
  ++depth_;
  scheduler_.freeze(steady_now());
  run_guarded(work);
  // What has failed is not tried again, so this comes to an end.
  while (!run_guarded([this] { scheduler_.advance_to(scheduler_.now()); })) {
  }
  --depth_;
  if (reserve_ != nullptr) reserve_->restore();
}

void Loop::start_threads() {
  const auto nothing = [](uv_work_t*) {};
  const auto over = [](uv_work_t* work, int) { delete work; };
  auto work = std::make_unique<uv_work_t>();
  if (uv_queue_work(uv_.get(), work.get(), nothing, over) == 0) static_cast<void>(work.release());
}

void Loop::set_alarm(std::optional<Instant> deadline) {
  if (deadline) {
    alarm_->set(*deadline);
  } else {
    alarm_->clear();
  }
}

}  // namespace hsfwd::platform
