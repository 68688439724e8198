// SPDX-License-Identifier: Apache-2.0
#include "cli/watch.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>
#include <vector>

#include "cli/events/answers.hpp"
#include "cli/events/notices.hpp"
#include "cli/health.hpp"
#include "cli/rates.hpp"
#include "cli/table.hpp"
#include "cli/up_texts.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
// One that takes longer is told not to answer.
constexpr Duration kWatchPatience = 3_s;
}  // namespace

Watch::Watch(App& app, ControlCommand command, const UpPlace& place, AnswerText text,
             Duration interval)
    : app_(app),
      command_(command),
      place_(place),
      text_(text),
      interval_(interval),
      again_timer_(app.scheduler(), [this] { ask(); }) {}

void Watch::ask() {
  round_ = std::make_unique<ControlRound>(app_.scheduler(), app_.streams(), command_, place_);
  // It may only be about to start again.
  if (!last_.empty() && heading_of(last_.front()).empty()) round_->only_up();
  round_->start(kWatchPatience, [this](const auto& outcome) {
    outcome ? on_answers(*outcome) : on_failed(outcome.error());
  });
}

/// Another process has begun anew, and knows nothing of the one before.
void Watch::on_answers(ControlRound::Answers answers) {
  const Instant now = app_.scheduler().now();
  shown_ = answers;
  for (Json& one : shown_) {
    const auto before = std::find_if(last_.begin(), last_.end(), [&](const Json& other) {
      return other.value("pid", Json()) == one.value("pid", Json());
    });
    if (before == last_.end()) continue;
    add_rates(one, *before, static_cast<double>((now - answered_at_).to_micros()) / 1e6);
  }
  last_ = std::move(answers);
  answered_at_ = now;
  error_.reset();
  try {
    if (!app_.output().json()) static_cast<void>(lines(false));
  } catch (const Json::exception&) {
    return on_failed(bad_answer());
  }
  if (!screen_ && !written_ && !app_.output().json() && platform::output_is_screen()) {
    // Ahead of the screen, which is then left whatever comes.
    signals_ = std::make_unique<platform::Signals>(
        app_.loop(), std::vector<int>{SIGTSTP, SIGCONT, SIGWINCH, SIGQUIT},
        [this](int number) { on_signal(number); });
    screen_ = std::make_unique<platform::LiveScreen>(
        app_.loop(), [this](std::string_view keys) { on_typed(keys); });
  }
  show();
}

/// Whom nobody has seen yet, nobody waits for.
void Watch::on_failed(const UserError& error) {
  if (last_.empty() || error.code == "BAD_ANSWER") {
    screen_.reset();
    return app_.fail(error);
  }
  error_ = error;
  show();
}

void Watch::show() {
  if (screen_) {
    draw();
  } else if (!app_.output().json()) {
    const bool colours = platform::output_takes_colours();
    const std::string text = error_ ? printable_lines(trouble()) : lines(colours);
    app_.output().picture((written_ ? "\n" : "") + text);
  } else if (error_) {
    app_.output().pass_on(tagged(events::Error{error_->code, told(error_->message)}), "");
  } else {
    for (const Json& one : shown_) app_.output().pass_on(one, "");
  }
  written_ = true;
  if (!screen_ && app_.output().broken()) app_.quit(kFailed);
  rest();
}

void Watch::rest() {
  if (!app_.quitting()) again_timer_.start(interval_);
}

void Watch::on_signal(int number) {
  if (!screen_) return;
  if (number == SIGQUIT) return app_.quit(kSignalBase + number);
  if (number == SIGTSTP) screen_->stop_process();
  if (number == SIGCONT) screen_->resume();
  draw();
}

void Watch::on_typed(std::string_view keys) {
  if (keys.find_first_of("qQ") != std::string_view::npos) app_.quit(kDone);
}

std::string Watch::lines(bool colours) const {
  return shown_text(shown_, text_, colours);
}

void Watch::draw() {
  const bool colours = platform::output_takes_colours();
  std::string text = lines(colours);
  if (error_) {
    const std::string above = printable_lines(trouble());
    text = (colours ? with_health_colours(above) : above) + "\n\n" + text;
  }
  const std::string whole = fmt::format("hsfwd {}", to_string(command_));
  if (!screen_->draw(first_lines(head() + "\n\n" + text, screen_->rows(), whole))) {
    app_.quit(kFailed);
  }
}

std::string Watch::head() const {
  const auto now = static_cast<std::time_t>(app_.env().wall_clock.unix_millis() / 1000);
  return fmt::format("hsfwd {}, every {}, {:%T}; {} ends", to_string(command_),
                     span_text(static_cast<std::uint64_t>(interval_.to_millis() / 1000)),
                     fmt::localtime(now), screen_->hears() ? "q" : "ctrl-C");
}

/// In the form of what begins a status.
std::string Watch::trouble() const {
  // One, or all of several.
  const std::string who =
      heading_of(shown_.front()).empty() ? "up" : shown_.front().value("command", "");
  const auto seconds = (app_.scheduler().now() - answered_at_).to_millis() / 1000;
  events::HealthProblem problem{.code = error_->code,
                                .level = "error",
                                .what = fmt::format("hsfwd {} does not answer", who),
                                .why = told(error_->message),
                                .advice = "wait: this goes on as soon as it answers again",
                                .since = std::nullopt,
                                .seconds = static_cast<std::uint64_t>(seconds)};
  return health_text({problem}, "");
}

}  // namespace hsfwd::cli
