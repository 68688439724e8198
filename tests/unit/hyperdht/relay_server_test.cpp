// SPDX-License-Identifier: Apache-2.0
// The relay's table of tokens and pairs, without a network: frames are handed over by hand.
#include <catch2/catch.hpp>
#include <deque>

#include "hyperdht/relay/relay_client.hpp"
#include "hyperdht/relay/relay_server.hpp"
#include "sim/random.hpp"
#include "udx/mux.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

struct Pairing : PairingObserver {
  void on_paired(udx::StreamId id) override { leg = id; }
  void on_pairing_failed() override { failed = true; }
  std::optional<udx::StreamId> leg;
  bool failed = false;
};

/// A peer and its connection to the relay.
struct PeerEnd {
  PeerEnd(RelayServer& server, std::uint8_t number)
      : PeerEnd(server, number, net::Ipv4::of(5, 5, number, 1)) {}
  PeerEnd(RelayServer& server, std::uint8_t number, net::Ipv4 host) {
    crypto::PublicKey key;
    key.bytes.fill(number);
    session =
        std::make_unique<RelaySession>(server, relay_mux, key, host, [this] { refused = true; });
    client = std::make_unique<RelayClient>(mux, key, [this] { closed = true; });
    run();
  }
  /// Delivers all frames, both ways. False when one side breaks the connection.
  bool run() {
    while (!up.empty() || !down.empty()) {
      auto& queue = up.empty() ? down : up;
      auto& to = up.empty() ? mux : relay_mux;
      const Bytes frame = queue.front();
      queue.pop_front();
      if (!to.feed(frame)) return false;
    }
    return true;
  }
  void ask(bool initiator, const RelayToken& token, std::uint32_t id = 7) {
    REQUIRE(client->pair(initiator, token, {id}, pairing));
    REQUIRE(run());
  }

  std::deque<Bytes> up, down;
  secret_stream::Protomux mux{[this](ByteView frame) { up.push_back(to_bytes(frame)); }};
  secret_stream::Protomux relay_mux{[this](ByteView frame) { down.push_back(to_bytes(frame)); }};
  std::unique_ptr<RelaySession> session;
  std::unique_ptr<RelayClient> client;
  Pairing pairing;
  bool refused = false;
  bool closed = false;
};

struct Relay {
  explicit Relay(const RelayLimits& limits = {})
      : random(1),
        mux(scheduler, random),
        server(
            scheduler, [this](udx::RelayLegObserver& observer) { return mux.create_leg(observer); },
            [](net::UdpSocket&) { return nullptr; }, limits) {}
  ~Relay() { scheduler.collect(); }

  void wait(Duration duration) { scheduler.advance_to(scheduler.now() + duration); }

  Scheduler scheduler;
  sim::SeededRandom random;
  udx::Mux mux;
  RelayServer server;
};

RelayToken token(std::uint8_t n) {
  RelayToken out;
  out.bytes.fill(n);
  return out;
}

}  // namespace

TEST_CASE("two peers that name one token in different roles get a leg each") {
  for (const bool first : {false, true}) {
    Relay relay;
    PeerEnd a(relay.server, 1), b(relay.server, 2);
    a.ask(first, token(1));
    CHECK(relay.server.waiting() == 1);
    CHECK(!a.pairing.leg);
    b.ask(!first, token(1));
    REQUIRE(a.run());
    REQUIRE(a.pairing.leg);
    REQUIRE(b.pairing.leg);
    CHECK(a.pairing.leg->value != b.pairing.leg->value);
    CHECK(relay.server.waiting() == 0);
    CHECK(relay.server.active() == 1);
    CHECK(relay.mux.streams() == 2);
  }
}

TEST_CASE("one connection may play both roles of a token, and join several pairs") {
  Relay relay;
  PeerEnd a(relay.server, 1), b(relay.server, 2);
  a.ask(true, token(1));
  Pairing second;
  REQUIRE(a.client->pair(false, token(2), {8}, second));
  REQUIRE(a.run());
  b.ask(false, token(1));
  Pairing other;
  REQUIRE(b.client->pair(true, token(2), {9}, other));
  REQUIRE(b.run());
  REQUIRE(a.run());
  CHECK(a.pairing.leg);
  CHECK(second.leg);
  CHECK(b.pairing.leg);
  CHECK(other.leg);
  CHECK(relay.server.active() == 2);

  // Upstream's client would not do this, but the protocol has no objection.
  Relay alone;
  PeerEnd both(alone.server, 3);
  both.down.clear();
  for (const bool initiator : {true, false}) {
    const Bytes pair = PairMessage{.initiator = initiator, .token = token(3), .id = {5}}.encode();
    Bytes frame{1, 0};
    append(frame, pair);
    REQUIRE(both.relay_mux.feed(frame));
  }
  CHECK(alone.server.active() == 1);
  CHECK(both.down.size() == 2);
}

