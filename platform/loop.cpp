// SPDX-License-Identifier: Apache-2.0
#include "platform/loop.hpp"

#include <uv.h>

#include "platform/closing_sockets.hpp"
#include "util/check.hpp"

namespace hsfwd::platform {

void Loop::CloseLoop::operator()(uv_loop_s* loop) const {
  // Lets the close callbacks of handles run. A stop() from before the loop first turned ends the
  // first of these runs at once.
  while (uv_run(loop, UV_RUN_DEFAULT) != 0) {
  }
  HSFWD_CHECK(uv_loop_close(loop) == 0);
  delete loop;
}

Loop::Loop() : uv_(new uv_loop_t) {
  HSFWD_CHECK(uv_loop_init(uv_.get()) == 0);
  scheduler_.freeze(steady_now());
  alarm_ = make_alarm(*this);
  udp_ = make_udp_factory(*this);
  interfaces_ = make_interfaces();
  resolver_ = make_resolver(*this);
  closing_sockets_ = std::make_unique<ClosingSockets>(*this);
}

Loop::~Loop() {
  scheduler_.collect();
  closing_sockets_.reset();
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
  while (running_) uv_run(uv_.get(), UV_RUN_ONCE);
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
  work();
  scheduler_.advance_to(scheduler_.now());
  --depth_;
  set_alarm();
}

void Loop::set_alarm() {
  if (const auto deadline = scheduler_.next_deadline()) {
    alarm_->set(*deadline);
  } else {
    alarm_->clear();
  }
}

}  // namespace hsfwd::platform
