// SPDX-License-Identifier: Apache-2.0
#include "cli/control_inquiry.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "platform/control_socket.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
constexpr std::size_t kMaxAnswer = 64 * 1024 * 1024;  // bytes; many thousand connections
constexpr int kMaxDepth = 16;                         // what is in what; twice that of any answer
constexpr int kMaxExitCode = 125;                     // shells use those above
}  // namespace

ControlInquiry::ControlInquiry(Scheduler& scheduler, net::StreamFactory& streams,
                               ControlCommand command, std::vector<std::string> paths,
                               Outcomes outcomes)
    : scheduler_(scheduler),
      streams_(streams),
      paths_(std::move(paths)),
      outcomes_(std::move(outcomes)),
      out_(ControlRequest{command}.encode() + "\n"),
      first_task_(scheduler, [this] { dial_next(); }),
      patience_timer_(scheduler, [this] { fail({.kind = Failure::Kind::kSilent}); }) {}

ControlInquiry::~ControlInquiry() {
  if (stream_) stream_->set_observer(nullptr);
}

void ControlInquiry::start(Duration patience) {
  patience_timer_.start(patience);
  first_task_.post();
}

void ControlInquiry::cancel() {
  over_ = true;
  first_task_.cancel();
  patience_timer_.stop();
  if (stream_) stream_->set_observer(nullptr);
  scheduler_.retire(std::move(dial_));
}

void ControlInquiry::dial_next() {
  scheduler_.retire(std::move(dial_));
  if (tried_ == paths_.size()) {
    const bool forbidden = !forbidden_.empty();
    return fail({.kind = forbidden ? Failure::Kind::kForbidden : Failure::Kind::kNobody,
                 .text = problems_,
                 .path = forbidden_});
  }
  const std::string path = paths_[tried_++];
  dial_ = streams_.dial({.host = {}, .port = 0, .path = path}, [this, path](auto result) {
    if (result) return ask(std::move(*result));
    if (platform::is_forbidden(path)) forbidden_ = path;
    problems_ += fmt::format("{}{}: {}", problems_.empty() ? "" : "; ", path, result.error());
    dial_next();
  });
}

void ControlInquiry::ask(std::unique_ptr<net::ByteStream> stream) {
  stream_ = std::move(stream);
  stream_->set_observer(this);
  on_writable();
  on_readable();
}

void ControlInquiry::on_readable() {
  std::array<std::uint8_t, 16 * 1024> chunk;
  while (!over_) {
    const net::ReadResult result = stream_->read(chunk);
    if (!answered_ && result.size > 0) {
      in_ += as_text(ByteView(chunk).first(result.size));
      look_for_answer(result.size);
    }
    if (result.state == net::ReadState::kBlocked) return;
    if (result.state == net::ReadState::kEnd) return on_end();
  }
}

void ControlInquiry::look_for_answer(std::size_t fresh) {
  const std::size_t end = in_.find('\n', in_.size() - fresh);
  if (end == std::string::npos && in_.size() <= kMaxAnswer) return;
  Json answer;
  try {
    answer = decode_answer(std::string_view(in_).substr(0, end));
  } catch (const UserError& error) {
    return fail({.kind = Failure::Kind::kRefused, .error = error});
  }
  answered_ = true;
  if (!outcomes_.ended) {
    over_ = true;
    patience_timer_.stop();
  }
  outcomes_.answered(answer);
}

void ControlInquiry::on_end() {
  if (over_) return;
  if (!answered_) return fail({.kind = Failure::Kind::kEnded});
  over_ = true;
  patience_timer_.stop();
  outcomes_.ended();
}

void ControlInquiry::fail(const Failure& failure) {
  if (over_) return;
  over_ = true;
  patience_timer_.stop();
  outcomes_.failed(failure);
}

UserError bad_answer() {
  return {kFailed, "BAD_ANSWER",
          "cannot understand the answer of hsfwd up; is it another version?"};
}

Json decode_answer(std::string_view line) {
  // Whatever goes through it later goes down as deep as it is.
  const auto look = [](int depth, Json::parse_event_t, const Json&) {
    if (depth > kMaxDepth) throw bad_answer();
    return true;
  };
  Json json = Json::parse(line, look, false);
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

}  // namespace hsfwd::cli
