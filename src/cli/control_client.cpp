// SPDX-License-Identifier: Apache-2.0
#include "cli/control_client.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "cli/app.hpp"
#include "cli/kill_switch_hint.hpp"
#include "cli/plan.hpp"
#include "platform/control_socket.hpp"
#include "platform/kill_switch.hpp"

namespace hsfwd::cli {

namespace {

// Longer than the goodbyes of `up` take.
constexpr Duration kAnswerPatience = 10_s;
constexpr std::size_t kMaxAnswer = 64 * 1024 * 1024;  // bytes; many thousand connections
constexpr int kMaxExitCode = 125;                     // shells use those above

UserError bad_answer() {
  return {kFailed, "BAD_ANSWER",
          "cannot understand the answer of hsfwd up; is it another version?"};
}

/// One question, at the first of some paths where somebody answers.
class Inquiry final : public net::ByteStreamObserver {
 public:
  /// `subject` follows "hsfwd up runs", for people.
  Inquiry(App& app, ControlCommand command, std::vector<std::string> paths, std::string subject,
          AnswerText text)
      : app_(app),
        command_(command),
        paths_(std::move(paths)),
        subject_(std::move(subject)),
        text_(std::move(text)),
        patience_timer_(app.scheduler(), [this] {
          fail({kFailed, "NO_ANSWER",
                answered_
                    ? fmt::format("hsfwd up is still running {} seconds after it was asked to stop",
                                  kAnswerPatience.to_millis() / 1000)
                    : "hsfwd up is running but does not answer"});
        }) {}
  ~Inquiry() override {
    if (stream_) stream_->set_observer(nullptr);
  }

  void start() {
    patience_timer_.start(kAnswerPatience);
    app_.waiting().begin("waiting for hsfwd up to answer", {.what = "answer"});
    dial_next();
  }

  /// What is asked for is done, whether anybody answers or not.
  void may_find_nobody() { may_find_nobody_ = true; }

  void on_readable() override {
    std::array<std::uint8_t, 16 * 1024> chunk;
    while (!over_) {
      const net::ReadResult result = stream_->read(chunk);
      in_ += as_text(ByteView(chunk).first(result.size));
      if (result.state == net::ReadState::kBlocked) return;
      if (!answered_ && result.size > 0) look_for_answer(result.size);
      if (result.state == net::ReadState::kEnd) on_end();
    }
  }

  void on_writable() override { out_.erase(0, stream_->write(as_bytes(out_))); }

  void on_reset(const std::string&) override { on_end(); }

 private:
  void dial_next() {
    if (tried_ == paths_.size()) {
      if (forbidden_.empty() && may_find_nobody_) return finish();
      fail(forbidden_.empty() ? not_running() : not_allowed());
      return;
    }
    const std::string path = paths_[tried_++];
    app_.scheduler().retire(std::move(dial_));
    dial_ = app_.streams().dial({.host = {}, .port = 0, .path = path}, [this, path](auto result) {
      if (result) {
        ask(std::move(*result));
        return;
      }
      if (platform::is_forbidden(path)) forbidden_ = path;
      problems_ += fmt::format("{}{}: {}", problems_.empty() ? "" : "; ", path, result.error());
      dial_next();
    });
  }

  /// Those of other users lie elsewhere.
  UserError not_running() const {
    return {kPeerUnreachable, "NOT_RUNNING",
            fmt::format("no hsfwd up runs{}: {}; if another user has started it, ask as that user",
                        subject_, problems_)};
  }

  UserError not_allowed() const {
    const std::string owner = platform::owner_of(forbidden_);
    const std::string group = platform::group_of(forbidden_);
    return {kRefused, "NOT_ALLOWED",
            fmt::format("this user may not ask hsfwd up{}: {}: permission denied; it runs as {}: "
                        "sudo -u {} hsfwd {} ...{}",
                        subject_, forbidden_, owner, owner, to_string(command_),
                        group.empty() ? "" : ", or join the group " + group)};
  }

  void ask(std::unique_ptr<net::ByteStream> stream) {
    stream_ = std::move(stream);
    stream_->set_observer(this);
    out_ = ControlRequest{command_}.encode() + "\n";
    on_writable();
    on_readable();
  }

  void look_for_answer(std::size_t fresh) {
    const std::size_t end = in_.find('\n', in_.size() - fresh);
    if (end == std::string::npos && in_.size() <= kMaxAnswer) return;
    try {
      answer_ = decode_answer(std::string_view(in_).substr(0, end));
    } catch (const UserError& error) {
      fail(error);
      return;
    }
    answered_ = true;
    // The end of the connection shows that it has ended.
    app_.waiting().begin("waiting for hsfwd up to end", {.what = "end"});
    if (command_ != ControlCommand::kDown) succeed();
  }

  void on_end() {
    if (over_) return;
    if (answered_) {
      succeed();
    } else {
      fail({kFailed, "NO_ANSWER", "hsfwd up ended before it answered"});
    }
  }

  void succeed() {
    try {
      const std::string text = app_.output().json() ? "" : text_(answer_);
      app_.output().pass_on(answer_, text);
    } catch (const Json::exception&) {
      fail(bad_answer());
      return;
    }
    finish();
  }

  void finish() {
    over_ = true;
    patience_timer_.stop();
    app_.quit(kDone);
  }

  void fail(const UserError& error) {
    over_ = true;
    patience_timer_.stop();
    app_.fail(error);
  }

  App& app_;
  const ControlCommand command_;
  const std::vector<std::string> paths_;
  const std::string subject_;
  const AnswerText text_;
  std::size_t tried_ = 0;
  std::string problems_;
  std::string forbidden_;  // the path that it was, if any
  std::unique_ptr<net::Dial> dial_;
  std::unique_ptr<net::ByteStream> stream_;
  std::string out_;
  std::string in_;
  Json answer_;
  bool answered_ = false;
  bool may_find_nobody_ = false;
  bool over_ = false;
  Timer patience_timer_;
};

/// The paths that exist; the first if none does, for the message.
std::vector<std::string> present_ones(std::vector<std::string> paths) {
  const std::string first = paths.front();
  std::erase_if(paths, [](const std::string& path) {
    std::error_code error;
    return std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found;
  });
  if (paths.empty()) paths.push_back(first);
  return paths;
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

}  // namespace

void add_control_options(CommandLine& line, const char* about_config) {
  line.options().add_options()("config,c", po::value<std::string>(), about_config)(
      "socket", po::value<std::string>(),
      "PATH of the control socket (default: derived from FILE)");
}

Json decode_answer(std::string_view line) {
  Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) throw bad_answer();
  const auto text = [&](const char* name) {
    const auto field = json.find(name);
    if (field == json.end() || !field->is_string()) throw bad_answer();
    return field->get<std::string>();
  };
  if (text("event") != "error") return json;
  const auto exit_code = json.find("exitCode");
  UserError error{kFailed, text("code"), text("message")};
  if (exit_code != json.end() && exit_code->is_number_integer()) {
    const auto value = exit_code->get<std::int64_t>();
    if (value > 0 && value <= kMaxExitCode) error.exit_code = static_cast<int>(value);
  }
  throw error;
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
    paths = present_ones(platform::control_socket_candidates(file));
  }
  Inquiry inquiry(app, command, std::move(paths), subject, text);
  if (lifted) inquiry.may_find_nobody();
  inquiry.start();
  return app.run();
}

}  // namespace hsfwd::cli
