// SPDX-License-Identifier: Apache-2.0
// Objects that go while others of a session are in use.
#include <catch2/catch.hpp>

#include "session_world.hpp"

using namespace hsfwd;

TEST_CASE("a server may be destroyed where it is asked about a further stream") {
  SessionWorld w(311);
  ServerOptions options;
  std::optional<Server> server;
  int asked = 0;
  int drop_at = 0;
  const auto drop = [&] {
    if (++asked == drop_at) server.reset();
  };
  SECTION("who may come") {
    options.allow = [&](const Visitor&) {
      drop();
      return true;
    };
  }
  SECTION("the extension") {
    options.extension = nullptr;
  }
  const bool in_extension = !options.allow;
  options.sessions = true;
  options.extension = [&](const PublicKey&,
                          const std::optional<Extension>&) -> std::optional<Extension> {
    if (in_extension) drop();
    return Extension{.features = 0, .service = "echo", .services = {"echo"}};
  };
  w.server->host().freeze();
  std::vector<PeerSocket> sockets;
  server.emplace(w.server->node->create_server(
      [&](PeerSocket socket) { sockets.push_back(std::move(socket)); }, std::move(options)));
  bool announced = false;
  server->on_announced([&](std::size_t n) { announced |= n > 0; });
  REQUIRE(server->listen(w.swarm.keys(40)).ok());
  REQUIRE(w.world().run_until([&] { return announced; }, 30_s));
  {
    EchoClient one(*w.client, w.swarm.keys(40).public_key);
    w.client->host().schedule_wake();
    REQUIRE(w.world().run_until([&] { return one.opened; }, 20_s));
    drop_at = asked + 1;
    EchoClient two(*w.client, w.swarm.keys(40).public_key);
    w.client->host().schedule_wake();
    w.world().run_for(5_s);
    CHECK(!server);
    w.client->host().freeze();
    w.server->host().freeze();
    sockets.clear();
  }
  w.server->host().schedule_wake();
  w.world().run_for(1_s);
}

TEST_CASE("streams may go inside each other's callbacks - and with their node at the end") {
  for (const bool sessions : {true, false}) {
    SessionWorld w(312);
    if (!sessions) {
      w.echo.reset();
      w.world().run_for(1_s);
      w.listen(false);
    }
    std::vector<std::unique_ptr<PeerStream>> all;
    struct Dropper final : net::ByteStreamObserver {
      void on_readable() override {}
      void on_writable() override {
        if (then) then();
      }
      void on_reset(const std::string&) override {}
      std::function<void()> then;
    } dropper;
    const auto connect = [&] {
      ConnectOptions options;
      options.session = true;
      options.extension = Extension{.features = 0, .service = "echo"};
      all.push_back(w.client->node->connect_stream(w.key(), std::move(options)));
    };
    w.client->host().freeze();
    for (int i = 0; i < 4; ++i) connect();
    // The first has room: the others are not wanted any more.
    dropper.then = [&] {
      while (all.size() > 1) all.pop_back();
      dropper.then = nullptr;
    };
    all.front()->set_observer(&dropper);
    w.client->host().schedule_wake();
    w.world().run_for(10_s);
    w.client->host().freeze();
    all.clear();
    w.client->host().schedule_wake();
  }
}

TEST_CASE("a node goes with its sessions - alive - waiting - dialling and idle") {
  for (int state = 0; state < 5; ++state) {
    SessionWorld w(313, home(), home());
    EchoClient* one = nullptr;
    if (state >= 1) {
      one = &w.connect();
      w.chat(*one, 2_s);
    }
    if (state == 2) {
      w.client->host().freeze();
      w.clients.clear();
    }
    if (state == 3) {
      w.server->host().sleep();
      one->send(as_bytes("x"));
      w.world().run_for(4_s);
    }
    if (state == 4) {
      w.server->host().sleep();
      one->send(as_bytes("x"));
      w.world().run_for(40_s);
    }
    if (state == 0) w.connect();
    w.client->host().freeze();
    w.clients.clear();
    w.client->node.reset();
    w.client->host().schedule_wake();
    w.world().run_for(3_s);
    w.server->host().wake();
    w.world().run_for(1_s);
    w.echo.reset();
    w.server->node.reset();
    w.world().run_for(1_s);
  }
}

TEST_CASE("connections outlive their server with sessions as they do without") {
  for (const bool sessions : {false, true}) {
    INFO(sessions);
    SessionWorld w(314);
    w.echo.reset();
    std::vector<PeerSocket> sockets;
    ServerOptions options;
    options.sessions = sessions;
    options.extension = [](const PublicKey&, const std::optional<Extension>&) {
      return std::optional(Extension{.features = 0, .service = "echo", .services = {"echo"}});
    };
    w.server->host().freeze();
    std::optional<Server> server(w.server->node->create_server(
        [&](PeerSocket socket) { sockets.push_back(std::move(socket)); }, std::move(options)));
    bool announced = false;
    server->on_announced([&](std::size_t n) { announced |= n > 0; });
    REQUIRE(server->listen(w.swarm.keys(41)).ok());
    REQUIRE(w.world().run_until([&] { return announced; }, 30_s));
    EchoClient one(*w.client, w.swarm.keys(41).public_key);
    w.client->host().schedule_wake();
    REQUIRE(w.world().run_until([&] { return one.opened; }, 20_s));
    w.server->host().freeze();
    one.send(as_bytes("hello"));
    w.world().run_for(2_s);
    REQUIRE(!one.closed);
    w.server->host().freeze();
    server.reset();
    w.server->host().schedule_wake();
    w.world().run_for(5_s);
    INFO(one.closed.value_or("-"));
    CHECK(!one.closed);
    w.client->host().freeze();
    w.server->host().freeze();
    sockets.clear();
  }
}
