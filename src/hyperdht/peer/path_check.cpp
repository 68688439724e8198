// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/path_check.hpp"

#include <algorithm>
#include <utility>

#include "hyperdht/peer/secure_stream.hpp"

namespace hsfwd::hyperdht {

namespace {
// How long a path that is doubted has to prove itself.
constexpr Duration kPathCheckPause = 500_ms;  // from one question to the next, too
constexpr Duration kPathCheckWait = 3_s;
// As long as unacknowledged data is repeated.
constexpr Duration kSilence = 25_s;
}  // namespace

PathCheck::PathCheck(SecureStream& stream, Scheduler& scheduler,
                     std::function<void(const char*)> on_dead)
    : stream_(stream),
      scheduler_(scheduler),
      on_dead_(std::move(on_dead)),
      timer_(scheduler, [this] { on_timer(); }) {}

void PathCheck::start(const char* reason) {
  if (timer_.armed()) return;
  reason_ = reason;
  heard_before_.reset();
  stream_.raw().probe();
  timer_.start(kPathCheckPause);
}

/// What arrives right after a change may have been on its way before, so only what comes after a
/// pause counts.
void PathCheck::on_timer() {
  const std::uint64_t heard = stream_.stats().packets_received;
  if (!heard_before_) {
    heard_before_ = heard;
    until_ = scheduler_.now() + kPathCheckWait;
  } else if (heard != *heard_before_) {
    return;
  } else if (scheduler_.now() >= until_) {
    on_dead_(reason_);
    return;
  }
  stream_.raw().probe();
  timer_.start(kPathCheckPause);
}

Keepalive::Keepalive(SecureStream& stream, Scheduler& scheduler, const Duration& interval,
                     std::function<void()> on_silent)
    : stream_(stream),
      scheduler_(scheduler),
      interval_(interval),
      on_silent_(std::move(on_silent)),
      timer_(scheduler, [this] { on_timer(); }) {}

void Keepalive::on_timer() {
  if (interval_ <= Duration() || stream_.leaving() || !stream_.is_open()) return;
  if (stream_.ended_at()) {
    ask_for_life();
    return;
  }
  const Instant due = stream_.last_write() + interval_;
  if (scheduler_.now() >= due) {
    stream_.send_message({});
    timer_.start(interval_);
  } else {
    timer_.start_at(due);
  }
}

/// Behind the own end nothing is sent that the peer has to acknowledge, so that it has to be asked.
void Keepalive::ask_for_life() {
  const std::uint64_t heard = stream_.stats().packets_received;
  const Instant now = scheduler_.now();
  heard_at_ = std::max(heard_at_, *stream_.ended_at());
  if (std::exchange(heard_, heard) != heard) {
    heard_at_ = now;
  } else if (now - heard_at_ >= kSilence) {
    on_silent_();
    return;
  }
  stream_.raw().probe();
  timer_.start(interval_);
}

}  // namespace hsfwd::hyperdht