TEST_CASE("a role that waits already is not taken again") {
  Relay relay;
  PeerEnd a(relay.server, 1), b(relay.server, 2), c(relay.server, 3);
  a.ask(true, token(1), 100);
  b.ask(true, token(1), 200);
  c.ask(false, token(1), 300);
  REQUIRE(a.run());
  REQUIRE(b.run());
  CHECK(a.pairing.leg);
  CHECK(!b.pairing.leg);
  CHECK(!b.closed);
}

TEST_CASE("a client takes no answer for another role or token") {
  Relay relay;
  PeerEnd a(relay.server, 1);
  a.ask(true, token(1));
  CHECK(!a.client->pair(true, token(1), {9}, a.pairing));
  for (const auto& message : {PairMessage{.initiator = false, .token = token(1), .id = {1}},
                              PairMessage{.initiator = true, .token = token(2), .id = {1}}}) {
    Bytes frame{1, 0};
    append(frame, message.encode());
    CHECK(a.mux.feed(frame));
  }
  CHECK(!a.pairing.leg);
}

TEST_CASE("a token waits for a minute") {
  Relay relay;
  PeerEnd a(relay.server, 1), b(relay.server, 2);
  a.ask(true, token(1));
  relay.wait(50_s);
  CHECK(relay.server.waiting() == 1);
  relay.wait(20_s);
  CHECK(relay.server.waiting() == 0);
  CHECK(relay.server.stats().pairings_expired == 1);
  CHECK(a.session->pairs() == 0);
  b.ask(false, token(1));
  CHECK(!b.pairing.leg);
}

TEST_CASE("a pair nobody sends through ends after a minute") {
  Relay relay;
  PeerEnd a(relay.server, 1), b(relay.server, 2);
  a.ask(true, token(1));
  b.ask(false, token(1));
  relay.wait(70_s);
  CHECK(relay.server.active() == 0);
  CHECK(relay.mux.streams() == 0);
  CHECK(relay.server.stats().pairs_expired == 1);
}

TEST_CASE("unpair takes back a token or ends the pair; the legs go with either connection") {
  Relay relay;
  PeerEnd a(relay.server, 1);
  auto b = std::make_unique<PeerEnd>(relay.server, 2);
  a.ask(true, token(1));
  a.client->unpair(token(1));
  REQUIRE(a.run());
  CHECK(relay.server.waiting() == 0);
  CHECK(!a.pairing.failed);

  a.ask(true, token(1));
  b->ask(false, token(1));
  REQUIRE(a.run());
  SECTION("unpair") {
    b->client->unpair(token(1));
    REQUIRE(b->run());
  }
  SECTION("the channel is closed") {
    b->client.reset();
    REQUIRE(b->run());
  }
  SECTION("the connection is gone") {
    b.reset();
  }
  CHECK(relay.server.active() == 0);
  CHECK(relay.mux.streams() == 0);
  CHECK(a.session->pairs() == 0);
  CHECK(!a.closed);
}

TEST_CASE("a pair above the limit is refused by closing the channel") {
  RelayLimits limits;
  limits.max_pairs = 1;
  Relay relay(limits);
  PeerEnd a(relay.server, 1), b(relay.server, 2), c(relay.server, 3), d(relay.server, 4);
  a.ask(true, token(1));
  b.ask(false, token(1));
  c.ask(true, token(2));
  d.ask(false, token(2));
  REQUIRE(c.run());
  CHECK(relay.server.active() == 1);
  CHECK(relay.server.stats().pairings_refused == 2);
  CHECK(c.pairing.failed);
  CHECK(d.pairing.failed);
  CHECK(c.closed);
  CHECK(c.refused);
  CHECK(!a.closed);
}

TEST_CASE("a peer has a limit of its own, and what it has goes on") {
  RelayLimits limits;
  limits.max_sides_of_key = 2;
  Relay relay(limits);
  PeerEnd a(relay.server, 1);
  for (std::uint8_t n = 1; n <= 3; ++n) {
    Pairing pairing;
    REQUIRE(a.client->pair(true, token(n), {n}, pairing));
    REQUIRE(a.run());
  }
  CHECK(relay.server.waiting() == 2);
  CHECK(!a.closed);
}

