// SPDX-License-Identifier: Apache-2.0
// The objects of the public interface go when their owner says so, wherever that is.
#include <catch2/catch.hpp>

#include "node/hsfwd.hpp"
#include "unit/hyperdht/swarm.hpp"

using namespace hsfwd;

namespace {

/// A network with a node that serves and one that comes.
struct Lifetimes {
  explicit Lifetimes(std::uint64_t seed)
      : swarm(seed), host((swarm.grow_to(20), swarm.world.add_host(address(1)))) {
    guest = swarm.add_peer(2);
    Options options;
    options.bootstrap = swarm.bootstrap;
    options.key_pair = swarm.keys(1);
    node.emplace(host.env(), std::move(options));
    REQUIRE(node->start());
  }
  static net::Ipv4 address(std::uint8_t n) { return net::Ipv4::of(60, 1, 1, n); }

  /// A server that its callbacks can take away.
  void listen(ServerOptions options) {
    host.freeze();
    server.emplace(node->create_server(
        [this](PeerSocket) {
          ++connections;
          if (during_connection) drop();
        },
        std::move(options)));
    server->on_announced([this](std::size_t relays) {
      ++announced;
      if (during_announcement && relays > 0) drop();
    });
    REQUIRE(server->listen(swarm.keys(10)));
    host.run();
  }
  void drop() {
    ++dropped;
    server.reset();
  }
  /// Clients come; nobody answers once the server is gone.
  void visit() {
    swarm.world.run_for(1_s);
    guest->host().freeze();
    for (int i = 0; i < 3; ++i) {
      clients.push_back(std::make_unique<hyperdht::SocketRecorder>(
          guest->dht().connect(swarm.keys(10).public_key)));
    }
    guest->host().run();
    swarm.world.run_for(2_min);
  }

  hyperdht::Swarm swarm;
  sim::Host& host;
  std::unique_ptr<hyperdht::Peer> guest;
  std::optional<Node> node;
  std::optional<Server> server;
  std::vector<std::unique_ptr<hyperdht::SocketRecorder>> clients;
  bool during_announcement = false;
  bool during_connection = false;
  int announced = 0;
  int connections = 0;
  int dropped = 0;
};

}  // namespace

TEST_CASE("a server may be destroyed inside any of its callbacks, and then says nothing more") {
  Lifetimes run(1);
  int asked = 0;
  int reports = 0;
  ServerOptions options;
  SECTION("that of an announcement") {
    run.during_announcement = true;
    run.listen(std::move(options));
    run.visit();
    CHECK(run.announced == 1);
    CHECK(run.connections == 0);
  }
  SECTION("that of a connection") {
    run.during_connection = true;
    run.listen(std::move(options));
    run.visit();
    CHECK(run.connections == 1);
  }
  SECTION("that asks who may come") {
    options.allow = [&](const Visitor&) {
      ++asked;
      run.drop();
      return true;
    };
    run.listen(std::move(options));
    run.visit();
    CHECK(asked == 1);
    CHECK(run.connections == 0);
  }
  SECTION("that of the extension") {
    options.extension = [&](const auto&, const auto& theirs) {
      ++asked;
      run.drop();
      return theirs;
    };
    run.listen(std::move(options));
    run.visit();
    CHECK(asked == 1);
    CHECK(run.connections == 0);
  }
  SECTION("that of the test of itself") {
    options.on_reachability = [&](const Reachability&) {
      ++reports;
      run.drop();
    };
    run.listen(std::move(options));
    run.visit();
    CHECK(reports == 1);
  }
  SECTION("that of the end") {
    run.listen(std::move(options));
    run.swarm.world.run_for(1_s);
    run.host.freeze();
    run.server->close([&] { run.drop(); });
    run.host.run();
    run.visit();
    CHECK(run.connections == 0);
  }
  CHECK(run.dropped == 1);
  CHECK(run.node->status().connections == 0);
}

TEST_CASE(
    "a server replaced by another on the same key inside its callback leaves that one alone") {
  Lifetimes run(2);
  int second_announced = 0;
  int second_connections = 0;
  run.host.freeze();
  Server server = run.node->create_server([](PeerSocket) {});
  server.on_announced([&](std::size_t relays) {
    if (relays == 0 || second_announced > 0) return;
    server = run.node->create_server([&](PeerSocket) { ++second_connections; });
    server.on_announced([&](std::size_t) { ++second_announced; });
    CHECK(server.listen(run.swarm.keys(10)));
  });
  REQUIRE(server.listen(run.swarm.keys(10)));
  run.host.run();
  run.visit();
  CHECK(second_announced > 0);
  CHECK(second_connections == 3);
}

TEST_CASE("a server that is destroyed before its node is ready is not started") {
  Lifetimes run(3);
  run.listen({});
  run.drop();
  run.swarm.world.run_for(10_s);
  CHECK(run.announced == 0);
}

TEST_CASE("a server that never listened is closed, too, and not from inside the call") {
  Lifetimes run(4);
  run.host.freeze();
  Server server = run.node->create_server([](PeerSocket) {});
  bool closed = false;
  server.close([&] { closed = true; });
  CHECK(!closed);
  run.host.run();
  CHECK(closed);
}

TEST_CASE("a relay may be destroyed inside its callbacks, too") {
  Lifetimes run(5);
  int called = 0;
  run.host.freeze();
  std::unique_ptr<RelayNode> relay;
  const auto drop = [&] {
    ++called;
    relay.reset();
  };
  RelayOptions options;
  SECTION("that of an announcement") {
    relay = run.node->create_relay(std::move(options));
    REQUIRE(relay->listen(run.swarm.keys(10), [&](std::size_t) { drop(); }));
    run.host.run();
  }
  SECTION("that asks who may use it") {
    options.allow = [&](const Visitor&) {
      drop();
      return true;
    };
    relay = run.node->create_relay(std::move(options));
    REQUIRE(relay->listen(run.swarm.keys(10), [](std::size_t) {}));
    run.host.run();
  }
  SECTION("that of the end") {
    relay = run.node->create_relay(std::move(options));
    REQUIRE(relay->listen(run.swarm.keys(10), [](std::size_t) {}));
    run.host.run();
    run.swarm.world.run_for(1_s);
    run.host.freeze();
    relay->close(drop);
    run.host.run();
  }
  run.visit();
  CHECK(called == 1);
}
