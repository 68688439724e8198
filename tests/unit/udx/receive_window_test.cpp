// SPDX-License-Identifier: Apache-2.0
// A receive window that grows with what a path carries: when it does, when it does not, and what it may cost.
#include "udx/receive_window.hpp"

#include "pair.hpp"
#include "unit/sanitizer.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::size_t kWindowMiB = 1024 * 1024;
constexpr std::size_t kWholeWindow = 4 * kWindowMiB;
constexpr Duration kWindowTrip = 100_ms;

/// A window, a sender that uses of it what the test says, and a reader.
struct WindowRun {
  explicit WindowRun(std::size_t limit = Budget::kDefaultLimit) : budget(limit) {
    window.let_grow();
    promised = window.promise();
  }
  /// One round trip brings `bytes`, of which all but `unread` are read.
  void round(std::size_t bytes, std::size_t unread = 0, Duration round_trip = kWindowTrip) {
    const std::size_t steps = 50;
    for (std::size_t i = 0; i < steps; ++i) {
      now = now + round_trip / steps;
      window.on_taken(bytes / steps);
      window.adapt(now, round_trip);
    }
    window.on_delivered(bytes);
    held += bytes;
    window.on_consumed(held - unread);
    held = unread;
    promised = window.promise();
  }
  /// The same by a sender that the window limits.
  void full_round() { round(promised); }

  Budget budget;
  BufferPool packets{net::kMaxDatagram, 0};
  ReceiveQueue early{packets, {}};
  ReceiveWindow window{budget, early, kWholeWindow, kWholeWindow};
  Instant now = Instant() + 100_s;
  std::size_t held = 0;
  std::size_t promised = 0;
};

/// A long path, and a reader of a stream whose window may grow.
sim::LinkProfile long_path() {
  return {.delay = 100_ms, .rate = flood(31'250'000), .queue = 16 * kWindowMiB};
}

}  // namespace

TEST_CASE("a window that a round trip uses up grows, up to a bound and to what the memory allows") {
  WindowRun run;
  CHECK(run.promised == kWholeWindow);
  run.full_round();
  run.full_round();
  run.full_round();
  CHECK(run.window.whole() >= 4 * kWholeWindow);
  for (int i = 0; i < 20; ++i) run.full_round();
  CHECK(run.window.whole() == 64 * kWindowMiB);
  CHECK(run.promised <= Budget::kDefaultLimit / 4);

  WindowRun small(16 * kWindowMiB);
  for (int i = 0; i < 20; ++i) small.full_round();
  // Not even the ordinary one.
  CHECK(small.promised <= kWholeWindow);
}

TEST_CASE("a window that is not used up, or not read, does not grow") {
  WindowRun path_limited;
  for (int i = 0; i < 50; ++i) path_limited.round(kWholeWindow * 3 / 4);
  CHECK(path_limited.window.whole() == kWholeWindow);

  WindowRun reader_limited;
  for (int i = 0; i < 50; ++i) {
    reader_limited.round(reader_limited.promised, kWholeWindow / 2);
  }
  CHECK(reader_limited.window.whole() == kWholeWindow);

  // As fast as this machine is, next door.
  WindowRun next_door;
  for (int i = 0; i < 500; ++i) next_door.round(60 * 1024, 0, 100_us);
  CHECK(next_door.window.whole() == kWholeWindow);
}

TEST_CASE("a window that is needed no more goes back to the whole") {
  WindowRun run;
  for (int i = 0; i < 10; ++i) run.full_round();
  REQUIRE(run.window.whole() > 8 * kWholeWindow);
  for (int i = 0; i < 100; ++i) run.round(kWindowMiB / 2);
  CHECK(run.window.whole() == kWholeWindow);
}

TEST_CASE("a peer that answers late makes no window grow with little") {
  WindowRun run;
  // It makes us think that a round trip takes a minute, in which a window's worth trickles in.
  for (int i = 0; i < 20; ++i) run.round(run.promised, 0, 60_s);
  CHECK(run.window.whole() == kWholeWindow);
}

TEST_CASE("windows that have grown take from each other, and leave others theirs") {
  Budget budget(Budget::kDefaultLimit);
  std::vector<std::unique_ptr<Budget::Account>> stalled;
  for (int i = 0; i < 100; ++i) {
    if (budget.large_share() <= kWholeWindow || budget.large_share() == budget.share()) break;
    stalled.push_back(std::make_unique<Budget::Account>(budget));
    stalled.back()->set(budget.large_share());
  }
  CHECK(stalled.size() >= 2);
  CHECK(budget.held() <= Budget::kDefaultLimit / 2);
  // Who comes new, and every one of a dozen, may have a whole window.
  for (int i = 0; i < 12; ++i) {
    CHECK(budget.share() >= kWholeWindow * 9 / 10);
    stalled.push_back(std::make_unique<Budget::Account>(budget));
    stalled.back()->set(std::min(kWholeWindow, budget.share()));
  }
}