TEST_CASE("tokens that wait have a bound, and the oldest makes room") {
  RelayLimits limits;
  limits.max_pairs = 2;
  Relay relay(limits);
  std::vector<std::unique_ptr<PeerEnd>> peers;
  for (std::uint8_t n = 1; n <= 20; ++n) {
    peers.push_back(std::make_unique<PeerEnd>(relay.server, n));
    peers.back()->ask(true, token(n));
    relay.wait(10_ms);
  }
  CHECK(relay.server.waiting() == 8);
  CHECK(peers[0]->session->pairs() == 0);
  CHECK(peers[19]->session->pairs() == 1);
}

TEST_CASE("a key has its limit in all its sessions together, and a host in all its keys") {
  RelayLimits limits;
  limits.max_pairs = 16;
  limits.max_sides_of_key = 4;
  Relay relay(limits);
  const net::Ipv4 stranger = net::Ipv4::of(6, 6, 6, 6);
  std::vector<std::unique_ptr<PeerEnd>> ends;
  std::uint8_t next = 1;
  const auto hold = [&](std::uint8_t key) {
    ends.push_back(std::make_unique<PeerEnd>(relay.server, key, stranger));
    Pairing pairing;
    REQUIRE(ends.back()->client->pair(true, token(next++), {1}, pairing));
    ends.back()->run();
  };
  for (int i = 0; i < 10; ++i) hold(1);
  CHECK(relay.server.waiting() == 4);
  for (std::uint8_t key = 2; key < 10; ++key) {
    for (int i = 0; i < 4; ++i) hold(key);
  }
  CHECK(relay.server.waiting() == 8);
  PeerEnd a(relay.server, 100), b(relay.server, 101);
  a.ask(true, token(200));
  b.ask(false, token(200));
  CHECK(relay.server.active() == 1);
  // What is given up counts no more.
  ends.clear();
  CHECK(relay.server.waiting() == 0);
  hold(1);
  CHECK(relay.server.waiting() == 1);
}

TEST_CASE("tokens of one host that wait do not push out those of others") {
  RelayLimits limits;
  limits.max_pairs = 4;  // so that sixteen may wait
  Relay relay(limits);
  std::vector<std::unique_ptr<PeerEnd>> peers;
  const auto wait_with = [&](std::uint8_t n, net::Ipv4 host) {
    peers.push_back(std::make_unique<PeerEnd>(relay.server, n, host));
    Pairing pairing;
    REQUIRE(peers.back()->client->pair(true, token(n), {n}, pairing));
    peers.back()->run();
    relay.wait(10_ms);
  };
  wait_with(1, net::Ipv4::of(7, 7, 7, 7));
  // Local hosts may hold the most.
  for (std::uint8_t n = 10; n < 30; ++n) {
    wait_with(n, net::Ipv4::of(10, 0, 0, n < 20 ? 1 : 2));
    wait_with(static_cast<std::uint8_t>(n + 100), net::Ipv4::of(10, 0, 0, 3));
  }
  CHECK(relay.server.waiting() == 16);
  CHECK(peers[0]->session->pairs() == 1);
}

TEST_CASE("a peer that says what does not decode loses its connection") {
  Relay relay;
  for (const char* hex : {"0100", "010001", "0101", "010100"}) {
    PeerEnd a(relay.server, 1);
    CHECK(!a.relay_mux.feed(*from_hex(hex)));
  }
  // An id beyond what the header of a packet has room for.
  PeerEnd a(relay.server, 1);
  Bytes frame{1, 0, 1};
  append(frame, token(1).view());
  append(frame, *from_hex("ff000000000100000000"));
  CHECK(!a.relay_mux.feed(frame));
  CHECK(relay.server.waiting() == 0);
}

TEST_CASE("long forms of the flags are read by their first byte") {
  Bytes message{0xfd, 0x01, 0x00};
  append(message, token(4).view());
  append(message, Bytes{200, 0});
  const auto pair = PairMessage::decode(message);
  REQUIRE(pair);
  CHECK(pair->initiator);
  CHECK(pair->id.value == 200);
}

TEST_CASE("a peer that waits with a token again is remembered when the pair it had ends") {
  Relay relay;
  PeerEnd a(relay.server, 1);
  auto b = std::make_unique<PeerEnd>(relay.server, 2);
  a.ask(true, token(1));
  b->ask(false, token(1));
  REQUIRE(relay.server.active() == 1);
  REQUIRE(a.relay_mux.feed(codec::encode([](codec::Writer& w) {
    w.uint(1);
    w.uint(static_cast<std::uint64_t>(RelayMessage::kPair));
    w.raw(PairMessage{.initiator = true, .token = token(1), .id = {9}}.encode());
  })));
  CHECK(relay.server.waiting() == 1);
  b->session.reset();
  CHECK(relay.server.active() == 0);
  CHECK(relay.server.waiting() == 1);
  a.session.reset();
  CHECK(relay.server.waiting() == 0);
}
