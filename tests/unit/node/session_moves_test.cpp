// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "session_world.hpp"

using namespace hsfwd;

namespace {

/// A conversation through a change, and how long it paused.
Duration pause_through(SessionWorld& w, const std::function<void()>& change) {
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  REQUIRE(one.opened);
  one.begin_pauses();
  change();
  w.chat(one, 20_s);
  REQUIRE(w.run_until_whole(one));
  CHECK(!one.closed);
  CHECK(w.echo->served() == 1);
  return one.longest_pause;
}

}  // namespace

TEST_CASE("a session lives through a change of the client's address") {
  SessionWorld w(21, home(), home());
  CHECK(pause_through(w, [&] { w.client->move(); }).to_millis() < 2000);
}

TEST_CASE("a session lives through a change of the server's address") {
  SessionWorld w(22, home(), home());
  CHECK(pause_through(w, [&] { w.server->move(); }).to_millis() < 5000);
}

TEST_CASE("a session lives through changes of both addresses at once") {
  SessionWorld w(23, home(), home());
  CHECK(pause_through(w, [&] {
          w.client->move();
          w.server->move();
        }).to_millis() < 5000);
}

TEST_CASE("a session lives through a NAT that forgets its mappings") {
  SessionWorld w(24, home(), home());
  CHECK(pause_through(w, [&] { w.client->nat().reboot(); }).to_millis() < 5000);
}

TEST_CASE("a session lives through a rebinding that nobody is told of") {
  SessionWorld w(25, open_seat(), home());
  CHECK(pause_through(w, [&] { w.client->renumber(); }).to_millis() < 2000);
}

TEST_CASE("a session lives through a minute of sleep") {
  SessionWorld w(26, home(), home());
  CHECK(pause_through(w, [&] {
          w.client->host().sleep();
          w.world().run_for(60_s);
          w.client->host().wake();
        }).to_millis() < 66000);
}

TEST_CASE("a session that finds no path ends when its patience does") {
  Options options;
  options.session_patience = 30_s;
  SessionWorld w(27, home(), home(), options);
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  w.server->host().sleep();
  one.send(as_bytes("anybody?"));
  w.world().run_for(20_s);
  CHECK(!one.closed);
  REQUIRE(w.world().run_until([&] { return one.closed.has_value(); }, 60_s));
  CHECK(one.closed->find("silent") != std::string::npos);
}

TEST_CASE("a server that has been started anew has forgotten the session, and serves another") {
  SessionWorld w(28, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  // Nobody says goodbye.
  w.server->nat().set_pool({net::Ipv4::of(84, 1, 1, 1)});
  w.echo.reset();
  w.listen();
  w.chat(one, 20_s);
  REQUIRE(w.world().run_until([&] { return one.closed.has_value(); }, 60_s));
  EchoClient& two = w.connect();
  two.send(as_bytes("two"));
  CHECK(w.run_until_whole(two));
}
