// SPDX-License-Identifier: Apache-2.0
// Streams that the server opens back to one that the client has opened.
#include <catch2/catch.hpp>

#include "session_rogue.hpp"

using namespace hsfwd;

namespace {

/// Keeps what clients open, and opens streams back to the first.
class BackServer {
 public:
  explicit BackServer(SessionWorld& w) : w_(w) {
    w.echo.reset();
    w.world().run_for(1_s);
    w.server->host().freeze();
    ServerOptions options;
    options.sessions = true;
    options.extension = [](const PublicKey&, const std::optional<Extension>& client) {
      return client ? std::optional(Extension{
                          .features = 0, .service = client->service, .services = {"echo"}})
                    : std::nullopt;
    };
    server_.emplace(w.server->node->create_server(
        [this](PeerSocket socket) { streams.push_back(socket.release()); }, std::move(options)));
    server_->on_announced([this](std::size_t introducers) { announced_ |= introducers > 0; });
    REQUIRE(server_->listen(w.swarm.keys(1)).ok());
    REQUIRE(w.world().run_until([this] { return announced_; }, 30_s));
  }

  /// nullptr: there is no session.
  PeerSocket* open_back() {
    w_.server->host().freeze();
    auto stream = streams.at(0)->open_back();
    if (!stream) return nullptr;
    backs.push_back(std::make_unique<Back>(w_.server->host().scheduler(), std::move(stream)));
    w_.server->host().schedule_wake();
    return &backs.back()->socket;
  }

  struct Back {
    Back(Scheduler& scheduler, std::unique_ptr<PeerStream> stream)
        : socket(scheduler, std::move(stream)) {
      socket.on_open([this] { open = true; });
      socket.on_data([this](ByteView bytes) { append(received, bytes); });
      socket.on_close([this](const std::string& reason) { closed = reason; });
    }
    PeerSocket socket;
    Bytes received;
    bool open = false;
    std::optional<std::string> closed;
  };

  std::vector<std::unique_ptr<PeerStream>> streams;
  std::vector<std::unique_ptr<Back>> backs;

 private:
  SessionWorld& w_;
  std::optional<Server> server_;
  bool announced_ = false;
};

/// A client that sends back what comes over streams that are opened back to its own.
class BackClient {
 public:
  explicit BackClient(SessionWorld& w, bool session = true, bool takes = true) : w_(w) {
    w.client->host().freeze();
    ConnectOptions options;
    options.session = session;
    options.extension = Extension{.features = 0, .service = "echo"};
    stream = w.client->node->connect_stream(w.key(), std::move(options));
    if (takes) stream->set_on_back([this](auto back) { take(std::move(back)); });
    w.client->host().schedule_wake();
  }
  void leave() {
    w_.client->host().freeze();
    stream.reset();
    w_.client->host().schedule_wake();
  }

  std::unique_ptr<PeerStream> stream;
  std::vector<std::unique_ptr<PeerSocket>> taken;

 private:
  void take(std::unique_ptr<PeerStream> back) {
    taken.push_back(std::make_unique<PeerSocket>(w_.client->host().scheduler(), std::move(back)));
    taken.back()->on_data([socket = taken.back().get()](ByteView bytes) { socket->write(bytes); });
  }
  SessionWorld& w_;
};

struct BackWorld {
  explicit BackWorld(std::uint64_t seed, bool session = true, bool takes = true)
      : w(seed), server(w), client(w, session, takes) {
    REQUIRE(w.world().run_until([this] { return server.streams.size() == 1; }, 20_s));
  }
  ~BackWorld() {
    client.taken.clear();
    server.backs.clear();
    w.world().run_for(1_s);
  }
  SessionWorld w;
  BackServer server;
  BackClient client;
};

}  // namespace

TEST_CASE("the server opens streams back, which move with the session") {
  BackWorld b(501);
  for (int i = 0; i < 3; ++i) {
    PeerSocket* const socket = b.server.open_back();
    REQUIRE(socket != nullptr);
    socket->write("number " + std::to_string(i));
  }
  b.w.world().run_for(2_s);
  REQUIRE(b.client.taken.size() == 3);
  for (int i = 0; i < 3; ++i) {
    CHECK(b.server.backs[i]->open);
    CHECK(as_text(b.server.backs[i]->received) == "number " + std::to_string(i));
  }
  CHECK_FALSE(b.client.taken.front()->info().outgoing);
  CHECK(b.server.backs.front()->socket.info().outgoing);

  b.w.client->move();
  b.w.server->host().freeze();
  b.server.backs.front()->socket.write(", on the way");
  b.w.server->host().schedule_wake();
  b.w.world().run_for(6_s);
  CHECK(as_text(b.server.backs.front()->received) == "number 0, on the way");
}

TEST_CASE("nothing is opened back to who takes none, or takes none any more") {
  SECTION("never") {
    BackWorld b(502, true, false);
    REQUIRE(b.server.open_back() != nullptr);
    b.w.world().run_for(2_s);
    REQUIRE(b.server.backs.front()->closed);
    CHECK(b.server.backs.front()->closed->find("nobody waits for it") != std::string::npos);
  }
  SECTION("not any more") {
    BackWorld b(503);
    b.client.leave();
    REQUIRE(b.server.open_back() != nullptr);
    b.w.world().run_for(2_s);
    CHECK(b.server.backs.front()->closed);
    CHECK(b.client.taken.empty());
  }
  SECTION("without a session") {
    BackWorld b(504, false);
    CHECK(b.server.open_back() == nullptr);
  }
}

TEST_CASE("a stream back to what does not exist is refused, and costs nothing else") {
  SessionWorld w(505);
  Rogue rogue(w, *w.client);
  REQUIRE(rogue.session);
  std::uint64_t number = 4;
  for (const char* const to : {"back:", "back:x", "back:1", "back:2", "back:4", "back:0", "back:-1",
                               "back:18446744073709551616", "back:18446744073709551615"}) {
    rogue.say(number, to);
    number += 2;
  }
  rogue.say(number);
  w.world().run_for(2_s);
  CHECK_FALSE(rogue.over);
  // The first of the handshake, and the last.
  CHECK(w.echo->served() == 2);
}