TEST_CASE(
    "a long fast path is filled where the window may grow, and has 4 MiB a round trip where not") {
  const bool grows = GENERATE(true, false);
  CAPTURE(grows);
  const sim::LinkProfile link = long_path();
  Pair pair(6, link, {.first_window = 256 * 1024, .acks = AckPolicy::kBatched});
  if (grows) pair.b.stream->let_window_grow();
  pair.a.stream->set_rtt_hint(400_ms);
  pair.b.stream->set_rtt_hint(400_ms);
  pair.connect();
  pair.a.send(1'000'000'000, false);
  pair.world.run_for(9_s);
  const std::uint64_t before = pair.b.received;
  pair.world.run_for(6_s);
  const double rate = static_cast<double>(pair.b.received - before) / 6;
  if (grows) {
    CHECK(rate > 0.85 * static_cast<double>(link.rate));
  } else {
    CHECK(rate <= 1.02 * static_cast<double>(kWholeWindow) / 0.4);
  }
  CHECK(pair.b.intact);
}

TEST_CASE("a reader that is slower than a long path does not make its window grow") {
  Pair pair(7, long_path(), {.first_window = 256 * 1024, .acks = AckPolicy::kBatched});
  pair.b.stream->let_window_grow();
  pair.b.stream->set_rtt_hint(400_ms);
  pair.connect();
  pair.b.consume_at_once = false;
  pair.a.send(1'000'000'000, false);
  std::uint64_t read = 0;
  for (int i = 0; i < 200; ++i) {
    pair.world.run_for(100_ms);
    const std::uint64_t part = std::min<std::uint64_t>(pair.b.received - read, 200'000);
    pair.b.stream->consume(static_cast<std::size_t>(part));
    read += part;
    CHECK(pair.b.received - read <= kWholeWindow + 64 * 1024);
  }
  CHECK(pair.b_node.mux_.budget().most_held() <= 2 * kWholeWindow);
}

TEST_CASE("a short path at full speed holds no more where the window may grow") {
  const auto most_held = [](bool grows) {
    Pair pair(8, {.delay = 50_us, .rate = flood(250'000'000)},
              {.first_window = 256 * 1024, .acks = AckPolicy::kBatched});
    if (grows) pair.b.stream->let_window_grow();
    pair.connect();
    pair.b.consume_at_once = false;
    pair.a.send(1'000'000'000, false);
    std::uint64_t read = 0;
    // A reader that is woken every few milliseconds, and takes all that there is.
    for (int i = 0; i < 100; ++i) {
      pair.world.run_for(3_ms);
      pair.b.stream->consume(static_cast<std::size_t>(pair.b.received - read));
      read = pair.b.received;
    }
    return pair.b_node.mux_.budget().most_held();
  };
  CHECK(most_held(true) == most_held(false));
}

TEST_CASE("who has asked for a small window has it, whatever the peer is") {
  Pair pair(9, long_path(), {.receive_window = 256 * 1024});
  pair.b.stream->let_window_grow();
  pair.b.stream->set_rtt_hint(400_ms);
  pair.connect();
  pair.a.send(1'000'000'000, false);
  pair.world.run_for(10_s);
  CHECK(pair.b_node.mux_.budget().most_held() <= 2 * 256 * 1024);
  CHECK(pair.b.received <= 256 * 1024 * 11 * 5 / 2);
}

TEST_CASE("a sender that its own memory holds up has seen the end of the path all the same") {
  // It had nothing to send whenever its buffer was full, and went on doubling its rate for ever.
  sim::World world(10);
  const sim::LinkProfile link{.delay = 50_ms, .rate = 12'500'000, .queue = 16 * kWindowMiB};
  Node a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1), link), 24 * kWindowMiB);
  Node b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2)));
  Recorder a;
  Recorder b;
  a.stream = a_node.mux_.create_stream(a);
  b.stream = b_node.mux_.create_stream(b);
  a.stream->connect(*a_node.socket_, b.stream->id(), b_node.address());
  b.stream->connect(*b_node.socket_, a.stream->id(), a_node.address());
  a.send(1'000'000'000, false);
  world.run_for(10_s);
  CHECK(a.stream->stats().pacing_rate < 1.3 * 12'500'000);
}
