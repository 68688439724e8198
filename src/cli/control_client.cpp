// SPDX-License-Identifier: Apache-2.0
#include "cli/control_client.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/app.hpp"
#include "cli/control_inquiry.hpp"
#include "cli/kill_switch_hint.hpp"
#include "cli/plan.hpp"
#include "platform/control_socket.hpp"
#include "platform/kill_switch.hpp"

namespace hsfwd::cli {

namespace {

// Longer than the goodbyes of `up` take.
constexpr Duration kAnswerPatience = 10_s;

/// What is asked of the `up` of a command line, and what becomes of it.
class UpQuestion {
 public:
  /// `subject` follows "hsfwd up runs", for people.
  UpQuestion(App& app, ControlCommand command, std::vector<std::string> paths, std::string subject,
             AnswerText text)
      : app_(app),
        command_(command),
        subject_(std::move(subject)),
        text_(std::move(text)),
        inquiry_(app.scheduler(), app.streams(), command, std::move(paths), outcomes()) {}

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
      app_.output().pass_on(answer_, text, text_.paint);
      app_.quit(kDone);
    } catch (const Json::exception&) {
      app_.fail(bad_answer());
    }
  }

  void on_failed(const Failure& failure) {
    const bool nobody = failure.kind == Failure::Kind::kNobody;
    nobody&& may_find_nobody_ ? app_.quit(kDone) : app_.fail(error_of(failure));
  }

  UserError error_of(const Failure& failure) const {
    if (failure.kind != Failure::Kind::kSilent || !answered_) {
      return error_of_up(failure, command_, subject_);
    }
    return {kFailed, "NO_ANSWER",
            fmt::format("hsfwd up is still running {} seconds after it was asked to stop",
                        kAnswerPatience.to_millis() / 1000)};
  }

  App& app_;
  const ControlCommand command_;
  const std::string subject_;
  const AnswerText text_;
  Json answer_;
  bool answered_ = false;
  bool may_find_nobody_ = false;
  ControlInquiry inquiry_;
};

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

}  // namespace

UserError error_of_up(const ControlInquiry::Failure& failure, ControlCommand command,
                      const std::string& subject) {
  using Kind = ControlInquiry::Failure::Kind;
  switch (failure.kind) {
    case Kind::kNobody:  // those of other users lie elsewhere
      return {kPeerUnreachable, "NOT_RUNNING",
              fmt::format("no hsfwd up runs{}: {}; if another user has started it, ask as that user",
                          subject, failure.text)};
    case Kind::kForbidden: {
      const std::string owner = platform::owner_of(failure.path);
      const std::string group = platform::group_of(failure.path);
      return {kRefused, "NOT_ALLOWED",
              fmt::format("this user may not ask hsfwd up{}: {}: permission denied; it runs as {}: "
                          "sudo -u {} hsfwd {} ...{}",
                          subject, failure.path, owner, owner, to_string(command),
                          group.empty() ? "" : ", or join the group " + group)};
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
  CommandLine line(fmt::format("hsfwd {} [-c FILE] [OPTION...]", to_string(command)), about);
  add_control_options(line, "FILE that hsfwd up runs with");
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  return ask_up(line, command, text);
}

int ask_up(const CommandLine& line, ControlCommand command, const AnswerText& text) {
  App app(output_options(line));
  const bool lifted = look_after_kill_switch(app, command);
  std::vector<std::string> paths = {line.path("socket")};
  std::string subject;
  if (paths[0].empty()) {
    std::string file;
    try {
      file = choose_plan_file(line);
    } catch (const UserError&) {
      // It was made on the command line.
      if (lifted && !line.has("config")) return kDone;
      throw;
    }
    if (file == kStandardInput) {
      throw UserError{kUsage, "USAGE",
                      "-c -: an hsfwd up that read standard input is reached by its --socket PATH"};
    }
    std::error_code error;
    const auto type = std::filesystem::status(file, error).type();
    const bool missing = type == std::filesystem::file_type::not_found;
    subject = fmt::format(" with {}{}", file, missing ? " (there is no such file)" : "");
    paths = present_sockets(platform::control_socket_candidates(file));
  }
  UpQuestion question(app, command, std::move(paths), subject, text);
  if (lifted) question.may_find_nobody();
  question.start();
  return app.run();
}

}  // namespace hsfwd::cli
