// SPDX-License-Identifier: Apache-2.0
// Who may have a session, and what may be said in it.
#include <catch2/catch.hpp>

#include "node/internals.hpp"
#include "session_rogue.hpp"

using namespace hsfwd;

TEST_CASE("many handshakes at once get no more sessions than a client's share") {
  SessionWorld w(331);
  w.client->host().freeze();
  std::vector<std::unique_ptr<hyperdht::PeerSocket>> links;
  std::vector<std::shared_ptr<hyperdht::Session>> sessions;
  for (int i = 0; i < 40; ++i) {
    hyperdht::ConnectOptions options;
    options.extension = Extension{.features = Extension::kSessions, .service = "echo"};
    links.push_back(Internals::dht(*w.client->node).connect(w.key(), std::move(options)));
    links.back()->set_on_open([&sessions, link = links.back().get()] {
      if (auto session = link->take_session()) sessions.push_back(std::move(session));
    });
  }
  w.client->host().schedule_wake();
  w.world().run_for(20_s);
  CHECK(sessions.size() <= 16);
  CHECK(sessions.size() > 0);
  w.client->host().freeze();
  for (auto& link : links) link->set_session(nullptr);
  sessions.clear();
  links.clear();
}

TEST_CASE("numbers that begin again are no numbers") {
  SessionWorld w(332);
  Rogue rogue(w, *w.client);
  REQUIRE(rogue.session);
  rogue.say(Rogue::open_of(0xfffffffffffffffe));
  w.world().run_for(1_s);
  rogue.say(Rogue::open_of(4));
  w.world().run_for(2_s);
  CHECK(rogue.over);
  CHECK(w.echo->served() <= 2);
}

TEST_CASE("a session goes on over a link that is proven only") {
  SessionWorld w(333, open_seat(), open_seat());
  Rogue good(w, *w.client);
  REQUIRE(good.session);
  w.world().run_for(3_s);
  REQUIRE(good.session->linked());
  // Its first message arrives, and nothing behind it: as if it had been given up, or held back by somebody.
  w.client->host().freeze();
  hyperdht::ConnectOptions options;
  options.extension = Extension{
      .features = Extension::kSessions | Extension::kResume | Extension::kNoService, .service = ""};
  options.extension->resume = to_bytes(good.session->id().view());
  options.known_path = false;
  auto link = Internals::dht(*w.client->node).connect(w.key(), std::move(options));
  w.client->host().schedule_wake();
  // The server has answered, and the answer is never seen.
  SECTION("the client gives up at once") {
    w.world().run_for(35_ms);
  }
  SECTION("a little later") {
    w.world().run_for(50_ms);
  }
  SECTION("later") {
    w.world().run_for(65_ms);
  }
  SECTION("much later") {
    w.world().run_for(95_ms);
  }
  const bool opened = link->is_open();
  w.client->host().freeze();
  link->reset();
  link.reset();
  w.client->host().schedule_wake();
  w.world().run_for(30_s);
  INFO(opened);
  if (!opened) {
    CHECK(good.session->linked());
    CHECK(good.doubtful == 0);
  }
  CHECK(!good.over);
}

TEST_CASE("a session of another client's is not resumed - and not harmed") {
  SessionWorld w(334);
  Participant other(w.swarm, 3, {}, {});
  Rogue good(w, *w.client);
  REQUIRE(good.session);
  other.host().freeze();
  hyperdht::ConnectOptions options;
  options.extension = Extension{
      .features = Extension::kSessions | Extension::kResume | Extension::kNoService, .service = ""};
  options.extension->resume = to_bytes(good.session->id().view());
  auto link = Internals::dht(*other.node).connect(w.key(), std::move(options));
  bool resumed = false;
  link->set_on_open([&] { resumed = link->resumes(); });
  other.host().schedule_wake();
  w.world().run_for(10_s);
  CHECK(!resumed);
  CHECK(good.session->linked());
  other.host().freeze();
  link->set_session(nullptr);
  link.reset();
}
