// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "http/request_parser.hpp"
#include "util/text.hpp"

namespace hsfwd::http {

namespace {

// Bytes behind a request that was refused, which are dropped so that the refusal is not lost.
constexpr std::size_t kMaxUnread = 64 * 1024;

}  // namespace

/// One request after the other: the next is read once the answer to the last has been taken.
class Server::Connection final : public net::ByteStreamObserver {
 public:
  Connection(Server& server, std::uint64_t id, std::unique_ptr<net::ByteStream> stream)
      : server_(server),
        id_(id),
        stream_(std::move(stream)),
        idle_since_(server.scheduler_.now()),
        patience_timer_(server.scheduler_, [this] { on_patience_over(); }) {
    stream_->set_observer(this);
    patience_timer_.start(kPatience);
  }
  ~Connection() override { cancel(); }

  void cancel() {
    next_task_.cancel();
    patience_timer_.stop();
    stream_->set_observer(nullptr);
  }

  bool idle() const { return state_ == State::kReading && in_.empty(); }
  Instant idle_since() const { return idle_since_; }

  void refuse(int status) {
    ++server_.refused_;
    keep_alive_ = false;
    answer(Response::of(status));
  }

  void answer(const Response& response) {
    out_ = response.encode(keep_alive_, with_body_);
    state_ = State::kWriting;
    patience_timer_.start(kPatience);
    on_writable();
  }

  void on_readable() override {
    std::array<std::uint8_t, 4096> chunk;
    while (state_ == State::kReading) {
      if (take_request()) continue;
      const net::ReadResult result = stream_->read(chunk);
      if (in_.empty() && result.size > 0) patience_timer_.start(kPatience);
      in_ += as_text(ByteView(chunk).first(result.size));
      if (result.state == net::ReadState::kBlocked) return;
      if (result.state == net::ReadState::kEnd) return server_.forget(id_);
    }
    if (state_ == State::kEnding) drop_rest();
  }

  void on_writable() override {
    if (state_ != State::kWriting) return;
    out_.erase(0, stream_->write(as_bytes(out_)));
    if (!out_.empty()) return;
    if (keep_alive_) {
      state_ = State::kReading;
      idle_since_ = server_.scheduler_.now();
      patience_timer_.start(in_.empty() ? kIdlePatience : kPatience);
      // What has come meanwhile is announced once more, unless it is here already.
      next_task_.post();
    } else {
      state_ = State::kEnding;
      patience_timer_.start(kPatience);
      stream_->end();
      next_task_.post();
    }
  }

  void on_reset(const std::string&) override { server_.forget(id_); }

 private:
  enum class State { kReading, kAsking, kWriting, kEnding };

  /// Of what is in in_. True: there was one, or something else to be answered.
  bool take_request() {
    const std::size_t end = end_of_head(in_);
    if (end == std::string::npos) {
      if (in_.size() < kMaxHead) return false;
      refuse(kHeadTooLarge);
      return true;
    }
    const auto request = parse_request(std::string_view(in_).substr(0, end));
    in_.erase(0, end);
    with_body_ = true;
    if (!request) {
      refuse(request.error());
      return true;
    }
    keep_alive_ = request->keep_alive;
    with_body_ = request->method != "HEAD";
    if (request->method != "GET" && request->method != "HEAD") {
      refuse(kMethodNotAllowed);
      return true;
    }
    state_ = State::kAsking;
    patience_timer_.stop();
    server_.on_request(id_, *request);
    return true;
  }

  void on_patience_over() {
    if (state_ == State::kReading && !in_.empty()) return refuse(kRequestTimeout);
    server_.forget(id_);
  }

  void drop_rest() {
    std::array<std::uint8_t, 4096> chunk;
    for (;;) {
      const net::ReadResult result = stream_->read(chunk);
      unread_ += result.size;
      if (result.state == net::ReadState::kBlocked) return;
      if (result.state == net::ReadState::kEnd || unread_ > kMaxUnread) return server_.forget(id_);
    }
  }

  Server& server_;
  const std::uint64_t id_;
  std::unique_ptr<net::ByteStream> stream_;
  State state_ = State::kReading;
  std::string in_;
  std::string out_;
  bool keep_alive_ = true;
  bool with_body_ = true;
  std::size_t unread_ = 0;
  Instant idle_since_;
  Timer patience_timer_;
  Task next_task_{server_.scheduler_, [this] { on_readable(); }};
};

Server::Server(Scheduler& scheduler, Handler handler)
    : scheduler_(scheduler), handler_(std::move(handler)) {}

Server::~Server() = default;

void Server::add(std::unique_ptr<net::ByteStream> stream) {
  if (!make_room()) {
    ++refused_;
    scheduler_.delete_later(std::move(stream));
    return;
  }
  const std::uint64_t id = next_id_++;
  auto& connection =
      *(connections_[id] = std::make_unique<Connection>(*this, id, std::move(stream)));
  connection.on_readable();
}

void Server::close() {
  while (!connections_.empty()) forget(connections_.begin()->first);
}

bool Server::make_room() {
  if (connections_.size() < kMaxConnections) return true;
  auto oldest = connections_.end();
  for (auto it = connections_.begin(); it != connections_.end(); ++it) {
    if (!it->second->idle()) continue;
    if (oldest == connections_.end() || it->second->idle_since() < oldest->second->idle_since()) {
      oldest = it;
    }
  }
  if (oldest == connections_.end()) return false;
  forget(oldest->first);
  return true;
}

void Server::on_request(std::uint64_t id, const Request& request) {
  ++requests_;
  handler_(request, [this, id](const Response& response) {
    const auto found = connections_.find(id);
    if (found != connections_.end()) found->second->answer(response);
  });
}

void Server::forget(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  scheduler_.retire(std::move(found->second));
  connections_.erase(found);
}

}  // namespace hsfwd::http
