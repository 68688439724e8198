// SPDX-License-Identifier: Apache-2.0
// Local clients: accepted, then led to a peer, each by a connection of its own.
#include <catch2/catch.hpp>
#include <deque>

#include "forward/acceptor.hpp"
#include "forward/local_clients.hpp"
#include "streams.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

/// Listens where it is told to, except at one port that is taken.
class LocalPorts final : public net::StreamFactory {
 public:
  static constexpr std::uint16_t kTaken = 9;

  std::unique_ptr<net::Dial> dial(const net::StreamAddress&, Dialled) override {
    FAIL("nothing is dialled here");
    return nullptr;
  }
  Result<std::unique_ptr<net::StreamListener>, std::string> listen(const net::StreamAddress& at,
                                                                   Accepted accepted) override {
    if (at.port == kTaken) return Err(std::string("address in use"));
    on_accepted = std::move(accepted);
    return std::unique_ptr<net::StreamListener>(std::make_unique<Listening>(*this, at));
  }

  Accepted on_accepted;  // while somebody listens

 private:
  struct Listening final : net::StreamListener {
    Listening(LocalPorts& p, net::StreamAddress a) : ports(p), at(std::move(a)) {}
    ~Listening() override { ports.on_accepted = nullptr; }
    void cancel() override {}
    net::StreamAddress address() const override { return at; }
    LocalPorts& ports;
    const net::StreamAddress at;
  };
};

/// Accepts, and dials at once.
struct Forwarding {
  Forwarding()
      : acceptor(ports, [this](auto local) { on_accepted(std::move(local)); }),
        clients(scheduler,
                [this](const ClosedConnection& connection) { closed.push_back(connection); }) {
    scheduler.freeze(Instant::from_micros(1'000'000));
    REQUIRE(acceptor.listen({.host = "localhost", .port = 80, .path = {}}));
  }
  void on_accepted(std::unique_ptr<net::ByteStream> local) {
    dialled.push_back(ids.take());
    clients.join(dialled.back(), std::move(local),
                 std::make_unique<ScriptedPeer>(peers.emplace_back()));
  }
  /// A client connects; its number is that of its scripts, from 0 on.
  void client() {
    ports.on_accepted(std::make_unique<LocalStream>(locals.emplace_back()));
    run();
  }
  void run() { scheduler.advance_to(scheduler.now() + 1_ms); }

  std::deque<Script> locals;
  std::deque<Script> peers;
  std::vector<std::uint64_t> dialled;
  std::vector<ClosedConnection> closed;
  Scheduler scheduler;
  LocalPorts ports;
  ConnectionIds ids{7};
  Acceptor acceptor;
  LocalClients clients;
};

}  // namespace

TEST_CASE("each local client gets a connection of its own") {
  Forwarding run;
  CHECK(run.acceptor.address().port == 80);
  run.client();
  run.client();
  CHECK(run.dialled == std::vector<std::uint64_t>{7, 8});
  run.locals[0].arrive(Bytes(3, 1));
  run.locals[1].arrive(Bytes(5, 2));
  run.peers[1].arrive(Bytes(2, 3));
  run.run();
  CHECK(run.peers[0].written == Bytes(3, 1));
  CHECK(run.peers[1].written == Bytes(5, 2));
  CHECK(run.locals[0].written.empty());
  CHECK(run.locals[1].written == Bytes(2, 3));

  const auto list = run.clients.list();
  REQUIRE(list.size() == 2);
  CHECK(list[0].id == 7);
  CHECK(list[0].stats.to_peer == 3);
  CHECK(list[1].stats.from_peer == 2);
  CHECK(list[0].since < list[1].since);
  CHECK(run.clients.total().to_peer == 8);
}

TEST_CASE("a connection that ends in order is reported with its bytes") {
  Forwarding run;
  run.client();
  run.client();
  run.locals[0].arrive(Bytes(3));
  run.locals[0].arrive_end();
  CHECK(run.peers[0].ended);
  CHECK(run.closed.empty());
  run.peers[0].arrive_end();
  run.run();
  REQUIRE(run.closed.size() == 1);
  CHECK(run.closed[0].id == 7);
  CHECK(run.closed[0].reason.empty());
  CHECK(run.closed[0].stats.to_peer == 3);
  CHECK(run.clients.connections() == 1);
  run.locals[1].arrive(Bytes(4));
  CHECK(run.clients.total().to_peer == 7);
}

