// SPDX-License-Identifier: Apache-2.0
#include "cli/control_client.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/app.hpp"
#include "cli/control_inquiry.hpp"
#include "cli/control_round.hpp"
#include "cli/kill_switch_hint.hpp"
#include "cli/up_place.hpp"
#include "cli/up_texts.hpp"
#include "cli/watch.hpp"
#include "platform/control_socket.hpp"
#include "platform/kill_switch.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// Longer than the goodbyes of `up` take.
constexpr Duration kAnswerPatience = 10_s;

/// An order to the `up` of a command line, and what becomes of it.
class UpQuestion {
 public:
  UpQuestion(App& app, ControlCommand command, UpPlace place, AnswerText text)
      : app_(app),
        command_(command),
        place_(std::move(place)),
        text_(text),
        inquiry_(app.scheduler(), app.streams(), command, place_.paths(), outcomes()) {}

  void start() {
    app_.waiting().begin("waiting for hsfwd up to answer", {.what = "answer"});
    inquiry_.start(kAnswerPatience);
  }

  /// What is asked for is done, whether anybody answers or not.
  void may_find_nobody() { may_find_nobody_ = true; }

 private:
  using Failure = ControlInquiry::Failure;

  ControlInquiry::Outcomes outcomes() {
    ControlInquiry::Outcomes out{.answered = [this](const Json& answer) { on_answer(answer); },
                                 .failed = [this](const Failure& failure) { on_failed(failure); }};
    // The end of the connection shows that it has ended.
    if (command_ == ControlCommand::kDown) out.ended = [this] { show(); };
    return out;
  }

  void on_answer(const Json& answer) {
    answer_ = answer;
    answered_ = true;
    if (command_ != ControlCommand::kDown) return show();
    app_.waiting().begin("waiting for hsfwd up to end", {.what = "end"});
  }

  void show() {
    try {
      const std::string text = app_.output().json() ? "" : text_.text(answer_);
      app_.output().pass_on(answer_, text);
      app_.quit(kDone);
    } catch (const Json::exception&) {
      app_.fail(bad_answer());
    }
  }

  void on_failed(const Failure& failure) {
    const bool nobody = failure.kind == Failure::Kind::kNobody;
    if (nobody && may_find_nobody_) return app_.quit(kDone);
    app_.fail(answered_ ? still_running() : place_.error_of(failure, command_));
  }

  static UserError still_running() {
    return {kFailed, "NO_ANSWER",
            fmt::format("hsfwd up is still running {} seconds after it was asked to stop",
                        kAnswerPatience.to_millis() / 1000)};
  }

  App& app_;
  const ControlCommand command_;
  const UpPlace place_;
  const AnswerText text_;
  Json answer_;
  bool answered_ = false;
  bool may_find_nobody_ = false;
  ControlInquiry inquiry_;
};

/// What runs, shown once.
class LookAround {
 public:
  LookAround(App& app, ControlCommand command, const UpPlace& place, AnswerText text)
      : app_(app), text_(text), round_(app.scheduler(), app.streams(), command, place) {}

  void start() {
    app_.waiting().begin("waiting for hsfwd up to answer", {.what = "answer"});
    round_.start(kAnswerPatience, [this](const auto& outcome) {
      outcome ? show(*outcome) : app_.fail(outcome.error());
    });
  }

 private:
  void show(const ControlRound::Answers& answers) {
    try {
      if (app_.output().json()) {
        for (const Json& answer : answers) app_.output().pass_on(answer, "");
      } else {
        app_.output().picture(shown_text(answers, text_, platform::output_takes_colours()));
      }
      app_.quit(kDone);
    } catch (const Json::exception&) {
      app_.fail(bad_answer());
    }
  }

  App& app_;
  const AnswerText text_;
  ControlRound round_;
};

/// `--watch`, `--watch SECONDS` or `--watch=SECONDS`; `words`: what is behind it.
Duration watch_interval(const std::string& joined, const std::vector<std::string>& words) {
  if (joined.empty() && words.empty()) return 1_s;
  const std::string& text = joined.empty() ? words[0] : joined;
  const auto seconds = parse_decimal(text, Watch::kMostSeconds);
  if (!seconds || *seconds == 0) {
    throw UserError{kUsage, "USAGE",
                    fmt::format("--watch {}: must be a whole number of seconds, 1 to {}",
                                shortened(text), Watch::kMostSeconds)};
  }
  if (!joined.empty() && !words.empty()) {
    throw UserError{kUsage, "USAGE", fmt::format("unexpected argument {}", in_quotes(words[0]))};
  }
  return Duration::seconds(static_cast<std::int64_t>(*seconds));
}

