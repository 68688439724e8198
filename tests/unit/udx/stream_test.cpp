// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "relayed.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {
constexpr std::uint64_t kMegabyte = 1024 * 1024;
}

TEST_CASE("bytes, both ends, and a clean close") {
  Pair pair(1);
  pair.connect();
  pair.a.send(100'000, true);
  pair.b.send(5, true);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed && pair.b.closed; }, 5_s));
  CHECK(pair.a.closed == CloseReason::kFinished);
  CHECK(pair.b.closed == CloseReason::kFinished);
  CHECK(pair.b.received == 100'000);
  CHECK(pair.a.received == 5);
  CHECK(pair.a.intact);
  CHECK(pair.b.intact);
  CHECK(pair.a.ended);
  CHECK(pair.b.ended);
}

TEST_CASE("half close: the other direction goes on") {
  Pair pair(2);
  pair.connect();
  pair.a.send(10, true);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 1_s));
  pair.world.run_for(60_s);
  CHECK(!pair.a.closed);
  pair.b.send(kMegabyte, true);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed && pair.b.closed; }, 10_s));
  CHECK(pair.a.received == kMegabyte);
  CHECK(pair.a.closed == CloseReason::kFinished);
}

TEST_CASE("packets before connect are kept and acknowledged once") {
  Pair pair(3);
  pair.a.stream->connect(*pair.a_node.socket_, pair.b.stream->id(), pair.b_node.address());
  pair.a.send(3000, false);
  pair.world.run_for(100_ms);
  CHECK(pair.b.received == 3000);
  CHECK(pair.b.paths_seen >= 3);
  CHECK(pair.b.last_from == pair.a_node.address());
  CHECK(!pair.a.stream->all_acknowledged());
  const auto before = pair.a.stream->stats().packets_received;
  pair.b.stream->connect(*pair.b_node.socket_, pair.a.stream->id(), pair.a_node.address());
  pair.world.run_for(15_ms);
  CHECK(pair.a.stream->stats().packets_received == before + 1);
  CHECK(pair.a.stream->all_acknowledged());
}

TEST_CASE("a path that is not accepted is not heard") {
  Pair pair(4);
  pair.b.accept = false;
  pair.a.stream->connect(*pair.a_node.socket_, pair.b.stream->id(), pair.b_node.address());
  pair.a.send(10, false);
  pair.world.run_for(1_s);
  CHECK(pair.b.received == 0);
  CHECK(pair.b_node.foreign_ == 0);
}

TEST_CASE("transfers are bit-exact over lossy, reordering, duplicating paths") {
  const double loss = GENERATE(0.0, 0.02, 0.1);
  const std::uint64_t seed = GENERATE(range(10, 15));
  CAPTURE(loss, seed);
  sim::LinkProfile link;
  link.delay = 10_ms;
  link.jitter = 5_ms;
  link.loss = loss / 2;  // both hosts' links are crossed
  link.duplicate = 0.02;
  link.reorder = 0.05;
  Pair pair(seed, link);
  pair.connect();
  pair.a.send(2 * kMegabyte, true);
  pair.b.send(kMegabyte / 2, true);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed && pair.b.closed; }, 120_s));
  CHECK(pair.b.received == 2 * kMegabyte);
  CHECK(pair.a.received == kMegabyte / 2);
  CHECK(pair.a.intact);
  CHECK(pair.b.intact);
  CHECK(pair.a.closed == CloseReason::kFinished);
  CHECK(pair.b.closed == CloseReason::kFinished);
}

