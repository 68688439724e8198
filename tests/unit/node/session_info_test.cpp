// SPDX-License-Identifier: Apache-2.0
// What can be seen of a session, on either side.
#include <catch2/catch.hpp>

#include "session_world.hpp"

using namespace hsfwd;

namespace {

/// The only one of a node.
SessionInfo only(const Participant& at) {
  const auto sessions = at.node->sessions();
  REQUIRE(sessions.size() == 1);
  return sessions.front();
}

}  // namespace

TEST_CASE("a session is seen on both sides, with all of its streams") {
  SessionWorld w(801);
  CHECK(w.client->node->sessions().empty());
  for (int i = 0; i < 3; ++i) {
    w.connect().send(some_bytes(1000));
    REQUIRE(w.run_until_whole(*w.clients.back()));
  }
  const SessionInfo client = only(*w.client);
  const SessionInfo server = only(*w.server);
  CHECK(client.key == w.key());
  CHECK(client.outgoing);
  CHECK(!server.outgoing);
  CHECK(server.key == w.swarm.keys(2).public_key);
  for (const SessionInfo& one : {client, server}) {
    CHECK(one.streams == 3);
    CHECK(one.path == PathKind::kDirect);
    CHECK(one.remote.port != 0);
    CHECK(one.rtt > 0_ms);
    CHECK(one.moves == 0);
    CHECK(!one.silent);
    CHECK(one.last_error == "");
    CHECK(one.bytes_sent == 3000);
    CHECK(one.bytes_received == 3000);
    CHECK(one.send_rate > 0);
    CHECK(one.receive_rate > 0);
    CHECK(one.packets_sent > 0);
    CHECK(one.packets_lost == 0);
  }
  for (const auto& one : w.clients) CHECK(one->info().session == client.id);
}

TEST_CASE(
    "what streams that are over have carried counts on, and a session that nobody uses is seen") {
  SessionWorld w(802);
  EchoClient& one = w.connect();
  one.send(some_bytes(5000));
  REQUIRE(w.run_until_whole(one));
  one.end();
  REQUIRE(w.world().run_until([&] { return one.closed.has_value(); }, 10_s));
  w.clients.clear();
  w.world().run_for(10_s);
  const SessionInfo idle = only(*w.client);
  CHECK(idle.streams == 0);
  CHECK(idle.bytes_sent == 5000);
  CHECK(idle.bytes_received == 5000);
  CHECK(idle.send_rate == 0);
  CHECK(idle.packets_sent >= 4);
  w.world().run_for(60_s);
  CHECK(w.client->node->sessions().empty());
}

TEST_CASE("packets that are lost are counted by who sent them") {
  const Seat lossy{.nat = std::nullopt, .link = {.delay = 15_ms, .loss = 0.02}};
  SessionWorld w(803, open_seat(), lossy);
  EchoClient& one = w.connect();
  one.send(some_bytes(1'000'000));
  REQUIRE(w.run_until_whole(one, 120_s));
  for (const Participant* const side : {w.client.get(), w.server.get()}) {
    const SessionInfo session = only(*side);
    CHECK(session.packets_lost > 0);
    CHECK(session.packets_repeated >= session.packets_lost);
    CHECK(session.packets_lost < session.packets_sent / 10);
  }
}

TEST_CASE("for how long a peer has been silent is seen until it is heard again") {
  SessionWorld w(804, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  CHECK(!only(*w.client).silent);
  w.world().core().set_loss(1);
  one.send(as_bytes("hello?"));
  w.world().run_for(20_s);
  const SessionInfo during = only(*w.client);
  REQUIRE(during.silent);
  CHECK(*during.silent > 15_s);
  CHECK(*during.silent <= 20_s);
  CHECK(during.last_error != "");
  CHECK(during.last_error_at > during.since + 2_s);
  CHECK(!during.last_error_over);
  w.world().core().set_loss(0);
  w.chat(one, 10_s);
  CHECK(w.run_until_whole(one));
  CHECK(!only(*w.client).silent);
  const SessionInfo after = only(*w.client);
  CHECK(after.last_error == during.last_error);
  CHECK(after.last_error_at >= during.last_error_at);
  CHECK(after.last_error_over);
  CHECK(!only(*w.server).silent);
}

TEST_CASE("a server sees that its client is silent") {
  SessionWorld w(805, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  w.world().core().set_loss(1);
  w.world().run_for(60_s);
  const SessionInfo during = only(*w.server);
  REQUIRE(during.silent);
  CHECK(*during.silent > 10_s);
  CHECK(during.last_error == "the connection to the other side is lost");
  w.world().core().set_loss(0);
  w.chat(one, 10_s);
  CHECK(!only(*w.server).silent);
}

TEST_CASE("a session that is carried elsewhere has moved once") {
  SessionWorld w(806, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  CHECK(only(*w.client).moves == 0);
  CHECK(only(*w.server).moves == 0);
  w.client->move();
  w.chat(one, 10_s);
  REQUIRE(w.run_until_whole(one));
  CHECK(only(*w.server).moves == 1);
}