/// Of what a killed process has left, whatever runs now. True: it is lifted.
bool look_after_kill_switch(const App& app, ControlCommand command) {
  const std::string cut_off = kill_switch_hint();
  if (cut_off.empty()) return false;
  if (command != ControlCommand::kDown) {
    app.output().note(cut_off);
    return false;
  }
  const auto lifted = platform::lift_kill_switch();
  app.output().note(lifted ? "the kill switch of an hsfwd that was killed is lifted"
                           : "the kill switch of an hsfwd that was killed cannot be lifted: " +
                                 lifted.error());
  return lifted.ok();
}

int watch_up(const CommandLine& line, ControlCommand command, const AnswerText& text,
             Duration interval) {
  App app(output_options(line));
  look_after_kill_switch(app, command);
  const UpPlace place(line);
  Watch watch(app, command, place, text, interval);
  watch.start();
  return app.run();
}

}  // namespace

std::string shown_text(const std::vector<Json>& answers, const AnswerText& text, bool colours) {
  std::string out;
  for (const Json& answer : answers) {
    std::string one = printable_lines(text.text(answer));
    if (colours && text.paint != nullptr) one = text.paint(one);
    const std::string heading = printable(heading_of(answer));
    out += fmt::format("{}{}{}{}", out.empty() ? "" : "\n\n", heading, heading.empty() ? "" : "\n",
                       one);
  }
  return out;
}

UserError error_of_up(const ControlInquiry::Failure& failure, ControlCommand command,
                      const std::string& subject) {
  using Kind = ControlInquiry::Failure::Kind;
  switch (failure.kind) {
    case Kind::kNobody:  // those of other users lie elsewhere
      return {
          kPeerUnreachable, "NOT_RUNNING",
          fmt::format("no hsfwd up runs{}: {}; if another user has started it, ask as that user",
                      subject, failure.text)};
    case Kind::kForbidden: {
      const std::string owner = platform::owner_of(failure.path);
      const std::string group = platform::group_of(failure.path);
      return {kRefused, "NOT_ALLOWED",
              fmt::format("this user may not ask hsfwd up{}: {}: permission denied; it runs as {}: "
                          "sudo -u {} hsfwd {} ...{}",
                          subject, failure.path, owner, owner, to_string(command),
                          group.empty()                          ? ""
                          : platform::joins_at_next_login(group) ? ", or log in again, which makes "
                                                                   "the new group " +
                                                                       group + " count"
                                                                 : ", or join the group " + group)};
    }
    case Kind::kSilent:
      return {kFailed, "NO_ANSWER", "hsfwd up is running but does not answer"};
    case Kind::kEnded:
      return {kFailed, "NO_ANSWER", "hsfwd up ended before it answered"};
    case Kind::kRefused:
      break;
  }
  return failure.error;
}

std::vector<std::string> present_sockets(std::vector<std::string> paths) {
  const std::string first = paths.front();
  std::erase_if(paths, [](const std::string& path) {
    std::error_code error;
    return std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found;
  });
  if (paths.empty()) paths.push_back(first);
  return paths;
}

void add_control_options(CommandLine& line, const char* about_config) {
  line.options().add_options()("config,c", po::value<std::string>(), about_config)(
      "socket", po::value<std::string>(),
      "PATH of the control socket (default: derived from FILE)");
}

int run_control_command(const Arguments& arguments, ControlCommand command,
                        const std::string& about, const AnswerText& text) {
  const bool watchable = command == ControlCommand::kStatus || command == ControlCommand::kPeers;
  const std::string usage = fmt::format("hsfwd {} [-c FILE]{} [OPTION...]", to_string(command),
                                        watchable ? " [--watch [SECONDS]]" : "");
  CommandLine line(usage, about);
  add_control_options(line, "FILE that the running hsfwd up uses");
  if (watchable) {
    line.options().add_options()(
        "watch,w", po::value<std::string>()->implicit_value("", "1")->value_name("SECONDS"),
        "keep refreshing, every second or every SECONDS");
    line.positional("seconds", 1, {WordKind::kOther});
  }
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  if (!watchable) return ask_up(line, command, text);
  const auto words = line.texts("seconds");
  if (line.has("watch")) {
    return watch_up(line, command, text, watch_interval(line.text("watch"), words));
  }
  if (!words.empty()) {
    throw UserError{kUsage, "USAGE",
                    fmt::format("unexpected argument {}; usage: {}", in_quotes(words[0]), usage)};
  }
  return ask_up(line, command, text);
}

int ask_up(const CommandLine& line, ControlCommand command, const AnswerText& text) {
  App app(output_options(line));
  const bool lifted = look_after_kill_switch(app, command);
  const UpPlace place(line);
  const bool is_order = command == ControlCommand::kDown || command == ControlCommand::kReload;
  if (!is_order) {
    LookAround look(app, command, place, text);
    look.start();
    return app.run();
  }
  if (place.problem()) {
    if (lifted) return kDone;  // it was made on the command line
    throw UserError(*place.problem());
  }
  UpQuestion question(app, command, place, text);
  if (lifted) question.may_find_nobody();
  question.start();
  return app.run();
}

}  // namespace hsfwd::cli