TEST_CASE("numbers wrap around in both directions, over a path that loses and reorders") {
  const sim::LinkProfile bad{
      .delay = 10_ms, .jitter = 3_ms, .loss = 0.01, .duplicate = 0.01, .reorder = 0.01};
  const StreamOptions options{.first_sent = {0xffffff00}, .first_received = {0xffffff00}};
  Pair pair(13, bad, options);
  pair.connect();
  pair.a.send(2 * kMegabyte, true);
  pair.b.send(2 * kMegabyte, true);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed && pair.b.closed; }, 60_s));
  CHECK(pair.a.closed == CloseReason::kFinished);
  CHECK(pair.b.closed == CloseReason::kFinished);
  CHECK(pair.a.received == 2 * kMegabyte);
  CHECK(pair.b.received == 2 * kMegabyte);
  CHECK(pair.a.intact);
  CHECK(pair.b.intact);
  CHECK(pair.a.stream->stats().packets_repeated > 0);
}

TEST_CASE("a reset counts on both sides of the wrap") {
  for (const std::uint64_t bytes : {1000u, 600'000u}) {
    Pair pair(14, {}, {.first_sent = {0xffffff00}, .first_received = {0xffffff00}});
    pair.connect();
    pair.a.send(bytes, false);
    REQUIRE(pair.world.run_until([&] { return pair.b.received == bytes; }, 20_s));
    pair.a.stream->destroy();
    REQUIRE(pair.world.run_until([&] { return pair.b.closed.has_value(); }, 1_s));
    CHECK(pair.b.closed == CloseReason::kReset);
  }
}

TEST_CASE("the same seed gives the same trace, another seed another") {
  const auto trace = [](std::uint64_t seed) {
    sim::LinkProfile link;
    link.loss = 0.03;
    link.jitter = 3_ms;
    Pair pair(seed, link);
    pair.connect();
    pair.a.send(kMegabyte, true);
    pair.world.run_for(30_s);
    CHECK(pair.b.received == kMegabyte);
    return pair.world.trace_hash();
  };
  CHECK(trace(77) == trace(77));
  CHECK(trace(77) != trace(78));
}

TEST_CASE("a stalled reader bounds what is buffered, and reading again goes on") {
  StreamOptions options;
  options.receive_window = 256 * 1024;
  Pair pair(20, {}, options);
  pair.connect();
  pair.b.consume_at_once = false;
  pair.a.send(64 * kMegabyte, true);
  pair.world.run_for(60_s);
  CHECK(pair.b.received <= 256 * 1024 + 1500);  // an open window takes one more packet
  CHECK(pair.b.received >= 200 * 1024);
  // The writer may be the window plus its own mark ahead, whatever time passes.
  CHECK(pair.a.sent <= 1024 * 1024);
  CHECK(!pair.a.closed);

  const Instant opened = pair.world.now();
  pair.b.consume_at_once = true;
  pair.b.stream->consume(pair.b.received);
  REQUIRE(pair.world.run_until([&] { return pair.b.received > kMegabyte; }, 5_s));
  // The window's opening is announced; nobody waits for a probe.
  CHECK(pair.world.now() - opened < 500_ms);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 600_s));
  CHECK(pair.b.received == 64 * kMegabyte);
  CHECK(pair.b.intact);
}

TEST_CASE("a small write while the window is closed does not forget the writer that waits") {
  // A keepalive came between a writer that was told to wait and the moment there was room again: the
  // writer was never called back.
  StreamOptions options;
  options.receive_window = 256 * 1024;
  Pair pair(33, {}, options);
  pair.connect();
  pair.b.consume_at_once = false;
  pair.a.send(8 * kMegabyte, false);
  pair.world.run_for(5_s);
  while (pair.a.stream->send_room() == 0) pair.world.run_for(1_s);
  const std::uint64_t before = pair.a.sent;
  pair.a.stream->write(Bytes{Recorder::byte_at(before)});
  ++pair.a.sent;
  pair.b.consume_at_once = true;
  pair.b.stream->consume(pair.b.received);
  REQUIRE(pair.world.run_until([&] { return pair.b.received == 8 * kMegabyte; }, 60_s));
  CHECK(pair.b.intact);
}

