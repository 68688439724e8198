// SPDX-License-Identifier: Apache-2.0
// What is connected while there is no path, or none that is worth one.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "session_world.hpp"
#include "udx/packet.hpp"

using namespace hsfwd;

TEST_CASE("a session that was quiet for longer than the patience lives through a move") {
  SessionWorld w(301, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  REQUIRE(w.run_until_whole(one));
  w.world().run_for(400_s);
  REQUIRE(!one.closed);
  w.client->move();
  w.chat(one, 10_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
  CHECK(w.run_until_whole(one));
}

TEST_CASE("a quiet session whose link is lost is made again") {
  SessionWorld w(302, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  REQUIRE(w.run_until_whole(one));
  w.world().run_for(400_s);
  w.client->nat().reboot();
  outage(w, 60_s);
  w.world().run_for(20_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
}

TEST_CASE("without patience a network change that harms nothing ends nothing") {
  Options options;
  options.session_patience = {};
  SessionWorld w(303, home(), home(), options);
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  w.client->host().freeze();
  w.client->node->on_network_change();
  w.client->host().schedule_wake();
  w.chat(one, 5_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
}

TEST_CASE("a stream that is reset while there is no path is gone at the other side - too") {
  SessionWorld w(304, home(), home());
  EchoClient& one = w.connect();
  w.connect().send(as_bytes("two"));
  w.chat(one, 2_s);
  REQUIRE(w.echo->connections() == 2);
  w.world().core().set_loss(1);
  w.world().run_for(2_s);
  w.client->host().freeze();
  w.clients.pop_back();
  w.client->host().schedule_wake();
  w.world().run_for(30_s);
  w.world().core().set_loss(0);
  w.chat(one, 30_s);
  CHECK(w.run_until_whole(one));
  w.world().run_for(120_s);
  CHECK(!one.closed);
  CHECK(w.echo->connections() == 1);
}

TEST_CASE("streams that are reset on a lossy path are gone at the other side") {
  for (const bool session : {false, true}) {
    const Seat lossy{.nat = std::nullopt, .link = {.delay = 15_ms, .loss = 0.02}};
    SessionWorld w(309, open_seat(), lossy);
    EchoClient& stays = w.connect("echo", session);
    for (int i = 0; i < 200; ++i) {
      EchoClient& one = w.connect("echo", session);
      one.send(as_bytes("hello"));
      REQUIRE(w.run_until_whole(one));
      w.client->host().freeze();
      w.clients.pop_back();
      w.client->host().schedule_wake();
      w.world().run_for(100_ms);
    }
    w.chat(stays, 120_s, 1_s);
    CHECK(!stays.closed);
    INFO(session << ": " << w.echo->connections() - 1 << " of 200 are left behind");
    CHECK(w.echo->connections() == 1);
  }
}

TEST_CASE("a stream that the server resets while there is no path ends at the client - too") {
  SessionWorld w(305, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  w.connect().send(as_bytes("two"));
  w.world().run_for(1_s);
  w.world().core().set_loss(1);
  w.world().run_for(2_s);
  w.server->host().freeze();
  w.echo->close_first();
  w.server->host().schedule_wake();
  w.world().run_for(30_s);
  w.world().core().set_loss(0);
  w.chat(one, 30_s);
  w.world().run_for(120_s);
  CHECK(one.closed);
}

TEST_CASE("a session whose path is whole takes streams while its peer cannot be dialled") {
  SessionWorld w(306, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  // The DHT is gone, and the path is silent for a while.
  for (const auto& node : w.swarm.nodes) node->host().sleep();
  one.send(as_bytes("x"));
  outage(w, 2_s);
  w.chat(one, 60_s);
  REQUIRE(w.run_until_whole(one));
  CHECK(!one.closed);
  EchoClient& two = w.connect();
  two.send(as_bytes("two"));
  CHECK(w.run_until_whole(two));
  INFO(two.closed.value_or("-"));
  CHECK(!two.closed);
  // And it goes on, with nothing said on it.
  w.world().run_for(400_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
}

TEST_CASE(
    "who comes while a peer is silent is served by the session that was there, once that is heard "
    "again") {
  for (const int wait : {1200, 1700}) {
    SessionWorld w(321, home(), home());
    EchoClient& one = w.connect();
    w.chat(one, 3_s);
    REQUIRE(w.run_until_whole(one));
    w.server->host().link().set_connected(false);
    w.world().run_for(11_s);
    one.send(some_bytes(100, one.sent.size()));
    EchoClient& newcomer = w.connect();
    newcomer.send(as_bytes("hello"));
    w.world().run_for(Duration::millis(wait));
    REQUIRE(!newcomer.closed);
    w.server->host().link().set_connected(true);
    CHECK(w.run_until_whole(one, 2_s));
    CHECK(w.run_until_whole(newcomer, 2_s));
    INFO(wait << " ms: " << newcomer.closed.value_or("not closed"));
    CHECK(w.client->node->sessions().size() == 1);
    CHECK(!newcomer.closed);
    CHECK(!one.closed);
  }
}

TEST_CASE("a path that stalls and comes back is not left again and again") {
  SessionWorld w(307, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  one.send(as_bytes("x"));
  outage(w, 1500_ms);
  std::vector<std::pair<std::uint16_t, std::uint16_t>> places;
  int changes = 0;
  const net::Ipv4 server = w.server->nat().address();
  w.world().set_tap([&](const sim::Packet& packet) {
    if (packet.to.host != server || packet.payload.size() < 60) return;
    const auto parsed = udx::Packet::parse(packet.payload);
    if (!parsed || !parsed->header.has(udx::kData)) return;
    const std::pair place{packet.from.port, packet.to.port};
    if (!places.empty() && places.back() != place) ++changes;
    places.push_back(place);
  });
  for (int i = 0; i < 100; ++i) {
    one.send(some_bytes(3000, one.sent.size()));
    w.world().run_for(50_ms);
  }
  w.world().set_tap(nullptr);
  w.run_until_whole(one);
  CHECK(one.received.size() == one.sent.size());
  CHECK(changes <= 2);
}

TEST_CASE("a rebinding is noticed where a round trip takes longer than the questions' pause") {
  const Duration delay = Duration::millis(GENERATE(15, 50, 100));
  SessionWorld w(308, open_seat(delay),
                 {.nat = hyperdht::kConsistentNat, .link = {.delay = delay}});
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  REQUIRE(w.run_until_whole(one));
  // Nobody can be dialled: what is left is the question.
  for (const auto& node : w.swarm.nodes) node->host().sleep();
  one.begin_pauses();
  w.client->renumber();
  w.chat(one, 30_s, 20_ms);
  CHECK(w.run_until_whole(one, 20_s));
  INFO("round trip " << (delay * 4).to_millis()
                     << " ms, longest pause: " << one.longest_pause.to_millis() << " ms");
  CHECK(one.longest_pause.to_millis() < 3000);
}

TEST_CASE("a path of 800 ms there and back carries a session as it does a connection") {
  for (const bool session : {false, true}) {
    const Duration delay = Duration::millis(200);
    SessionWorld w(308, open_seat(delay),
                   {.nat = hyperdht::kConsistentNat, .link = {.delay = delay}});
    EchoClient& one = w.connect("echo", session);
    w.chat(one, 3_s);
    w.run_until_whole(one);
    INFO(session << ": " << one.received.size() << " of " << one.sent.size() << ", "
                 << one.closed.value_or("-") << ", first after "
                 << (one.first_at - Instant()).to_millis());
    CHECK(one.whole());
    one.begin_pauses();
    w.chat(one, 20_s);
    w.run_until_whole(one);
    INFO("longest pause " << one.longest_pause.to_millis());
    CHECK(one.longest_pause.to_millis() < 1700);
    CHECK(!one.closed);
  }
}

TEST_CASE("a peer that was killed and is back is noticed soon, with nothing on its way") {
  // Wherever that falls between two signs of life.
  for (int second = 5; second < 10; ++second) {
    INFO(second);
    SessionWorld w(341);
    EchoClient& quiet = w.connect();
    quiet.send(as_bytes("hello"));
    REQUIRE(w.run_until_whole(quiet));
    w.world().run_for(Duration::seconds(second));
    w.world().core().set_loss(1);
    w.echo.reset();
    w.server.reset();
    w.world().run_for(10_ms);
    w.world().core().set_loss(0);
    w.server = std::make_unique<Participant>(w.swarm, 13, Seat{}, Options());
    w.listen();
    const Instant back_at = w.world().now();
    CHECK(w.world().run_until([&] { return quiet.closed.has_value(); }, 60_s));
    CHECK(w.world().now() - back_at < 9_s);
  }
}
