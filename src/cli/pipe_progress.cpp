// SPDX-License-Identifier: Apache-2.0
#include "cli/pipe_progress.hpp"

#include <fmt/format.h>

#include <utility>

#include "cli/table.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr Duration kRedrawInterval = 500_ms;
constexpr Duration kLineInterval = 10_s;
// Of what rates are on a terminal: as those of sessions.
constexpr Duration kRateTime = 5_s;

std::string rate_text(std::uint64_t bytes, Duration time) {
  const double seconds = millis(time) / 1000;
  return seconds <= 0
             ? size_text(0) + "/s"
             : size_text(static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds)) + "/s";
}

}  // namespace

PipeProgress::PipeProgress(Scheduler& scheduler, const Output& output, bool redraw,
                           std::function<State()> state)
    : scheduler_(scheduler),
      output_(output),
      redraw_(redraw),
      state_(std::move(state)),
      timer_(scheduler, [this] { tell(); }) {}

void PipeProgress::begin() {
  began_ = scheduler_.now();
  begun_ = true;
  samples_.push_back({began_, state_()});
  timer_.start(redraw_ ? kRedrawInterval : kLineInterval);
}

void PipeProgress::end() {
  if (!std::exchange(begun_, false)) return;
  timer_.stop();
  const std::string line = summary(state_(), scheduler_.now() - began_);
  if (redraw_) output_.redraw("");
  output_.note(line);
}

void PipeProgress::tell() {
  const Sample now{scheduler_.now(), state_()};
  const Sample& before = samples_.front();
  const std::string line = text(now.state, before.state, now.at - before.at);
  if (redraw_) {
    output_.redraw(shortened(line, platform::error_width() - 1 - 3));  // a full line would wrap
  } else {
    output_.note(line);
  }
  samples_.push_back(now);
  const Duration span = redraw_ ? kRateTime : Duration();
  while (samples_.size() > 1 && now.at - samples_.front().at > span) samples_.pop_front();
  timer_.start(redraw_ ? kRedrawInterval : kLineInterval);
}

std::string PipeProgress::text(const State& state, const State& before, Duration between) {
  return fmt::format("{} from the peer, {}; {} to it, {}; {}", size_text(state.moved.from_peer),
                     rate_text(state.moved.from_peer - before.moved.from_peer, between),
                     size_text(state.moved.to_peer),
                     rate_text(state.moved.to_peer - before.moved.to_peer, between), state.path);
}

std::string PipeProgress::summary(const State& state, Duration took) {
  return fmt::format("{} from the peer, {} to it, in {:.1f} s ({}); {}",
                     size_text(state.moved.from_peer), size_text(state.moved.to_peer),
                     millis(took) / 1000,
                     rate_text(state.moved.from_peer + state.moved.to_peer, took), state.path);
}

}  // namespace hsfwd::cli
