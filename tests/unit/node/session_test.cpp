// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "session_world.hpp"

using namespace hsfwd;

namespace {

const sim::LinkProfile kFar{.delay = 25_ms};  // each end's: 100 ms there and back
constexpr Duration kRoundTrip = 100_ms;

Seat far_seat(std::optional<sim::NatProfile> nat = std::nullopt) {
  return {.nat = nat, .link = kFar};
}

}  // namespace

TEST_CASE("all connections to a peer are streams of one session") {
  SessionWorld w(1);
  EchoClient& first = w.connect();
  first.send(as_bytes("one"));
  REQUIRE(w.run_until_whole(first));
  CHECK(first.opened);
  const std::uint64_t handshakes = w.client->node->status().connections;
  std::vector<EchoClient*> more;
  for (int i = 0; i < 20; ++i) {
    more.push_back(&w.connect());
    more.back()->send(as_bytes("number " + std::to_string(i)));
  }
  for (EchoClient* const client : more) {
    CHECK(w.run_until_whole(*client));
    CHECK(client->opened);
    CHECK(client->info().extension->service == "echo");
  }
  CHECK(w.echo->served() == 21);
  CHECK(w.client->node->status().connections == handshakes);
}

TEST_CASE(
    "a stream is open before anything is heard on it, and what was said and ended by then is "
    "heard") {
  const double loss = GENERATE(0.0, 0.05);
  SessionWorld w(3, far_seat(), far_seat());
  EchoClient& first = w.connect();
  first.send(as_bytes("one"));
  REQUIRE(w.run_until_whole(first));
  w.world().core().set_loss(loss);
  // The answer comes in a batch with the word that accepts the stream, or ahead of it.
  for (int i = 0; i < 100; ++i) {
    EchoClient& client = w.connect();
    client.send(some_bytes(static_cast<std::size_t>(1 + 50 * i)));
    client.end();
    REQUIRE(w.world().run_until([&] { return client.ended || client.closed; }, 30_s));
    INFO(i << ": " << client.closed.value_or("not closed"));
    CHECK(client.whole());
    CHECK(client.opened);
    CHECK_FALSE(client.heard_before_open);
  }
}

TEST_CASE("a further stream has its first byte back after one round trip, a thousand at once too") {
  SessionWorld w(2, far_seat(), far_seat());
  EchoClient& first = w.connect();
  first.send(as_bytes("one"));
  REQUIRE(w.run_until_whole(first));
  w.world().run_for(1_s);

  const Instant alone_at = w.world().now();
  EchoClient& alone = w.connect();
  alone.send(as_bytes("hello"));
  REQUIRE(w.run_until_whole(alone));
  CHECK(alone.first_at - alone_at < kRoundTrip + 5_ms);

  const Instant at = w.world().now();
  const std::size_t before = w.clients.size();
  for (int i = 0; i < 1000; ++i) w.connect().send(as_bytes("GET / " + std::to_string(i)));
  Duration latest;
  for (std::size_t i = before; i < w.clients.size(); ++i) {
    REQUIRE(w.run_until_whole(*w.clients[i]));
    latest = std::max(latest, w.clients[i]->first_at - at);
  }
  CHECK(latest.to_millis() < 150);
}

TEST_CASE("the first stream needs no round trip more than a connection of its own") {
  const auto first_byte = [](bool session) {
    SessionWorld w(3, far_seat(), far_seat());
    const Instant at = w.world().now();
    EchoClient& one = w.connect("echo", session);
    one.send(as_bytes("hello"));
    REQUIRE(w.run_until_whole(one));
    return one.first_at - at;
  };
  CHECK(first_byte(true) <= first_byte(false) + 1_ms);
}

TEST_CASE("streams end by themselves, and half by half") {
  SessionWorld w(4);
  EchoClient& one = w.connect();
  EchoClient& two = w.connect();
  one.send(as_bytes("one"));
  two.send(as_bytes("two"));
  REQUIRE(w.run_until_whole(one));
  one.end();
  REQUIRE(w.world().run_until([&] { return one.closed.has_value(); }, 10_s));
  CHECK(one.ended);
  CHECK(*one.closed == "");
  two.send(as_bytes(" and more"));
  CHECK(w.run_until_whole(two));
  CHECK(w.world().run_until([&] { return w.echo->connections() == 1; }, 10_s));
}

TEST_CASE("a service that is not there is told of, and the others go on") {
  SessionWorld w(5);
  EchoClient& good = w.connect();
  good.send(as_bytes("one"));
  REQUIRE(w.run_until_whole(good));
  EchoClient& bad = w.connect("web");
  REQUIRE(w.world().run_until([&] { return bad.opened; }, 10_s));
  CHECK(bad.info().extension->service == "");
  CHECK(bad.info().extension->services == std::vector<std::string>{"echo"});
  good.send(as_bytes("two"));
  CHECK(w.run_until_whole(good));
}

TEST_CASE("who is not let in any more opens no further stream") {
  SessionWorld w(6);
  EchoClient& good = w.connect();
  good.send(as_bytes("one"));
  REQUIRE(w.run_until_whole(good));
  w.echo->allowed = false;
  EchoClient& late = w.connect();
  REQUIRE(w.world().run_until([&] { return late.closed.has_value(); }, 10_s));
  CHECK(late.closed->find("not let in any more") != std::string::npos);
  CHECK(w.echo->served() == 1);
}

TEST_CASE("a server without sessions gets a connection for each") {
  SessionWorld w(7);
  w.echo.reset();
  w.world().run_for(1_s);
  w.listen(false);
  std::vector<EchoClient*> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(&w.connect());
    all.back()->send(as_bytes("number " + std::to_string(i)));
  }
  for (EchoClient* const client : all) {
    CHECK(w.run_until_whole(*client));
    CHECK(client->opened);
  }
  CHECK(w.client->node->status().connections >= 3);
}

TEST_CASE("a session that nobody uses ends, and the next connection makes another") {
  SessionWorld w(8);
  EchoClient& one = w.connect();
  one.send(as_bytes("one"));
  REQUIRE(w.run_until_whole(one));
  const std::size_t with_session = w.client->node->status().connections;
  w.clients.clear();
  w.world().run_for(70_s);
  CHECK(w.client->node->status().connections < with_session);
  CHECK(w.echo->connections() == 0);
  EchoClient& two = w.connect();
  two.send(as_bytes("two"));
  CHECK(w.run_until_whole(two));
}

TEST_CASE("a peer that is not there fails every connection that waits for it") {
  SessionWorld w(9);
  std::vector<std::unique_ptr<EchoClient>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(std::make_unique<EchoClient>(*w.client, w.swarm.keys(77).public_key));
  }
  w.client->host().schedule_wake();
  for (const auto& one : all) {
    REQUIRE(w.world().run_until([&] { return one->closed.has_value(); }, 30_s));
    CHECK(one->info().error == ConnectError::kPeerNotFound);
  }
}