TEST_CASE("a writer with a mark of its own is at most so far ahead of what is sent, and as fast") {
  sim::LinkProfile link;
  link.rate = 1'000'000;
  const auto seconds = [&](std::size_t mark) {
    Pair pair(34, link);
    pair.connect();
    pair.a.stream->set_max_unsent(mark);
    pair.a.send(4 * kMegabyte, true);
    std::uint64_t ahead = 0;
    REQUIRE(pair.world.run_until(
        [&] {
          ahead = std::max(ahead, pair.a.sent - pair.a.stream->stats().bytes_sent);
          return pair.b.ended;
        },
        60_s));
    CHECK(pair.b.intact);
    // What one reservation of the test's writer takes comes on top.
    CHECK(ahead <= mark + 64 * 1024);
    return (pair.world.now() - Instant()).to_seconds();
  };
  CHECK(seconds(32 * 1024) <= seconds(Stream::kMaxUnsent) * 1.1);
}

TEST_CASE("a lost announcement of an open window is found out by asking") {
  StreamOptions options;
  options.receive_window = 64 * 1024;
  Pair pair(21, {}, options);
  pair.connect();
  pair.b.consume_at_once = false;
  pair.a.send(kMegabyte, false);
  pair.world.run_for(10_s);
  pair.b_node.host_.link().set_connected(false);
  pair.b.consume_at_once = true;
  pair.b.stream->consume(pair.b.received);
  pair.world.run_for(100_ms);
  pair.b_node.host_.link().set_connected(true);
  REQUIRE(pair.world.run_until([&] { return pair.b.received == kMegabyte; }, 10_s));
}

TEST_CASE("a lost first packet is repeated long before the cautious second is over") {
  for (const bool hinted : {false, true}) {
    Pair pair(31, {.delay = 20_ms});
    if (hinted) pair.a.stream->set_rtt_hint(80_ms);
    pair.connect();
    pair.a_node.host_.link().set_connected(false);
    pair.a.send(100, false);
    pair.world.run_for(10_ms);
    pair.a_node.host_.link().set_connected(true);
    CHECK(pair.world.run_until([&] { return pair.b.received == 100; }, hinted ? 200_ms : 350_ms));
    CHECK(pair.a.stream->stats().timeouts == 0);
  }
}

// A blind relay knows the way to a peer from the first packet of that peer's.
TEST_CASE("what was sent before the path was open is repeated when the peer's first packet comes") {
  const bool told = GENERATE(true, false);
  CAPTURE(told);
  Pair pair(1, {.delay = 10_ms});
  pair.connect();
  if (told) pair.a.stream->repeat_on_first_arrival();
  pair.b_node.host_.link().set_connected(false);
  pair.a.stream->write(Bytes(10, 1));
  pair.world.run_for(1_ms);
  pair.a.stream->write(Bytes(10, 2));
  pair.world.run_for(30_ms);
  pair.b_node.host_.link().set_connected(true);
  pair.b.stream->write(Bytes(1, 3));
  // One way there and one way back.
  pair.world.run_for(45_ms);
  CHECK(pair.b.received == (told ? 20 : 0));
  REQUIRE(pair.world.run_until([&] { return pair.b.received == 20; }, 5_s));
}

TEST_CASE("destroy reaches the peer as a reset and discards what is under way") {
  Pair pair(22);
  pair.connect();
  pair.a.send(kMegabyte, false);
  pair.world.run_for(12_ms);
  pair.a.stream->destroy();
  REQUIRE(pair.world.run_until([&] { return pair.b.closed.has_value(); }, 1_s));
  CHECK(pair.b.closed == CloseReason::kReset);
  CHECK(!pair.b.ended);
  CHECK(!pair.a.closed);
}

