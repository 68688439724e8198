// SPDX-License-Identifier: Apache-2.0
// Paths that are made ahead of the end of the one that there is: hyperdht/nat/mapping_watch.
#include <catch2/catch.hpp>
#include <set>

#include "session_world.hpp"

using namespace hsfwd;

namespace {

/// How often the session of a steady conversation has moved, minute by minute.
std::vector<std::uint64_t> moves_of(SessionWorld& w, int minutes) {
  EchoClient& talk = w.connect();
  w.chat(talk, 2_s);
  std::vector<std::uint64_t> out;
  for (int minute = 0; minute < minutes; ++minute) {
    w.chat(talk, 60_s, 200_ms);
    const auto sessions = w.client->node->sessions();
    REQUIRE(sessions.size() == 1);
    out.push_back(sessions.front().moves);
  }
  CHECK(w.run_until_whole(talk));
  CHECK(!talk.closed);
  return out;
}

}  // namespace

TEST_CASE(
    "behind a NAT that keeps its mappings another path is made once or twice, and never again") {
  SessionWorld w(521, home(), home());
  const auto moves = moves_of(w, 8);
  INFO(Catch::StringMaker<std::vector<std::uint64_t>>::convert(moves));
  CHECK(moves[1] >= 1);
  CHECK(moves[1] <= 4);
  CHECK(moves.back() == moves[2]);
}

TEST_CASE(
    "no further path is made where there is no NAT, or a random one, which each costs a punch") {
  const auto last = [](std::uint64_t seed, const Seat& server, const Seat& client) {
    SessionWorld w(seed, server, client);
    const auto moves = moves_of(w, 6);
    INFO(Catch::StringMaker<std::vector<std::uint64_t>>::convert(moves));
    CHECK(moves.back() == moves[2]);
    return moves.back();
  };
  CHECK(last(522, open_seat(), open_seat()) == 0);
  CHECK(last(523, open_seat(), home()) <= 1);
  CHECK(last(524, home(), hard_home()) <= 4);
  CHECK(last(525, hard_home(), home()) <= 4);
}

TEST_CASE("behind a NAT that ends mappings a path is made ahead of each end") {
  SessionWorld w(526, home(), carrier());
  const auto moves = moves_of(w, 8);
  INFO(Catch::StringMaker<std::vector<std::uint64_t>>::convert(moves));
  CHECK(moves.back() >= 7);
  CHECK(moves.back() <= 40);
}

TEST_CASE("a session that nobody uses makes no further paths") {
  SessionWorld w(527, home(), home());
  EchoClient& talk = w.connect();
  w.chat(talk, 2_s);
  w.client->host().freeze();
  w.clients.clear();
  w.client->host().schedule_wake();
  w.world().run_for(30_s);
  const auto before = w.client->node->sessions();
  REQUIRE(before.size() == 1);
  w.world().run_for(25_s);
  const auto after = w.client->node->sessions();
  if (!after.empty()) CHECK(after.front().moves == before.front().moves);
}
