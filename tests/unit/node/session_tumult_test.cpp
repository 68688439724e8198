// SPDX-License-Identifier: Apache-2.0
// Changes upon changes, and on poor paths.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "session_world.hpp"
#include "udx/packet.hpp"

using namespace hsfwd;

TEST_CASE("move upon move - both ways and half closed - loses and doubles nothing") {
  for (std::uint64_t seed = 351; seed < 357; ++seed) {
    SessionWorld w(seed, home(), home());
    sim::SeededRandom random(seed);
    EchoClient& one = w.connect();
    EchoClient& half = w.connect();
    w.chat(one, 2_s);
    half.send(some_bytes(400'000));
    half.end();
    one.send(some_bytes(500'000, one.sent.size()));
    for (int i = 0; i < 8; ++i) {
      if (random.below(2) == 0) w.client->move();
      if (random.below(3) == 0) w.server->move();
      if (random.below(3) == 0) w.client->renumber();
      EchoClient& other = w.connect();
      other.send(as_bytes("other"));
      w.world().run_for(Duration::millis(50 + random.below(3000)));
      if (random.below(2) == 0) {
        w.client->host().freeze();
        w.clients.pop_back();
        w.client->host().schedule_wake();
      }
    }
    INFO(seed);
    CHECK(w.run_until_whole(one, 90_s));
    CHECK(w.world().run_until([&] { return half.closed.has_value(); }, 60_s));
    CHECK(half.closed.value_or("-") == "");
    CHECK(half.received == half.sent);
    CHECK(!one.closed);
    INFO(one.closed.value_or("-"));
    w.world().run_for(60_s);
    CHECK(w.echo->connections() <= w.clients.size());
  }
}

TEST_CASE("a client that comes from elsewhere than it was introduced has a session too") {
  for (const bool session : {false, true}) {
    SessionWorld w(361, open_seat(), open_seat());
    // Said to be open, behind a NAT that gives each way another port.
    Options options;
    options.firewalled = false;
    Participant odd(w.swarm, 5, hard_home(), options);
    EchoClient one(odd, w.key(), "echo", session);
    odd.host().schedule_wake();
    w.chat(one, 5_s);
    INFO(session << " " << one.closed.value_or("-"));
    CHECK(w.run_until_whole(one, 5_s));
    CHECK(!one.closed);
    INFO(session << " handed over " << w.echo->served() << ", longest pause "
                 << one.longest_pause.to_millis());
    CHECK(one.longest_pause.to_millis() < 1000);
    odd.host().freeze();
  }
}

TEST_CASE("a session begins on a lossy path as a connection does") {
  for (const bool session : {false, true}) {
    int failed = 0;
    std::string why;
    for (std::uint64_t seed = 400; seed < 440; ++seed) {
      const Seat seat{.nat = std::nullopt, .link = {.delay = 50_ms, .loss = 0.1}};
      SessionWorld w(seed, seat, seat);
      EchoClient& one = w.connect("echo", session);
      one.send(some_bytes(2000));
      w.run_until_whole(one);
      failed += one.closed ? 1 : 0;
      if (one.closed) why = *one.closed;
    }
    INFO(session << ": " << failed << " of 40 failed; " << why);
    if (session) CHECK(failed <= 1);
  }
}

TEST_CASE("a tumult of moves and outages and streams that come and go leaves nothing behind") {
  for (std::uint64_t seed = 501; seed < 513; ++seed) {
    INFO(seed);
    sim::SeededRandom random(seed);
    Options options;
    options.session_patience = Duration::seconds(random.below(3) * 20);
    SessionWorld w(seed, random.below(2) == 0 ? home() : open_seat(), home(), options);
    for (int step = 0; step < 150; ++step) {
      EchoClient* const any =
          w.clients.empty()
              ? nullptr
              : w.clients[random.below(static_cast<std::uint32_t>(w.clients.size()))].get();
      switch (random.below(12)) {
        case 0:
        case 1:
          if (w.clients.size() < 20) w.connect().send(some_bytes(random.below(3000)));
          break;
        case 2:
          if (any != nullptr) any->send(some_bytes(random.below(100'000), any->sent.size()));
          break;
        case 3:
          if (any != nullptr) any->end();
          break;
        case 4:
          w.client->host().freeze();
          if (any != nullptr) {
            std::erase_if(w.clients, [&](const auto& each) { return each.get() == any; });
          }
          w.client->host().schedule_wake();
          break;
        case 5:
          if (random.below(4) == 0) w.client->move();
          break;
        case 6:
          if (random.below(4) == 0) outage(w, Duration::millis(random.below(8000)));
          break;
        case 7:
          if (random.below(8) == 0) {
            w.server->host().freeze();
            w.echo->close_all();
            w.server->host().schedule_wake();
          }
          break;
        case 8:
          if (random.below(20) == 0) {
            w.server->host().freeze();
            w.echo.reset();
            w.world().run_for(100_ms);
            w.listen();
          }
          break;
        case 9:
          if (random.below(6) == 0) {
            w.client->host().sleep();
            w.world().run_for(Duration::millis(random.below(60'000)));
            w.client->host().wake();
          }
          break;
        default:
          w.world().run_for(Duration::millis(random.below(400)));
      }
      for (const auto& each : w.clients) {
        const std::size_t n = each->received.size();
        REQUIRE(n <= each->sent.size());
        REQUIRE(std::equal(each->received.begin(), each->received.end(), each->sent.begin()));
      }
    }
    w.world().run_for(60_s);
    std::size_t open = 0;
    for (const auto& each : w.clients) open += each->closed ? 0 : 1;
    CHECK(w.echo->connections() <= open);
  }
}

TEST_CASE("a client whose address changes in the middle of its dial has a session too") {
  for (const bool session : {false, true}) {
    int failed = 0;
    Duration worst;
    for (int at = 5; at <= 200; at += 5) {
      Options options;
      options.firewalled = false;
      SessionWorld w(371, open_seat(), open_seat(), options);
      w.world().run_for(3_s);
      EchoClient& one = w.connect("echo", session);
      one.send(some_bytes(3000));
      w.world().run_for(Duration::millis(at));
      w.client->host().set_address(w.world().core(), net::Ipv4::of(91, 9, 9, 9));
      const Instant since = w.world().now();
      if (!w.run_until_whole(one, 20_s)) {
        ++failed;
        INFO(session << " after " << at << " ms: " << one.closed.value_or("hangs") << ", back "
                     << one.received.size() << ", served " << w.echo->served());
      }
      worst = std::max(worst, w.world().now() - since);
    }
    INFO(session << ": " << failed << " of 40 failed, worst " << worst.to_millis() << " ms");
    if (session) CHECK(failed == 0);
  }
}

TEST_CASE("bulk is not starved by a session's many small streams") {
  std::size_t got[2] = {};
  for (const bool session : {false, true}) {
    const Seat slow{.nat = std::nullopt, .link = {.delay = 15_ms, .rate = 1'000'000}};
    SessionWorld w(381, open_seat(), slow);
    EchoClient& bulk = w.connect("echo", session);
    std::vector<EchoClient*> small;
    for (int i = 0; i < 300; ++i) small.push_back(&w.connect("echo", session));
    w.world().run_for(5_s);
    bulk.send(some_bytes(10'000'000));
    for (int i = 0; i < 200; ++i) {
      for (EchoClient* each : small) {
        if (each->whole()) each->send(some_bytes(1000, each->sent.size()));
      }
      w.world().run_for(50_ms);
    }
    got[session ? 1 : 0] = bulk.received.size();
    std::size_t of_small = 0;
    for (EchoClient* each : small) of_small += each->received.size();
    INFO(session << ": bulk " << bulk.received.size() << " small " << of_small);
  }
  CHECK(got[1] * 4 > got[0]);
}

TEST_CASE("a network change that harms nothing disturbs nothing") {
  for (const auto delay : {Duration::millis(2), Duration::millis(15), Duration::millis(60)}) {
    const Seat seat{.nat = hyperdht::kConsistentNat, .link = {.delay = delay, .jitter = 10_ms}};
    SessionWorld w(391, seat, seat);
    EchoClient& one = w.connect();
    w.chat(one, 3_s);
    one.begin_pauses();
    std::map<std::uint32_t, sim::Address> places;
    std::map<std::uint32_t, int> changes;
    w.world().set_tap([&](const sim::Packet& packet) {
      const auto parsed = udx::Packet::parse(packet.payload);
      if (!parsed || !parsed->header.has(udx::kData)) return;
      if (packet.to.host != w.client->nat().address()) return;
      auto& place = places[parsed->header.stream.value];
      if (!(place == packet.to)) ++changes[parsed->header.stream.value];
      place = packet.to;
    });
    for (int i = 0; i < 20; ++i) {
      w.client->host().freeze();
      w.client->node->on_network_change();
      w.client->host().schedule_wake();
      for (int k = 0; k < 20; ++k) {
        one.send(some_bytes(5000, one.sent.size()));
        w.world().run_for(50_ms);
      }
    }
    w.world().set_tap(nullptr);
    CHECK(w.run_until_whole(one));
    int most = 0;
    for (const auto& [id, n] : changes) most = std::max(most, n);
    INFO("delay " << delay.to_millis() << ": places " << most << ", longest pause "
                  << one.longest_pause.to_millis());
    CHECK(most <= 25);
    CHECK(one.longest_pause.to_millis() < 500);
    CHECK(!one.closed);
  }
}