TEST_CASE("one connection of a port may be given up") {
  Forwarding run;
  run.client();
  run.client();
  run.clients.abort(7, {Cause::kRefused, "no such service"});
  run.run();
  REQUIRE(run.closed.size() == 1);
  CHECK(run.closed[0].reason == "no such service");
  CHECK(run.closed[0].cause == Cause::kRefused);
  CHECK(run.locals[0].was_reset);
  CHECK(run.peers[0].was_reset);
  CHECK(!run.peers[1].was_reset);
  run.clients.abort(7, {Cause::kHsfwd, "again"});
  run.clients.abort(99, {Cause::kHsfwd, "who?"});
  CHECK(run.closed.size() == 1);
}

TEST_CASE("a peer that is lost takes its own client with it") {
  Forwarding run;
  run.client();
  run.client();
  run.peers[1].observer->on_reset("connection lost");
  run.run();
  REQUIRE(run.closed.size() == 1);
  CHECK(run.closed[0].id == 8);
  CHECK(run.closed[0].reason == "connection lost");
  CHECK(run.locals[1].was_reset);
  CHECK(run.clients.connections() == 1);
  CHECK(run.acceptor.listening());
}

TEST_CASE("a client is kept as it came until it is known where it is to be led") {
  LocalPorts ports;
  std::vector<std::unique_ptr<net::ByteStream>> waiting;
  Acceptor acceptor(ports, [&](auto local) { waiting.push_back(std::move(local)); });
  CHECK(!acceptor.listening());
  REQUIRE(acceptor.listen({.host = "localhost", .port = 80, .path = {}}));
  Script local;
  ports.on_accepted(std::make_unique<LocalStream>(local));
  local.arrive(Bytes(3, 1));
  REQUIRE(waiting.size() == 1);
  CHECK(local.observer == nullptr);  // nobody reads
  CHECK(local.read == 0);
  // It has said what it wants, of which nothing is lost.
  Bytes asked(3);
  CHECK(waiting[0]->read(asked).size == 3);
  Scheduler scheduler;
  std::vector<ClosedConnection> closed;
  LocalClients clients(scheduler, [&](const ClosedConnection& one) { closed.push_back(one); });
  Script peer;
  clients.join(7, std::move(waiting[0]), std::make_unique<ScriptedPeer>(peer), "web");
  CHECK(clients.list()[0].service == "web");
  local.arrive(Bytes(2, 5));
  CHECK(peer.written == Bytes(2, 5));
  // Who accepts no more keeps those that came.
  acceptor.close();
  CHECK(!acceptor.listening());
  CHECK(clients.connections() == 1);
  clients.abort_all({Cause::kHsfwd, "over"});
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].service == "web");
}

TEST_CASE("a port that is closed ends all that it has") {
  Forwarding run;
  run.client();
  run.client();
  run.acceptor.close();
  run.clients.abort_all({Cause::kHsfwd, "over"});
  run.run();
  CHECK(!run.acceptor.listening());
  CHECK(!run.ports.on_accepted);
  CHECK(run.clients.connections() == 0);
  CHECK(run.closed.size() == 2);
  // It may listen again, and not where somebody else does.
  const auto taken =
      run.acceptor.listen({.host = "localhost", .port = LocalPorts::kTaken, .path = {}});
  REQUIRE(!taken);
  CHECK(taken.error() == "address in use");
  CHECK(!run.acceptor.listening());
  REQUIRE(run.acceptor.listen({.host = "localhost", .port = 81, .path = {}}));
  run.client();
  CHECK(run.clients.connections() == 1);
}

TEST_CASE("who leaves lets each peer have what was taken for it first") {
  Forwarding run;
  int left = 0;
  run.client();
  run.client();
  run.locals[0].arrive(Bytes(3));
  run.clients.leave("shutting down", 2_s, [&] { ++left; });
  CHECK(run.peers[0].reset_behind == "shutting down");
  CHECK(run.locals[0].was_reset);
  CHECK(run.clients.connections() == 2);
  run.peers[0].observer->on_reset("it has arrived");
  run.run();
  CHECK(run.clients.connections() == 1);
  CHECK(left == 0);
  // The other takes too long.
  run.scheduler.advance_to(run.scheduler.now() + 3_s);
  CHECK(run.clients.connections() == 0);
  CHECK(left == 1);
  REQUIRE(run.closed.size() == 2);
  for (const ClosedConnection& one : run.closed) {
    CHECK(one.reason == "shutting down");
    CHECK(one.cause == Cause::kHsfwd);
  }

  run.clients.leave("again", 2_s, [&] { ++left; });
  CHECK(left == 2);  // at once, where there is nobody
}
