// SPDX-License-Identifier: Apache-2.0
// What all streams of a process hold together, and how they share it.
#include "pair.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::size_t kMiB = 1024 * 1024;
constexpr std::size_t kLimit = 16 * kMiB;

/// Many streams between two hosts, of which the second has little memory.
struct Crowd {
  Crowd(std::uint64_t seed, std::size_t streams, std::size_t a_memory = Budget::kDefaultLimit,
        std::size_t b_memory = kLimit)
      : world(seed),
        a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1), {.rate = 5'000'000}), a_memory),
        b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2)), b_memory) {
    for (std::size_t i = 0; i < streams; ++i) add();
  }

  struct Ends {
    Recorder a;
    Recorder b;
  };

  Ends& add() {
    Ends& ends = *all.emplace_back(std::make_unique<Ends>());
    ends.a.stream = a_node.mux_.create_stream(ends.a);
    ends.b.stream = b_node.mux_.create_stream(ends.b);
    ends.a.stream->connect(*a_node.socket_, ends.b.stream->id(), b_node.address());
    ends.b.stream->connect(*b_node.socket_, ends.a.stream->id(), a_node.address());
    return ends;
  }

  void stall() {
    for (auto& ends : all) ends->b.consume_at_once = false;
  }
  void read_again() {
    for (auto& ends : all) {
      ends->b.consume_at_once = true;
      ends->b.stream->consume(ends->b.received);
    }
  }
  const Budget& budget() const { return b_node.mux_.budget(); }

  sim::World world;
  Node a_node;
  Node b_node;
  std::vector<std::unique_ptr<Ends>> all;
};

/// How long a transfer takes that is alone.
Duration time_of(Crowd& crowd, Crowd::Ends& ends, std::uint64_t bytes) {
  const Instant start = crowd.world.now();
  ends.a.send(bytes, true);
  REQUIRE(crowd.world.run_until([&] { return ends.b.ended; }, 60_s));
  CHECK(ends.b.received == bytes);
  CHECK(ends.b.intact);
  return crowd.world.now() - start;
}

}  // namespace

TEST_CASE(
    "a hundred streams whose readers stall hold no more than the budget, and all finish when they "
    "are read again") {
  Crowd crowd(1, 100);
  crowd.stall();
  for (auto& ends : crowd.all) ends->a.send(2 * kMiB, true);
  crowd.world.run_for(60_s);
  CHECK(crowd.budget().most_held() <= kLimit);
  // Windows have closed before the memory was full: nothing that was promised was turned away.
  CHECK(crowd.budget().refused() == 0);
  std::uint64_t least = 2 * kMiB;
  for (auto& ends : crowd.all) {
    least = std::min(least, ends->b.received);
    CHECK(!ends->a.closed);
  }
  // To each its share.
  CHECK(least >= 64 * 1024);

  crowd.read_again();
  REQUIRE(crowd.world.run_until(
      [&] {
        return std::all_of(crowd.all.begin(), crowd.all.end(),
                           [](const auto& ends) { return ends->b.ended; });
      },
      120_s));
  for (auto& ends : crowd.all) CHECK(ends->b.intact);
  CHECK(crowd.budget().most_held() <= kLimit);
  crowd.all.clear();
  CHECK(crowd.budget().held() == 0);
}

TEST_CASE("connections that stall take nothing from one that comes new") {
  Crowd crowd(2, 1);
  const Duration alone = time_of(crowd, *crowd.all[0], 8 * kMiB);
  crowd.all.clear();
  for (int i = 0; i < 60; ++i) crowd.add();
  crowd.stall();
  for (auto& ends : crowd.all) ends->a.send(8 * kMiB, false);
  crowd.world.run_for(30_s);
  CHECK(crowd.budget().held() > kLimit / 2);
  // What is left of the memory is less than a whole window, but enough for this path.
  CHECK(time_of(crowd, crowd.add(), 8 * kMiB).to_micros() <= alone.to_micros() * 3 / 2);
}

TEST_CASE("peers that heed no window fill the memory, and no more: what comes new has its floor") {
  constexpr std::size_t kHostile = 20;
  Crowd crowd(3, kHostile);
  crowd.stall();
  const Bytes payload(1400);
  for (auto& ends : crowd.all) {
    for (std::uint32_t seq = 0; seq < 4000; ++seq) {
      const Header header{.flags = kData,
                          .stream = ends->b.stream->id(),
                          .window = 1 << 22,
                          .seq = {seq},
                          .ack = {0}};
      Bytes packet(kHeaderSize);
      header.write(packet.data());
      append(packet, payload);
      net::InboundDatagram datagram{crowd.a_node.address(), packet};
      crowd.b_node.on_datagrams(*crowd.b_node.socket_, {&datagram, 1});
    }
  }
  CHECK(crowd.budget().held() > kLimit - kMiB);
  CHECK(crowd.budget().most_held() <= kLimit + kHostile * Budget::kFloor);
  CHECK(crowd.budget().refused() > 0);
  Crowd::Ends& fresh = crowd.add();
  time_of(crowd, fresh, kMiB);
}

TEST_CASE("writers whose peers do not read wait at the budget, and go on") {
  constexpr std::size_t kStreams = 100;
  Crowd crowd(4, kStreams, kLimit, kLimit);
  crowd.stall();
  for (auto& ends : crowd.all) ends->a.send(kMiB, false);
  crowd.world.run_for(60_s);
  const Budget& budget = crowd.a_node.mux_.budget();
  for (auto& ends : crowd.all) CHECK(!ends->a.closed);
  CHECK(budget.most_held() <= kLimit + kStreams * Budget::kFloor);
  crowd.read_again();
  REQUIRE(crowd.world.run_until(
      [&] {
        return std::all_of(crowd.all.begin(), crowd.all.end(),
                           [](const auto& ends) { return ends->b.received == kMiB; });
      },
      600_s));
  for (auto& ends : crowd.all) CHECK(ends->b.intact);
  CHECK(budget.most_held() <= kLimit + kStreams * Budget::kFloor);
}

TEST_CASE(
    "a stream that nobody reads holds its first window, and one that is read is as fast as with "
    "the whole") {
  const auto transfer = [](std::size_t first_window, bool read) {
    Pair pair(5, {.delay = 25_ms, .rate = 12'500'000}, {.first_window = first_window});
    pair.connect();
    pair.b.consume_at_once = read;
    pair.a.send(32 * kMiB, true);
    pair.world.run_until([&] { return pair.b.ended; }, 30_s);
    return std::pair(pair.b.received, pair.world.now());
  };
  const auto [stalled, later] = transfer(256 * 1024, false);
  CHECK(stalled <= 256 * 1024 + 1500);
  CHECK(stalled >= 250 * 1024);
  const auto [all, in_turn] = transfer(256 * 1024, true);
  const auto [same, at_once] = transfer(4 * kMiB, true);
  CHECK(all == 32 * kMiB);
  CHECK(same == 32 * kMiB);
  CHECK((in_turn - Instant()).to_micros() <= (at_once - Instant()).to_micros() * 102 / 100);
}