TEST_CASE("a peer that vanished is given up on, and only then") {
  Pair pair(23);
  pair.connect();
  pair.a.send(1000, false);
  pair.world.run_for(1_s);
  pair.b_node.host_.link().set_connected(false);
  pair.world.run_for(3600_s);
  CHECK(!pair.a.closed);  // nothing was unacknowledged
  pair.a.send(2000, false);
  const Instant sent = pair.world.now();
  REQUIRE(pair.world.run_until([&] { return pair.a.closed.has_value(); }, 60_s));
  CHECK(pair.a.closed == CloseReason::kTimedOut);
  CHECK(pair.world.now() - sent >= 15_s);
  CHECK(pair.world.now() - sent <= 25_s);
}

TEST_CASE("an outage shorter than that is survived, and ends soon after the network is back") {
  Pair pair(24);
  pair.connect();
  pair.a.send(8 * kMegabyte, true);
  pair.world.run_for(100_ms);
  pair.b_node.host_.link().set_connected(false);
  pair.world.run_for(15_s);
  pair.b_node.host_.link().set_connected(true);
  const Instant back = pair.world.now();
  const auto before = pair.b.received;
  REQUIRE(pair.world.run_until([&] { return pair.b.received > before; }, 10_s));
  CHECK(pair.world.now() - back <= 2500_ms);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 60_s));
  CHECK(pair.b.intact);
}

TEST_CASE("the last acknowledgement may be lost: the closed side still answers") {
  Pair pair(25);
  pair.connect();
  pair.a.send(10, true);
  pair.b.send(10, true);
  // b hears a's end and acknowledges; whatever a sends as its last word is lost.
  REQUIRE(pair.world.run_until([&] { return pair.a.closed.has_value(); }, 2_s));
  pair.world.run_for(30_s);
  CHECK(pair.b.closed == CloseReason::kFinished);

  Pair other(26);
  other.connect();
  other.a.send(10, true);
  REQUIRE(other.world.run_until([&] { return other.b.ended; }, 2_s));
  other.b.send(10, true);
  // a closes when b's end arrives; its acknowledgement to b is cut off for three seconds.
  REQUIRE(other.world.run_until([&] { return other.a.closed.has_value(); }, 2_s));
  other.b_node.host_.link().set_connected(false);
  other.a.stream.reset();
  other.world.run_for(3_s);
  CHECK(!other.b.closed);
  other.b_node.host_.link().set_connected(true);
  REQUIRE(other.world.run_until([&] { return other.b.closed.has_value(); }, 10_s));
  CHECK(other.b.closed == CloseReason::kFinished);
}

TEST_CASE("messages are datagrams: unordered, empty ones included, never a stream's business") {
  Pair pair(27);
  pair.connect();
  const Bytes hello{1, 2, 3};
  pair.a.stream->send_message(hello);
  pair.a.stream->send_message({});
  pair.world.run_for(100_ms);
  CHECK(pair.b.messages == std::vector<Bytes>{hello, {}});
  CHECK(pair.b.received == 0);
  CHECK(pair.a.stream->all_acknowledged());
}

TEST_CASE("the path's size is found, and found again when it shrinks under way") {
  sim::LinkProfile link;
  link.rate = 2'000'000;
  Pair pair(28, link);
  pair.connect();
  pair.a.send(6 * kMegabyte, true);
  pair.world.run_for(1_s);
  CHECK(pair.a.stream->stats().mtu == 1500);
  link.mtu = 1300;
  pair.b_node.host_.link().set_profile(link);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 30_s));
  CHECK(pair.b.received == 6 * kMegabyte);
  CHECK(pair.b.intact);
  CHECK(pair.a.stream->stats().mtu == 1200);
}

TEST_CASE("a search on a smaller path ends just below its limit") {
  sim::LinkProfile link;
  link.mtu = 1420;  // a common tunnel
  Pair pair(29, link);
  pair.connect();
  pair.a.send(8 * kMegabyte, true);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 60_s));
  CHECK(pair.a.stream->stats().mtu <= 1420);
  CHECK(pair.a.stream->stats().mtu > 1420 - 32);
  CHECK(pair.b.intact);
}

