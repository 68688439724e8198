// SPDX-License-Identifier: Apache-2.0
#include "cli/control_server.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>

#include "cli/events/notices.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// For a request to come in, and for an answer to be taken.
constexpr Duration kRequestPatience = 10_s;
// Bytes behind a request that are taken to be dropped.
constexpr std::size_t kMaxDropped = 1024 * 1024;

}  // namespace

Json error_answer(const UserError& error) {
  Json out = tagged(events::Error{error.code, told(error.message)});
  out["exitCode"] = error.exit_code;
  return out;
}

/// One client: its request is read, the answer is written, and what else it sends is dropped until
/// it hangs up: bytes that are still unread when a socket is closed could cost it the answer.
class ControlServer::Conversation final : public net::ByteStreamObserver {
 public:
  Conversation(ControlServer& server, std::uint64_t id, std::unique_ptr<net::ByteStream> stream)
      : server_(server),
        id_(id),
        stream_(std::move(stream)),
        patience_timer_(server.app_.scheduler(), [this] { server_.forget(id_); }) {
    stream_->set_observer(this);
    patience_timer_.start(kRequestPatience);
  }
  ~Conversation() override { cancel(); }

  void cancel() {
    patience_timer_.stop();
    stream_->set_observer(nullptr);
  }

  void answer(const Json& answer, Then then) {
    asked_ = true;
    out_ = json_line(answer) + "\n";
    then_ = then;
    patience_timer_.start(kRequestPatience);
    on_writable();
  }

  void on_readable() override {
    if (ended_) drop_rest();
    std::array<std::uint8_t, 1024> chunk;
    while (!asked_) {
      const net::ReadResult result = stream_->read(chunk);
      in_ += as_text(ByteView(chunk).first(result.size));
      const std::size_t end = in_.find('\n');
      if (end != std::string::npos) {
        take(std::string_view(in_).substr(0, end));
      } else if (in_.size() > ControlRequest::kMaxSize) {
        take(in_);  // is refused for its size
      } else if (result.state == net::ReadState::kBlocked) {
        return;
      } else if (result.state == net::ReadState::kEnd) {
        leave_early();
        return;
      }
    }
  }

  void on_writable() override {
    out_.erase(0, stream_->write(as_bytes(out_)));
    if (!out_.empty() || !asked_) return;
    if (then_ == Then::kHangUp) {
      then_.reset();
      ended_ = true;
      stream_->end();
      drop_rest();
    } else if (then_ == Then::kHold) {
      patience_timer_.stop();
    }
  }

  void on_reset(const std::string&) override { server_.forget(id_); }

 private:
  void drop_rest() {
    std::array<std::uint8_t, 16 * 1024> chunk;
    for (;;) {
      const net::ReadResult result = stream_->read(chunk);
      dropped_ += result.size;
      if (result.state == net::ReadState::kBlocked) return;
      if (result.state == net::ReadState::kEnd || dropped_ > kMaxDropped) {
        server_.forget(id_);
        return;
      }
    }
  }

  void take(std::string_view line) {
    asked_ = true;
    patience_timer_.stop();
    const auto request = ControlRequest::decode(line);
    if (request) {
      server_.on_request(id_, *request);
    } else {
      answer(error_answer({kUsage, "BAD_REQUEST", request.error()}), Then::kHangUp);
    }
  }

  void leave_early() {
    if (in_.empty()) {
      server_.forget(id_);
    } else {
      answer(error_answer({kUsage, "BAD_REQUEST", "a request is one line and ends with a newline"}),
             Then::kHangUp);
    }
  }

  ControlServer& server_;
  const std::uint64_t id_;
  std::unique_ptr<net::ByteStream> stream_;
  std::string in_;
  std::string out_;
  bool asked_ = false;
  bool ended_ = false;
  std::size_t dropped_ = 0;
  std::optional<Then> then_;  // once there is an answer
  Timer patience_timer_;
};

ControlServer::ControlServer(App& app) : app_(app) {}

ControlServer::~ControlServer() = default;

std::string ControlServer::listen(const std::vector<std::string>& paths, std::uint32_t mode) {
  std::string problem;
  for (const std::string& path : paths) {
    auto socket = platform::ControlSocket::open(
        app_.streams(), path, mode, [this](auto stream) { on_accepted(std::move(stream)); });
    if (socket) {
      socket_ = std::move(*socket);
      return "";
    }
    if (socket.error().in_use) {
      throw UserError{kFailed, "ALREADY_RUNNING",
                      fmt::format("another hsfwd up runs with this configuration (it answers on "
                                  "{}); hsfwd reload makes it reread the file",
                                  path)};
    }
    problem += fmt::format("{}{}: {}", problem.empty() ? "" : "; ", path, socket.error().why);
  }
  return problem;
}

void ControlServer::listen_if_possible(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    auto socket =
        platform::ControlSocket::open(app_.streams(), path, platform::ControlSocket::kForOwner,
                                      [this](auto stream) { on_accepted(std::move(stream)); });
    if (!socket) continue;
    socket_ = std::move(*socket);
    return socket_->set_passing();
  }
}

void ControlServer::on_accepted(std::unique_ptr<net::ByteStream> stream) {
  const std::size_t others = conversations_.size();
  if (others >= kMaxConversations + kMaxTurnedAway) {
    app_.scheduler().delete_later(std::move(stream));
    return;
  }
  const std::uint64_t id = next_id_++;
  Conversation& conversation =
      *(conversations_[id] = std::make_unique<Conversation>(*this, id, std::move(stream)));
  if (others < kMaxConversations) {
    conversation.on_readable();
  } else {
    conversation.answer(error_answer({kTryLater, "BUSY", "too many requests at once; try again"}),
                        Then::kHangUp);
  }
}

void ControlServer::on_request(std::uint64_t id, const ControlRequest& request) {
  app_.log().debug("control", "{}", to_string(request.command));
  handler_(request, [this, id](const Json& answer, Then then) {
    const auto found = conversations_.find(id);
    if (found != conversations_.end()) found->second->answer(answer, then);
  });
}

void ControlServer::forget(std::uint64_t id) {
  const auto found = conversations_.find(id);
  if (found == conversations_.end()) return;  // broken while it was being left
  app_.scheduler().retire(std::move(found->second));
  conversations_.erase(found);
}

}  // namespace hsfwd::cli
