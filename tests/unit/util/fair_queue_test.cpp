// SPDX-License-Identifier: Apache-2.0
#include "util/fair_queue.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <vector>

#include "sim/random.hpp"

using namespace hsfwd;

namespace {

constexpr Instant kStart = Instant() + 1_h;

/// So many packets of one size, numbered from `first`.
struct Train {
  bool done() const { return count == 0; }
  std::size_t packets() const { return count; }
  std::size_t bytes() const { return count * size; }
  std::size_t next_bytes() const { return size; }
  std::size_t memory() const { return 1000; }
  void skip() {
    ++first;
    --count;
  }

  std::uint64_t flow = 0;
  std::uint64_t first = 0;
  std::size_t count = 0;
  std::size_t size = 0;
};

using Queue = FairQueue<Train>;

constexpr Queue::Limits kRoomy{.items = 100'000, .memory = std::size_t{1} << 30};

/// A train of `flow` that goes on from the one before.
struct Sender {
  Train next(std::size_t count, std::size_t size) {
    const Train train{flow, number, count, size};
    number += count;
    return train;
  }
  std::uint64_t flow = 0;
  std::uint64_t number = 0;
};

/// The next train, whole.
std::optional<Train> take(Queue& queue, Instant now = kStart) {
  Train* const next = queue.front(now);
  if (next == nullptr) return std::nullopt;
  const Train out = *next;
  next->count = 0;
  queue.sent(out.packets(), out.bytes());
  return out;
}

}  // namespace

TEST_CASE("what a flow has sent leaves in its order") {
  Queue queue(kRoomy);
  Sender sender{7};
  for (int i = 0; i < 100; ++i) queue.push(sender.next(3, 1400), sender.flow, kStart);
  std::uint64_t expected = 0;
  while (const auto train = take(queue)) {
    CHECK(train->first == expected);
    expected += train->count;
  }
  CHECK(expected == 300);
  CHECK(queue.empty());
  CHECK(queue.memory() == 0);
}

TEST_CASE("a train may leave packet by packet, and comes again until none is left") {
  Queue queue(kRoomy);
  Sender sender{1};
  queue.push(sender.next(3, 100), sender.flow, kStart);
  for (std::uint64_t i = 0; i < 3; ++i) {
    Train* const next = queue.front(kStart);
    REQUIRE(next != nullptr);
    CHECK(next->first == i);
    next->skip();
    queue.sent(1, 100);
  }
  CHECK(queue.front(kStart) == nullptr);
  CHECK(queue.memory() == 0);
}

TEST_CASE("a train that has begun to leave goes on, ahead of flows that send as much") {
  Queue queue(kRoomy);
  Sender one{1};
  Sender other{2};
  for (int i = 0; i < 5; ++i) {
    queue.push(one.next(40, 1400), one.flow, kStart);
    queue.push(other.next(40, 1400), other.flow, kStart);
  }
  std::vector<std::uint64_t> flows;
  while (Train* const next = queue.front(kStart)) {
    if (flows.empty() || flows.back() != next->flow) flows.push_back(next->flow);
    const std::size_t some = std::min<std::size_t>(next->count, 15);
    next->first += some;
    next->count -= some;
    queue.sent(some, some * next->size);
  }
  CHECK(flows == std::vector<std::uint64_t>{1, 2, 1, 2, 1, 2, 1, 2, 1, 2});
}

TEST_CASE("a flow that sends little goes ahead of those that send much, each time") {
  Queue queue(kRoomy);
  Sender bulk{1};
  Sender other{2};
  for (int i = 0; i < 200; ++i) {
    queue.push(bulk.next(40, 1400), bulk.flow, kStart);
    queue.push(other.next(40, 1400), other.flow, kStart);
  }
  Sender small{3};
  for (int i = 0; i < 50; ++i) {
    for (int j = 0; j < 3; ++j) CHECK(take(queue)->flow != small.flow);
    queue.push(small.next(1, 100), small.flow, kStart);
    CHECK(take(queue)->flow == small.flow);
  }
}

TEST_CASE("flows that always have something get the same share, of packets and bytes together") {
  Queue queue(kRoomy);
  std::vector<Sender> senders = {{1}, {2}, {3}, {4}};
  const std::vector<Train> kinds = {{.count = 45, .size = 1400},
                                    {.count = 1, .size = 30},
                                    {.count = 1, .size = 1400},
                                    {.count = 4, .size = 9000}};
  const auto cost = [](const Train& train) {
    return train.bytes() + train.packets() * static_cast<std::size_t>(Queue::kPacketCost);
  };
  std::map<std::uint64_t, std::size_t> had;
  std::vector<std::size_t> waiting(4);
  std::size_t total = 0;
  while (total < 20'000'000) {
    for (std::size_t i = 0; i < senders.size(); ++i) {
      while (waiting[i] < 200'000) {
        const Train train = senders[i].next(kinds[i].count, kinds[i].size);
        waiting[i] += cost(train);
        queue.push(train, senders[i].flow, kStart);
      }
    }
    const auto train = take(queue);
    REQUIRE(train);
    had[train->flow] += cost(*train);
    waiting[train->flow - 1] -= cost(*train);
    total += cost(*train);
  }
  for (const auto& [flow, sent] : had) {
    CHECK(sent > 4'900'000);
    CHECK(sent < 5'100'000);
  }
}

TEST_CASE("a flow that comes back whenever it has been served does not keep the others away") {
  Queue queue(kRoomy);
  Sender bulk{1};
  for (int i = 0; i < 100; ++i) queue.push(bulk.next(1, 1400), bulk.flow, kStart);
  Sender busy{2};
  int of_bulk = 0;
  for (int i = 0; i < 100; ++i) {
    queue.push(busy.next(1, 1500), busy.flow, kStart);
    of_bulk += take(queue)->flow == bulk.flow ? 1 : 0;
  }
  CHECK(of_bulk > 40);
}

TEST_CASE("of a flow that stays late packets are dropped, and of the others none") {
  Queue queue(kRoomy);
  Sender bulk{1};
  Sender small{2};
  std::uint64_t small_sent = 0;
  std::uint64_t skipped = 0;
  std::uint64_t expected = 0;
  for (int i = 0; i < 100; ++i) queue.push(bulk.next(10, 1400), bulk.flow, kStart);
  for (int milli = 0; milli < 1000; ++milli) {
    const Instant now = kStart + Duration::millis(milli);
    queue.push(bulk.next(10, 1400), bulk.flow, now);
    if (milli % 10 == 0) queue.push(small.next(1, 100), small.flow, now);
    std::size_t bytes = 0;
    while (bytes < 14'000) {
      const auto train = take(queue, now);
      REQUIRE(train);
      bytes += train->bytes();
      if (train->flow == small.flow) {
        ++small_sent;
        continue;
      }
      skipped += train->first - expected;
      expected = train->first + train->count;
    }
  }
  CHECK(small_sent == 100);
  CHECK(queue.drops().late > 10);
  CHECK(queue.drops().late == skipped);
  CHECK(queue.drops().full == 0);
}

TEST_CASE("beyond the limits the flow that has most gives way") {
  for (const Queue::Limits limits : {Queue::Limits{.items = 100, .memory = std::size_t{1} << 30},
                                     Queue::Limits{.items = 100'000, .memory = 100'000}}) {
    Queue queue(limits);
    Sender small{2};
    for (int i = 0; i < 5; ++i) queue.push(small.next(2, 100), small.flow, kStart);
    Sender bulk{1};
    for (int i = 0; i < 1000; ++i) {
      queue.push(bulk.next(2, 1400), bulk.flow, kStart);
      CHECK(queue.memory() <= 100'000);
    }
    std::uint64_t left = 0;
    std::uint64_t of_small = 0;
    while (const auto train = take(queue)) {
      (train->flow == small.flow ? of_small : left) += train->packets();
    }
    CHECK(of_small == 10);
    CHECK(left >= 2 * 30);
    CHECK(left + queue.drops().full == 2000);
  }
}

TEST_CASE("whoever sends many small packets does not make a large one give way") {
  for (const std::size_t large : {45U, 20U}) {
    Queue queue({.items = 100, .memory = 90'000});
    Sender bulk{1};
    Sender tiny{2};
    queue.push(bulk.next(large, 1400), bulk.flow, kStart);
    for (int i = 0; i < 1000; ++i) queue.push(tiny.next(1, 30), tiny.flow, kStart);
    std::uint64_t of_bulk = 0;
    while (const auto train = take(queue)) of_bulk += train->flow == 1 ? train->packets() : 0;
    CHECK(of_bulk == large);
    CHECK(queue.drops().full >= 900);
  }
}

TEST_CASE("what nobody has asked for in an hour is not dropped for each interval of it") {
  Queue queue(kRoomy);
  Sender sender{1};
  Instant now = kStart;
  for (int i = 0; i < 2000; ++i) queue.push(sender.next(100, 100), sender.flow, now);
  while (queue.drops().late < 3) {
    now = now + 10_ms;
    REQUIRE(take(queue, now));
  }
  now = now + 1_h;
  REQUIRE(take(queue, now));
  CHECK(queue.drops().late == 3);
}

TEST_CASE("whatever comes and goes, each packet leaves once, or is counted as dropped") {
  sim::SeededRandom random(11);
  for (int round = 0; round < 20; ++round) {
    Queue queue({.items = 200, .memory = 150'000});
    std::map<std::uint64_t, Sender> senders;
    std::map<std::uint64_t, std::uint64_t> next;
    Instant now = kStart;
    std::uint64_t pushed = 0;
    std::uint64_t left = 0;
    for (int step = 0; step < 5000; ++step) {
      now = now + Duration::micros(random.below(3000));
      for (std::uint32_t i = random.below(4); i > 0; --i) {
        // Some have the same place in the table.
        const std::uint64_t flow = random.below(8) * 100;
        Sender& sender = senders.try_emplace(flow, Sender{flow}).first->second;
        const Train train = sender.next(random.below(6), 1 + random.below(1500));
        pushed += train.count;
        queue.push(train, flow, now);
      }
      for (std::uint32_t i = random.below(3); i > 0; --i) {
        Train* const train = queue.front(now);
        if (train == nullptr) break;
        REQUIRE(train->count > 0);
        REQUIRE(train->first >= next[train->flow]);
        const std::size_t some = 1 + random.below(static_cast<std::uint32_t>(train->count));
        const std::size_t bytes = some * train->size;
        train->first += some;
        train->count -= some;
        next[train->flow] = train->first;
        left += some;
        queue.sent(some, bytes);
      }
    }
    while (const auto train = take(queue, now)) left += train->packets();
    REQUIRE(left + queue.drops().full + queue.drops().late == pushed);
    REQUIRE(queue.memory() == 0);
  }
}
