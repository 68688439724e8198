// SPDX-License-Identifier: Apache-2.0
// Sessions between homes that reach each other through a blind relay only, or at first.
#include <catch2/catch.hpp>

#include "session_world.hpp"

using namespace hsfwd;

TEST_CASE("a session's streams go over a relay, whole") {
  RelayWorld r(41, hard_home(), hard_home());
  EchoClient& one = r.w.connect();
  one.send(some_bytes(600'000));
  EchoClient& two = r.w.connect();
  two.send(as_bytes("beside it"));
  REQUIRE(r.w.run_until_whole(one, 60_s));
  CHECK(r.w.run_until_whole(two));
  CHECK(one.info().path == PathKind::kRelayed);
  CHECK(r.carried() > 1'200'000);
  two.end();
  CHECK(r.w.world().run_until([&] { return two.closed.has_value(); }, 10_s));
  CHECK(*two.closed == "");
}

TEST_CASE("a session that began over a relay moves to the direct path, with nothing lost") {
  RelayWorld r(42, home(), home());
  EchoClient& one = r.w.connect();
  const Bytes all = some_bytes(3'000'000);
  for (std::size_t at = 0; at < all.size(); at += 100'000) {
    one.send(ByteView(all).subspan(at, 100'000));
    r.w.world().run_for(100_ms);
  }
  REQUIRE(r.w.run_until_whole(one, 60_s));
  CHECK(one.info().path == PathKind::kDirect);
  CHECK(!one.closed);
}

TEST_CASE("a session over a relay lives through a change of the client's address") {
  RelayWorld r(43, hard_home(), hard_home());
  EchoClient& one = r.w.connect();
  r.w.chat(one, 3_s);
  REQUIRE(one.opened);
  one.begin_pauses();
  r.w.client->move();
  r.w.chat(one, 20_s);
  REQUIRE(r.w.run_until_whole(one, 60_s));
  CHECK(!one.closed);
  CHECK(r.w.echo->served() == 1);
  CHECK(one.longest_pause.to_millis() < 8000);
}

TEST_CASE("packets that were cut for a direct path go on over a relay in two parts") {
  RelayWorld r(44, home(), home());
  EchoClient& one = r.w.connect();
  r.w.chat(one, 5_s);
  REQUIRE(one.info().path == PathKind::kDirect);
  // What is under way when the direct path goes, and no punch brings another.
  one.send(some_bytes(2'000'000));
  r.w.world().run_for(60_ms);
  r.w.client->nat().set_profile(hyperdht::kRandomNat);
  r.w.server->nat().set_profile(hyperdht::kRandomNat);
  r.w.client->move();
  r.w.server->move();
  REQUIRE(r.w.run_until_whole(one, 90_s));
  CHECK(!one.closed);
  CHECK(one.info().path == PathKind::kRelayed);
}
