// SPDX-License-Identifier: Apache-2.0
#include "cli/watch.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <csignal>
#include <ctime>
#include <utility>
#include <vector>

#include "cli/health.hpp"
#include "cli/rates.hpp"
#include "cli/table.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
// One that takes longer is told not to answer.
constexpr Duration kWatchPatience = 3_s;
}  // namespace

Watch::Watch(App& app, ControlCommand command, UpPlace place, AnswerText text, Duration interval)
    : app_(app),
      command_(command),
      place_(std::move(place)),
      text_(text),
      interval_(interval),
      again_timer_(app.scheduler(), [this] { ask(); }) {}

void Watch::ask() {
  inquiry_ = std::make_unique<ControlInquiry>(
      app_.scheduler(), app_.streams(), command_, place_.paths(),
      ControlInquiry::Outcomes{
          .answered = [this](const Json& answer) { on_answer(answer); },
          .failed =
              [this](const auto& failure) { on_failed(place_.error_of(failure, command_)); }});
  inquiry_->start(kWatchPatience);
}

void Watch::on_answer(Json answer) {
  const Instant now = app_.scheduler().now();
  shown_ = answer;
  // Another process has begun anew, and knows nothing of the one before.
  const bool is_same =
      last_.is_object() && last_.value("pid", Json()) == answer.value("pid", Json());
  if (is_same) {
    add_rates(shown_, last_, static_cast<double>((now - answered_at_).to_micros()) / 1e6);
  }
  last_ = std::move(answer);
  answered_at_ = now;
  error_.reset();
  std::string text;
  try {
    if (!app_.output().json()) text = text_.text(shown_);
  } catch (const Json::exception&) {
    return on_failed(bad_answer());
  }
  const bool first = !screen_ && !written_;
  if (first && !app_.output().json() && platform::output_is_screen()) {
    screen_ = std::make_unique<platform::LiveScreen>();
    signals_ = std::make_unique<platform::Signals>(app_.loop(), std::vector<int>{SIGTSTP, SIGWINCH},
                                                   [this](int number) { on_signal(number); });
  }
  screen_ ? draw() : write(shown_, text);
  rest();
}

/// Whom nobody has seen yet, nobody waits for.
void Watch::on_failed(const UserError& error) {
  if (last_.is_null() || error.code == "BAD_ANSWER") return app_.fail(error);
  error_ = error;
  screen_ ? draw() : write(tagged(events::Error{error.code, told(error.message)}), trouble());
  rest();
}

void Watch::rest() {
  if (!app_.quitting()) again_timer_.start(interval_);
}

void Watch::on_signal(int number) {
  if (number == SIGTSTP) screen_->stop_process();
  draw();
}

void Watch::write(const Json& event, const std::string& text) {
  app_.output().pass_on(event, (written_ ? "\n" : "") + text, text_.paint);
  written_ = true;
  if (app_.output().broken()) app_.quit(kFailed);
}

void Watch::draw() {
  std::string text = text_.text(shown_);
  if (error_) text = trouble() + "\n\n" + text;
  text = printable_lines(text);
  const bool colours = platform::output_takes_colours();
  if (colours && (error_ || text_.paint != nullptr)) text = with_health_colours(text);
  if (!screen_->draw(head() + "\n\n" + text)) app_.quit(kFailed);
}

std::string Watch::head() const {
  const auto now = static_cast<std::time_t>(app_.env().wall_clock.unix_millis() / 1000);
  return fmt::format("hsfwd {}, every {}, {:%T}; ctrl-C ends", to_string(command_),
                     span_text(static_cast<std::uint64_t>(interval_.to_millis() / 1000)),
                     fmt::localtime(now));
}

/// In the form of what begins a status.
std::string Watch::trouble() const {
  const auto seconds = (app_.scheduler().now() - answered_at_).to_millis() / 1000;
  events::HealthProblem problem{.code = error_->code,
                                .level = "error",
                                .what = "hsfwd up does not answer",
                                .why = told(error_->message),
                                .advice = "wait: this goes on as soon as it answers again",
                                .since = std::nullopt,
                                .seconds = static_cast<std::uint64_t>(seconds)};
  return health_text({problem}, "");
}

}  // namespace hsfwd::cli
