// SPDX-License-Identifier: Apache-2.0
// A peer that has the keys and keeps no rule, and others who have none.
#include <catch2/catch.hpp>

#include "node/internals.hpp"
#include "session_rogue.hpp"

using namespace hsfwd;
using hyperdht::Session;
using hyperdht::SessionMessage;

TEST_CASE("a peer that breaks a rule of the control stream ends its session, and nothing else") {
  SessionWorld w(61);
  Participant other(w.swarm, 3, {}, {});
  EchoClient& good = w.connect();
  good.send(as_bytes("one"));
  REQUIRE(w.run_until_whole(good));
  const std::vector<Bytes> wrong = {
      to_bytes(as_bytes("\x01")),                                                 // cut
      SessionMessage{.kind = SessionMessage::Kind::kOpen, .number = 1}.encode(),  // ours
      SessionMessage{.kind = SessionMessage::Kind::kOpen, .number = 0}
          .encode(),  // the control stream's
      SessionMessage{.kind = SessionMessage::Kind::kOpen, .number = 2}.encode(),  // used
      SessionMessage{.kind = SessionMessage::Kind::kAccept, .number = 2}.encode(),
      SessionMessage{
          .kind = SessionMessage::Kind::kOpen, .number = 4, .service = std::string(301, 'x')}
          .encode(),
  };
  for (const Bytes& record : wrong) {
    INFO(to_hex(record));
    Rogue rogue(w, other);
    REQUIRE(rogue.session);
    rogue.say(record);
    REQUIRE(w.world().run_until([&] { return rogue.over.has_value(); }, 5_s));
    CHECK(rogue.over->find("makes no sense") != std::string::npos);
    w.world().run_for(100_ms);
  }
  good.send(as_bytes("two"));
  CHECK(w.run_until_whole(good));
}

TEST_CASE("kinds of later versions are ignored") {
  SessionWorld w(62);
  Rogue rogue(w, *w.client);
  REQUIRE(rogue.session);
  rogue.say(to_bytes(as_bytes("\x09\x04later")));
  rogue.say(4);
  w.world().run_for(1_s);
  CHECK(!rogue.over);
  CHECK(w.echo->served() == 2);
}

TEST_CASE("a peer that opens without end is refused, and others are served") {
  SessionWorld w(63);
  Participant other(w.swarm, 3, {}, {});
  Rogue rogue(w, other);
  REQUIRE(rogue.session);
  constexpr std::uint64_t kMany = 3 * Session::kMaxStreams;
  for (std::uint64_t i = 0; i < kMany; ++i) rogue.say(4 + 2 * i);
  w.world().run_for(10_s);
  CHECK(!rogue.over);
  CHECK(w.echo->served() <= Session::kMaxStreams);
  CHECK(w.echo->served() > Session::kMaxStreams / 2);
  EchoClient& good = w.connect();
  good.send(as_bytes("one"));
  CHECK(w.run_until_whole(good));
}

TEST_CASE("a client that begins sessions without end gets connections beyond its share") {
  SessionWorld w(64);
  std::vector<std::unique_ptr<Rogue>> rogues;
  std::size_t sessions = 0;
  for (int i = 0; i < 20; ++i) {
    rogues.push_back(std::make_unique<Rogue>(w, *w.client));
    sessions += rogues.back()->session ? 1 : 0;
    if (!rogues.back()->session) break;
  }
  CHECK(sessions == 16);
}

TEST_CASE("who does not have a session's key cannot go on with it") {
  SessionWorld w(67);
  Participant other(w.swarm, 3, {}, {});
  Rogue owner(w, *w.client);
  REQUIRE(owner.session);
  const Bytes id = to_bytes(owner.session->id().view());
  for (const Bytes& resume : {id, Bytes(16), Bytes(3), Bytes(200)}) {
    Rogue thief(w, other, {.resume = resume});
    CHECK(!thief.resumed);
    CHECK(thief.session);
  }
  owner.say(4);
  w.world().run_for(1_s);
  CHECK(!owner.over);
  CHECK(w.echo->served() == 2);
}

TEST_CASE("a peer that opens, floods, stalls and lies at random ends only itself") {
  SessionWorld w(65);
  Participant other(w.swarm, 3, {}, {});
  EchoClient& good = w.connect();
  sim::SeededRandom random(65);
  for (int round = 0; round < 10; ++round) {
    Rogue rogue(w, other);
    if (!rogue.session) break;
    std::uint64_t number = 4;
    std::vector<std::unique_ptr<hyperdht::SessionStream>> streams;
    for (int step = 0; step < 400 && !rogue.over; ++step) {
      other.host().freeze();
      switch (random.below(8)) {
        case 0:
          rogue.say(number += 2);
          break;
        case 1:
          if (auto stream = rogue.session->open("echo")) streams.push_back(std::move(*stream));
          break;
        case 2:
          if (!streams.empty())
            streams[random.below(static_cast<std::uint32_t>(streams.size()))]->write(Bytes(20'000));
          break;
        case 3:
          if (!streams.empty()) streams.pop_back();
          break;
        case 4:
          if (!streams.empty()) streams.back()->end();
          break;
        case 5:
          if (random.below(20) == 0) rogue.say(random.below(100));
          break;
        case 6:
          if (random.below(20) == 0) {
            Bytes garbage(random.below(40));
            random.fill(garbage);
            rogue.say(garbage);
          }
          break;
        default:
          w.world().run_for(Duration::millis(random.below(20)));
      }
    }
    w.world().run_for(50_ms);
    for (auto& stream : streams) stream->reset();
    good.send(as_bytes("round " + std::to_string(round)));
    REQUIRE(w.run_until_whole(good));
  }
  w.world().run_for(10_s);
  CHECK(w.echo->connections() == 1);
  CHECK(!good.closed);
}

TEST_CASE("who repeats packets from elsewhere moves nothing") {
  SessionWorld w(66, {.nat = {}, .link = {.delay = 15_ms}}, {.nat = {}, .link = {.delay = 15_ms}});
  EchoClient& one = w.connect();
  w.chat(one, 1_s);
  // Sees all that comes to the server, and sends it again, from an address of its own, at once.
  sim::Host& copier = w.world().add_host(net::Ipv4::of(66, 6, 6, 6), {.delay = 1_ms});
  struct Ear final : net::UdpObserver {
    void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
      heard += batch.size();
      for (const auto& datagram : batch) largest = std::max(largest, datagram.bytes.size());
    }
    std::size_t heard = 0;
    std::size_t largest = 0;
  } ear;
  copier.freeze();
  const auto socket = copier.env().udp.bind({net::Ipv4(), 4000}, ear);
  REQUIRE(socket.ok());
  std::size_t copies = 0;
  const net::Ipv4 server = w.server->host().address();
  w.world().set_tap([&](const sim::Packet& packet) {
    if (packet.to.host != server || packet.from.host == copier.address()) return;
    if (packet.from.host != w.client->host().address()) return;
    ++copies;
    copier.freeze();
    (*socket)->send_one(packet.to, packet.payload);
    copier.schedule_wake();
  });
  w.chat(one, 5_s);
  w.world().set_tap(nullptr);
  REQUIRE(w.run_until_whole(one));
  CHECK(copies > 50);
  CHECK(w.echo->served() == 1);
  CHECK(ear.heard > 0);   // it was asked whether it is the peer
  CHECK(ear.heard < 60);  // ten times a second at most
  CHECK(ear.largest < 64);
  CHECK(one.info().remote.host == server);
}