TEST_CASE("change of remote: old packets keep their address, the change ends when they are acked") {
  Pair pair(30);
  pair.connect();
  auto second = pair.b_node.open();
  const net::Address second_address{pair.b_node.host_.address(), second->local_address().port};
  pair.a.send(200'000, false);
  pair.world.run_for(3_ms);
  pair.a.stream->change_remote(*pair.a_node.socket_, pair.b.stream->id(), second_address);
  CHECK(pair.a.stream->remote() == second_address);
  CHECK(pair.a.remote_changes == 0);
  pair.a.send(300'000, true);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 5_s));
  pair.world.run_for(100_ms);
  CHECK(pair.a.remote_changes == 1);
  CHECK(pair.b.paths_seen > 0);
  CHECK(pair.b.last_socket == second.get());
  CHECK(pair.b.received == 300'000);
  CHECK(pair.b.intact);
  pair.b_node.mux_.forget_socket(*second);
}

TEST_CASE("while a stream moves, its peer is heard on both paths and nobody else anywhere") {
  Relayed net(35);
  net.a.accept = net.b.accept = false;
  net.b.send(10'000, false);
  net.world.run_for(100_ms);
  net.move_a();
  // The peer has not moved yet.
  net.b.send(20'000, false);
  net.world.run_for(100_ms);
  CHECK(net.a.received == 20'000);
  net.move_b();
  net.b.send(30'000, false);
  REQUIRE(net.world.run_until([&] { return net.a.received == 30'000; }, 5_s));
  CHECK(net.a.paths_proven == 1);
  CHECK(net.a.stream->stats().packets_refused == 0);
  // From here on the relay is a stranger.
  net.b.stream->change_remote(*net.b_node.socket_, net.leg_b.leg->id(), net.r_node.address());
  net.b.send(40'000, false);
  net.world.run_for(300_ms);
  CHECK(net.a.received == 30'000);
  CHECK(net.a.stream->stats().packets_refused > 0);
}

TEST_CASE(
    "a stream that moved off a relay gets everything across, even if the relay ends at once") {
  Relayed net(33);
  net.a.send(2 * kMegabyte, true);
  net.b.send(2 * kMegabyte, true);
  net.world.run_for(60_ms);
  net.leg_a.leg.reset();
  net.leg_b.leg.reset();
  net.move_a();
  net.move_b();
  REQUIRE(net.world.run_until([&] { return net.a.ended && net.b.ended; }, 20_s));
  CHECK(net.a.received == 2 * kMegabyte);
  CHECK(net.b.received == 2 * kMegabyte);
  CHECK(net.a.intact);
  CHECK(net.b.intact);
}

TEST_CASE("the new path is proven by what comes along it, once nothing older is missing") {
  Relayed net(34);
  net.world.run_for(50_ms);
  SECTION("data that is in order") {
    net.move_a();
    net.b.send(10'000, false);
    net.world.run_for(500_ms);
    CHECK(net.a.paths_proven == 0);  // it came through the relay
    net.move_b();
    net.b.send(20'000, false);
    net.world.run_for(500_ms);
    CHECK(net.a.paths_proven == 1);
  }
  SECTION("data that has a gap before it says nothing yet") {
    // What the peer sends last through the relay is lost on the way.
    net.move_a();
    net.leg_b.leg.reset();
    net.leg_a.leg.reset();
    net.b.send(1000, false);
    net.world.run_for(5_ms);
    net.move_b();
    net.b.send(2000, false);
    net.world.run_for(100_ms);
    CHECK(net.a.received == 0);
    CHECK(net.a.paths_proven == 0);
    net.world.run_for(10_s);
    CHECK(net.a.received == 2000);
    CHECK(net.a.paths_proven == 1);
  }
  SECTION("an empty message, which peers send for this") {
    net.move_a();
    net.move_b();
    net.b.stream->send_message(as_bytes("content"));
    net.world.run_for(100_ms);
    CHECK(net.a.paths_proven == 0);
    net.b.stream->send_message({});
    net.world.run_for(100_ms);
    CHECK(net.a.paths_proven == 1);
    net.b.stream->send_message({});
    net.world.run_for(100_ms);
    CHECK(net.a.paths_proven == 1);
  }
}

TEST_CASE("the last acknowledgement leaves before its stream is forgotten") {
  Pair pair(60);
  pair.connect();
  for (Recorder* side : {&pair.a, &pair.b}) side->stream->set_ack_policy(AckPolicy::kBatched);
  pair.a.send(10, true);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 1_s));
  pair.b.send(10, true);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed.has_value(); }, 1_s));
  // Its program ends here.
  pair.world.run_for(1_ms);
  pair.a_node.host_.link().set_connected(false);
  REQUIRE(pair.world.run_until([&] { return pair.b.closed.has_value(); }, 1_s));
  CHECK(pair.b.closed == CloseReason::kFinished);
  CHECK(pair.b.stream->stats().packets_repeated == 0);
}

TEST_CASE("who leaves stays for as long as a peer needs to ask again") {
  Pair pair(61);
  pair.connect();
  CHECK(pair.a_node.mux_.owed_for() == Duration());
  pair.b.send(5, false);
  pair.world.run_for(1_s);
  pair.a.send(10, true);
  REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 1_s));
  pair.b.send(10, true);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed.has_value(); }, 1_s));
  const Duration owed = pair.a_node.mux_.owed_for();
  pair.b_node.host_.link().set_connected(false);  // the acknowledgement is lost
  pair.world.run_for(5_ms);
  pair.b_node.host_.link().set_connected(true);
  pair.world.run_for(owed);
  CHECK(pair.a_node.mux_.owed_for() == Duration());
  CHECK(pair.b.closed == CloseReason::kFinished);
}

TEST_CASE("a peer that is gone has missed something unless all but the end is acknowledged") {
  struct Case {
    std::uint64_t unacknowledged;
    std::size_t trailer;
    CloseReason wanted;
  };
  const Case c = GENERATE(Case{0, 0, CloseReason::kFinished}, Case{10, 10, CloseReason::kFinished},
                          Case{10, 9, CloseReason::kTimedOut}, Case{10, 0, CloseReason::kTimedOut});
  const bool peer_ended = GENERATE(true, false);
  CAPTURE(c.unacknowledged, c.trailer, peer_ended);
  Pair pair(62);
  pair.connect();
  pair.a.send(1000, false);
  pair.b.send(10, peer_ended);
  pair.world.run_for(1_s);
  pair.b_node.host_.link().set_connected(false);
  pair.a.send(1000 + c.unacknowledged, false);
  pair.a.stream->end(c.trailer);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed.has_value(); }, 60_s));
  CHECK(pair.a.closed == (peer_ended ? c.wanted : CloseReason::kTimedOut));
}

TEST_CASE("a reset carries its reason, and is told again to who has missed it") {
  const bool lost = GENERATE(false, true);
  CAPTURE(lost);
  Pair pair(63);
  pair.connect();
  pair.a.send(10, false);
  pair.world.run_for(1_s);
  pair.b_node.host_.link().set_connected(!lost);
  pair.a.stream->destroy(Bytes{1, 2, 3});
  pair.world.run_for(1_s);
  CHECK(pair.b.closed.has_value() == !lost);
  pair.b_node.host_.link().set_connected(true);
  pair.b.send(100'000, false);
  REQUIRE(pair.world.run_until([&] { return pair.b.closed.has_value(); }, 1_s));
  CHECK(pair.b.closed == CloseReason::kReset);
  REQUIRE(pair.b.messages.size() == 1);
  CHECK(pair.b.messages[0] == Bytes{1, 2, 3});
}

TEST_CASE("a peer that goes on sending after a reset is not answered packet by packet") {
  Pair pair(64);
  pair.connect();
  pair.b.send(4 * kMegabyte, false);
  pair.world.run_for(12_ms);
  const auto before = pair.a_node.host_.sent();
  pair.a.stream->destroy();
  pair.b.stream->probe();
  REQUIRE(pair.world.run_until([&] { return pair.b.closed.has_value(); }, 1_s));
  CHECK(pair.b.closed == CloseReason::kReset);
  CHECK(pair.a_node.host_.sent() - before <= 2);
}

TEST_CASE("the last bytes can be refused by who hears of them, and are not acknowledged then") {
  struct Refusing final : Recorder {
    void on_end() override { stream->destroy(Bytes{7}); }
  };
  Pair pair(65);
  Refusing refusing;
  refusing.stream = pair.b_node.mux_.create_stream(refusing);
  pair.a.stream->connect(*pair.a_node.socket_, refusing.stream->id(), pair.b_node.address());
  refusing.stream->connect(*pair.b_node.socket_, pair.a.stream->id(), pair.a_node.address());
  refusing.stream->set_ack_policy(AckPolicy::kBatched);
  refusing.stream->end();
  REQUIRE(pair.world.run_until([&] { return pair.a.ended; }, 1_s));
  pair.a.send(1000, true);
  REQUIRE(pair.world.run_until([&] { return pair.a.closed.has_value(); }, 1_s));
  CHECK(pair.a.closed == CloseReason::kReset);
  CHECK(pair.a.messages == std::vector<Bytes>{Bytes{7}});
}

TEST_CASE(
    "to who is unproven goes no more than the allowance, repeats and all, until the limit is "
    "lifted") {
  Pair pair(40);
  pair.b_node.host_.link().set_connected(false);
  pair.a.stream->limit_unproven(500);
  pair.a.stream->connect(*pair.a_node.socket_, pair.b.stream->id(), pair.b_node.address());
  const std::uint64_t before = pair.a_node.host_.sent();
  pair.a.send(kMegabyte, true);
  pair.a.stream->send_message(Bytes(300));
  pair.a.stream->probe();
  SECTION("nothing comes back: it ends as any stream does") {
    REQUIRE(pair.world.run_until([&] { return pair.a.closed.has_value(); }, 60_s));
    CHECK(pair.a.closed == CloseReason::kTimedOut);
    CHECK(pair.a_node.host_.sent() - before <= 500 / kOverhead);
    CHECK(pair.a_node.host_.sent() > before);
  }
  SECTION("the peer shows itself") {
    pair.world.run_for(2_s);
    pair.b_node.host_.link().set_connected(true);
    pair.b.stream->connect(*pair.b_node.socket_, pair.a.stream->id(), pair.a_node.address());
    pair.b.send(10, false);
    REQUIRE(pair.world.run_until([&] { return pair.a.received == 10; }, 10_s));
    CHECK(pair.b.received < 3000);
    pair.a.stream->lift_limit();
    REQUIRE(pair.world.run_until([&] { return pair.b.ended; }, 20_s));
    CHECK(pair.b.received == kMegabyte);
    CHECK(pair.b.intact);
  }
}

TEST_CASE("an unproven stream hears others only if it goes to them") {
  Pair pair(41);
  const bool follow = GENERATE(false, true);
  const net::Address nobody{net::Ipv4::of(52, 0, 0, 9), 9};
  pair.a.stream->limit_unproven(500);
  pair.a.stream->connect(*pair.a_node.socket_, pair.b.stream->id(), nobody);
  pair.a.send(100, false);
  pair.world.run_for(100_ms);
  if (follow) {
    pair.a.stream->redirect(*pair.a_node.socket_, pair.b_node.address());
    pair.a.stream->limit_unproven(0);
  }
  pair.b.stream->connect(*pair.b_node.socket_, pair.a.stream->id(), pair.a_node.address());
  pair.b.send(100, false);
  pair.world.run_for(5_s);
  CHECK(pair.a.received == (follow ? 100 : 0));
  CHECK(pair.b.received == (follow ? 100 : 0));
}
