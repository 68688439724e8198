// SPDX-License-Identifier: Apache-2.0
#include "cli/quick_status.hpp"

#include <array>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/control_client.hpp"
#include "cli/control_request.hpp"
#include "cli/user_error.hpp"
#include "platform/control_socket.hpp"
#include "platform/loop.hpp"
#include "platform/streams.hpp"

namespace hsfwd::cli {

namespace {

// Somebody has pressed a key, and waits.
constexpr Duration kQuickPatience = 250_ms;
constexpr std::size_t kMaxQuickAnswer = 4 * 1024 * 1024;  // bytes

/// One question, at the first path where somebody answers.
class QuickInquiry final : public net::ByteStreamObserver {
 public:
  explicit QuickInquiry(std::vector<std::string> paths)
      : paths_(std::move(paths)), patience_timer_(loop_.scheduler(), [this] { loop_.stop(); }) {}
  ~QuickInquiry() override {
    if (stream_) stream_->set_observer(nullptr);
  }

  Json run() {
    patience_timer_.start(kQuickPatience);
    dial_next();
    loop_.run();
    return std::move(answer_);
  }

  void on_readable() override {
    std::array<std::uint8_t, 16 * 1024> chunk;
    for (;;) {
      const net::ReadResult result = stream_->read(chunk);
      in_ += as_text(ByteView(chunk).first(result.size));
      if (in_.ends_with('\n')) answer_ = answer_of(in_);
      const bool over = in_.ends_with('\n') || in_.size() > kMaxQuickAnswer;
      if (over || result.state == net::ReadState::kEnd) return loop_.stop();
      if (result.state == net::ReadState::kBlocked) return;
    }
  }
  void on_writable() override { out_.erase(0, stream_->write(as_bytes(out_))); }
  void on_reset(const std::string&) override { loop_.stop(); }

 private:
  static Json answer_of(std::string_view line) {
    try {
      return decode_answer(line.substr(0, line.find('\n')));
    } catch (const UserError&) {
      return nullptr;
    }
  }

  void dial_next() {
    if (tried_ == paths_.size()) return loop_.stop();
    const std::string path = paths_[tried_++];
    loop_.scheduler().retire(std::move(dial_));
    dial_ = streams_->dial({.host = {}, .port = 0, .path = path}, [this](auto result) {
      if (!result) return dial_next();
      stream_ = std::move(*result);
      stream_->set_observer(this);
      out_ = ControlRequest{ControlCommand::kStatus}.encode() + "\n";
      on_writable();
      on_readable();
    });
  }

  platform::Loop loop_;
  std::unique_ptr<net::StreamFactory> streams_ = platform::make_stream_factory(loop_);
  const std::vector<std::string> paths_;
  std::size_t tried_ = 0;
  std::unique_ptr<net::Dial> dial_;
  std::unique_ptr<net::ByteStream> stream_;
  std::string out_;
  std::string in_;
  Json answer_;
  Timer patience_timer_;
};

}  // namespace

Json quick_status(const std::string& config_file) {
  std::vector<std::string> paths = platform::control_socket_candidates(config_file);
  std::erase_if(paths, [](const std::string& path) {
    std::error_code error;
    return !std::filesystem::is_socket(path, error);
  });
  return paths.empty() ? Json() : QuickInquiry(std::move(paths)).run();
}

}  // namespace hsfwd::cli
