// SPDX-License-Identifier: Apache-2.0
#include "cli/waiting.hpp"

namespace hsfwd::cli {

namespace {
// With what it takes to start a program, no more than a second of silence.
constexpr Duration kMoment = 800_ms;
}  // namespace

Waiting::Waiting(Scheduler& scheduler, const Output& output, bool events, bool quiet)
    : output_(output), events_(events), quiet_(quiet), timer_(scheduler, [this] { tell(); }) {}

void Waiting::begin(std::string text, events::Waiting event) {
  text_ = std::move(text);
  event_ = std::move(event);
  event_.text = told(text_);
  if (!quiet_) timer_.start(kMoment);
}

void Waiting::close() {
  quiet_ = true;
  end();
}

void Waiting::tell() const {
  if (events_) {
    output_.event(event_, "");
  } else {
    output_.note("still " + text_);
  }
}

}  // namespace hsfwd::cli
