// SPDX-License-Identifier: Apache-2.0
// A client that speaks a session's protocol by hand.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "hyperdht/peer/session.hpp"
#include "node/internals.hpp"
#include "session_world.hpp"

namespace hsfwd {

struct RogueTerms {
  Bytes resume;                // the id of a session that it says it has
  bool deaf = false;           // it reads nothing of what is said of its streams
  std::uint64_t features = 0;  // further ones that it says it has
};

class Rogue final : private hyperdht::SessionObserver {
 public:
  using Terms = RogueTerms;
  using Message = hyperdht::SessionMessage;

  Rogue(SessionWorld& w, Participant& at, Terms terms = {}) : at_(at) {
    at.host().freeze();
    hyperdht::ConnectOptions options;
    options.extension =
        Extension{.features = Extension::kSessions | terms.features, .service = "echo"};
    if (!terms.resume.empty()) {
      options.extension->features |= Extension::kNoService | Extension::kResume;
      options.extension->resume = std::move(terms.resume);
    }
    link_ = Internals::dht(*at.node).connect(w.key(), std::move(options));
    link_->set_on_open([this, deaf = terms.deaf] {
      connection = link_.get();
      resumed = link_->resumes();
      session = link_->take_session();
      if (session && !deaf) session->start(std::move(link_), *this);
    });
    at.host().schedule_wake();
    w.world().run_until([this] { return session != nullptr || link_->closed(); }, 20_s);
  }
  ~Rogue() override {
    at_.host().freeze();
    if (!session) return;
    session->abandon();
    session->end("done");
  }

  static Message open_of(std::uint64_t number, const std::string& service = "echo") {
    return {.kind = Message::Kind::kOpen,
            .number = number,
            .service = service,
            .services = {},
            .features = 0,
            .text = {}};
  }
  void say(std::uint64_t number, const std::string& service = "echo") {
    say(open_of(number, service));
  }
  void say(const Message& message) { say(message.encode()); }
  void say(ByteView record) {
    at_.host().freeze();
    session->send_control(record);
    at_.host().schedule_wake();
  }

  std::shared_ptr<hyperdht::Session> session;
  hyperdht::PeerSocket* connection = nullptr;
  std::optional<std::string> over;
  bool resumed = false;
  int doubtful = 0;

 private:
  Result<Extension, std::string> on_stream_wanted(const Extension&) override {
    return Err(std::string("no"));
  }
  void on_stream(std::unique_ptr<hyperdht::SessionStream>) override {}
  void on_idle() override {}
  void on_path_doubtful() override { ++doubtful; }
  void on_session_over(const std::string& reason) override { over = reason; }

  Participant& at_;
  std::unique_ptr<hyperdht::PeerSocket> link_;
};

}  // namespace hsfwd
