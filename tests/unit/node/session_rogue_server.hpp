// SPDX-License-Identifier: Apache-2.0
// A server that speaks a session's protocol by hand: what clients open has a stream at its other end, and no answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hyperdht/peer/session.hpp"
#include "hyperdht/server/server.hpp"
#include "node/internals.hpp"
#include "session_world.hpp"

namespace hsfwd {

class RogueServer final : private net::ByteStreamObserver {
 public:
  using Message = hyperdht::SessionMessage;
  using Kind = Message::Kind;
  /// What it does with a stream that the client has opened.
  using OnOpened = std::function<void(hyperdht::SessionStream&)>;

  /// Takes the place of the world's echo.
  RogueServer(SessionWorld& w, OnOpened on_opened) : w_(w), on_opened_(std::move(on_opened)) {
    w.echo.reset();
    w.world().run_for(10_ms);
    w.server->host().freeze();
    hyperdht::ServerOptions options;
    options.extension = [](const PublicKey&,
                           const std::optional<Extension>& client) -> std::optional<Extension> {
      if (!client) return std::nullopt;
      return Extension{.features = Extension::kSessions, .service = client->service};
    };
    server_ = Internals::dht(*w.server->node).create_server(std::move(options), [this](auto link) {
      take(std::move(link));
    });
    REQUIRE(server_->listen(w.swarm.keys(1), [this](std::size_t n) { announced_ |= n > 0; }).ok());
    REQUIRE(w.world().run_until([this] { return announced_; }, 30_s));
  }
  ~RogueServer() override {
    w_.server->host().freeze();
    streams.clear();
    server_.reset();
    if (!session) return;
    session->find(0)->set_observer(nullptr);
    session->abandon();
    session->end("done");
  }

  void say(Kind kind, std::uint64_t number, const std::string& text = {}) {
    w_.server->host().freeze();
    session->send_control(Message{.kind = kind,
                                  .number = number,
                                  .service = kind == Kind::kAccept ? "echo" : "",
                                  .services = {},
                                  .features = 0,
                                  .text = text}
                              .encode());
    w_.server->host().schedule_wake();
  }
  void end_session(const std::string& reason) {
    w_.server->host().freeze();
    link_->end_session(reason);
    w_.server->host().schedule_wake();
  }
  /// Those of its streams that have said and heard all.
  std::size_t finished() const {
    std::size_t out = 0;
    for (const auto& stream : streams) {
      const bool in_order = stream->error() == ConnectError::kNone;
      out += stream->closed() && in_order ? 1 : 0;
    }
    return out;
  }
  std::size_t reset() const {
    std::size_t out = 0;
    for (const auto& stream : streams) out += stream->error() == ConnectError::kReset ? 1 : 0;
    return out;
  }

  std::shared_ptr<hyperdht::Session> session;
  std::vector<std::unique_ptr<hyperdht::SessionStream>> streams;  // but for the first

 private:
  void take(std::unique_ptr<hyperdht::PeerSocket> link) {
    if (session) return;
    link_ = std::move(link);
    session = link_->take_session();
    REQUIRE(session);
    session->find(0)->set_observer(this);
  }
  void on_readable() override {
    hyperdht::SessionStream& control = *session->find(0);
    for (ByteView record = control.peek(); !record.empty(); record = control.peek()) {
      const auto message = Message::decode(record);
      control.consume(record.size());
      REQUIRE(message);
      if (message->kind == Kind::kOpen) {
        streams.push_back(session->make_untold(message->number));
        REQUIRE(streams.back());
        on_opened_(*streams.back());
      } else if (message->kind == Kind::kReset) {
        hyperdht::SessionStream* const stream = session->find(message->number);
        if (stream != nullptr && !stream->closed()) stream->on_peer_reset(message->text);
      }
    }
  }
  void on_writable() override {}
  void on_reset(const std::string&) override {}

  SessionWorld& w_;
  const OnOpened on_opened_;
  std::unique_ptr<hyperdht::Server> server_;
  bool announced_ = false;
  std::unique_ptr<hyperdht::PeerSocket> link_;
};

}  // namespace hsfwd
