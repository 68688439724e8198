// SPDX-License-Identifier: Apache-2.0
#include "overlay/codel.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <deque>
#include <vector>

#include "sim/random.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

constexpr QueueLimits kRoomy{100000, std::size_t{1} << 30, 1_h};
constexpr std::size_t kSmallBuffer = 2048;

Instant when(Duration time) {
  return Instant() + 1_h + time;
}

/// A packet that says which it is.
Bytes numbered(std::uint32_t number, std::size_t size = 100) {
  Bytes out(size);
  store_le32(out.data(), number);
  return out;
}

struct TestedQueue {
  explicit TestedQueue(const QueueLimits& limits = kRoomy,
                       std::size_t pool_bytes = std::size_t{1} << 30)
      : pool(pool_bytes), queue(pool, limits) {}

  /// Sends all that go next; their numbers.
  std::vector<std::uint32_t> take(Instant now, std::size_t max = CodelQueue::kMaxBatch) {
    std::vector<std::uint32_t> out;
    for (const MutableBytes& view : queue.front(now)) {
      if (out.size() < max) out.push_back(load_le32(view.data()));
    }
    queue.pop(out.size());
    return out;
  }

  PacketPool pool;
  CodelQueue queue;
};

/// RFC 8289, section 5, word for word but for the types.
class Rfc8289 {
 public:
  void enqueue(std::uint32_t number, std::size_t size, std::int64_t now) {
    queue_.push_back({number, size, now});
    bytes_ += size;
    maxpacket_ = std::max(maxpacket_, size);
  }
  std::optional<std::uint32_t> deque(std::int64_t now) {
    Result r = dodequeue(now);
    if (dropping_) {
      if (!r.ok_to_drop) dropping_ = false;
      while (now >= drop_next_ && dropping_) {
        dropped.push_back(r.p->number);
        ++count_;
        r = dodequeue(now);
        if (!r.ok_to_drop) {
          dropping_ = false;
        } else {
          drop_next_ = control_law(drop_next_, count_);
        }
      }
    } else if (r.ok_to_drop) {
      dropped.push_back(r.p->number);
      r = dodequeue(now);
      dropping_ = true;
      const std::uint32_t delta = count_ - lastcount_;
      count_ = 1;
      if (delta > 1 && now - drop_next_ < 16 * kIntervalMicros) count_ = delta;
      drop_next_ = control_law(now, count_);
      lastcount_ = count_;
    }
    return r.p ? std::optional(r.p->number) : std::nullopt;
  }
  std::vector<std::uint32_t> dropped;

 private:
  static constexpr std::int64_t kTargetMicros = 5000;
  static constexpr std::int64_t kIntervalMicros = 100000;
  struct Packet {
    std::uint32_t number;
    std::size_t size;
    std::int64_t tstamp;
  };
  struct Result {
    std::optional<Packet> p;
    bool ok_to_drop = false;
  };
  Result dodequeue(std::int64_t now) {
    Result r;
    if (queue_.empty()) {
      first_above_time_ = 0;
      return r;
    }
    r.p = queue_.front();
    queue_.pop_front();
    bytes_ -= r.p->size;
    const std::int64_t sojourn_time = now - r.p->tstamp;
    if (sojourn_time < kTargetMicros || bytes_ <= maxpacket_) {
      first_above_time_ = 0;
    } else if (first_above_time_ == 0) {
      first_above_time_ = now + kIntervalMicros;
    } else if (now >= first_above_time_) {
      r.ok_to_drop = true;
    }
    return r;
  }
  static std::int64_t control_law(std::int64_t t, std::uint32_t count) {
    return t + static_cast<std::int64_t>(static_cast<double>(kIntervalMicros) / std::sqrt(count));
  }

  std::deque<Packet> queue_;
  std::size_t bytes_ = 0;
  std::size_t maxpacket_ = 0;
  std::int64_t first_above_time_ = 0;
  bool dropping_ = false;
  std::uint32_t count_ = 0;
  std::uint32_t lastcount_ = 0;
  std::int64_t drop_next_ = 0;
};

}  // namespace

TEST_CASE("packets come out as they went in, with room around each") {
  TestedQueue q;
  const Bytes sizes[] = {ip_test::pattern(1), ip_test::pattern(1952), ip_test::pattern(1953),
                         ip_test::pattern(65535)};
  for (const Bytes& one : sizes) q.queue.push(one, when(0_s));
  const auto views = q.queue.front(when(0_s));
  REQUIRE(views.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(equal(views[i], sizes[i]));
    // Written to the brim, which nothing of the neighbours has.
    std::fill_n(views[i].data() - net::kTunnelHeadroom,
                net::kTunnelHeadroom + views[i].size() + net::kTunnelTailroom, std::uint8_t{0xee});
  }
  q.queue.pop(4);
  CHECK(q.queue.empty());
  CHECK(q.pool.used() == 0);
}

TEST_CASE("what was not sent comes again, untouched and first") {
  TestedQueue q;
  for (std::uint32_t i = 0; i < 100; ++i) q.queue.push(numbered(i), when(0_s));
  CHECK(q.queue.front(when(0_s)).size() == CodelQueue::kMaxBatch);
  CHECK(q.take(when(0_s), 3) == std::vector<std::uint32_t>{0, 1, 2});
  CHECK(q.take(when(0_s), 0).empty());
  CHECK(q.take(when(0_s), 2) == std::vector<std::uint32_t>{3, 4});
  CHECK(q.queue.size() == 95);
  CHECK(q.take(when(0_s)).front() == 5);
}

TEST_CASE("beyond its limits the oldest packets are dropped for new ones") {
  TestedQueue packets({3, std::size_t{1} << 20, 1_h});
  for (std::uint32_t i = 0; i < 5; ++i) packets.queue.push(numbered(i), when(0_s));
  CHECK(packets.queue.drops().full == 2);
  CHECK(packets.take(when(0_s)) == std::vector<std::uint32_t>{2, 3, 4});

  // Bytes are those of memory: a large buffer is worth more than thirty small ones.
  TestedQueue bytes({100, 40 * kSmallBuffer, 1_h});
  for (std::uint32_t i = 0; i < 41; ++i) bytes.queue.push(numbered(i), when(0_s));
  CHECK(bytes.queue.drops().full == 1);
  bytes.queue.push(numbered(41, 3000), when(0_s));
  CHECK(bytes.queue.size() == 8);
  CHECK(bytes.take(when(0_s)).back() == 41);

  // Also those that have been looked at.
  TestedQueue looked({2, std::size_t{1} << 20, 1_h});
  looked.queue.push(numbered(1), when(0_s));
  CHECK(looked.queue.front(when(0_s)).size() == 1);
  looked.queue.push(numbered(2), when(0_s));
  looked.queue.push(numbered(3), when(0_s));
  CHECK(looked.take(when(0_s)) == std::vector<std::uint32_t>{2, 3});
}

TEST_CASE("a packet that no limit has room for is dropped itself") {
  TestedQueue q({10, kSmallBuffer, 1_h});
  q.queue.push(numbered(1, 3000), when(0_s));
  CHECK(q.queue.empty());
  q.queue.push(numbered(2), when(0_s));
  q.queue.push(numbered(3, 3000), when(0_s));
  CHECK(q.queue.drops().full == 2);
  CHECK(q.take(when(0_s)) == std::vector<std::uint32_t>{2});
  q.queue.set_limits({0, kSmallBuffer, 1_h});
  q.queue.push(numbered(4), when(0_s));
  CHECK(q.queue.drops().full == 3);
  CHECK(q.pool.used() == 0);
}

TEST_CASE("all queues together take what their pool has, each gives way to itself") {
  TestedQueue q({100, std::size_t{1} << 20, 1_h}, 3 * kSmallBuffer);
  CodelQueue other(q.pool, kRoomy);
  other.push(numbered(1), when(0_s));
  other.push(numbered(2), when(0_s));
  for (std::uint32_t i = 0; i < 3; ++i) q.queue.push(numbered(i), when(0_s));
  CHECK(q.pool.used() == 3 * kSmallBuffer);
  CHECK(other.size() == 2);
  CHECK(q.queue.drops().full == 2);
  CHECK(q.take(when(0_s)) == std::vector<std::uint32_t>{2});
  other.push(numbered(3), when(0_s));
  CHECK(other.size() == 3);
  q.queue.push(numbered(4), when(0_s));
  CHECK(q.queue.empty());
  CHECK(q.queue.drops().full == 3);
}

TEST_CASE("limits that become narrower drop the oldest at once") {
  TestedQueue q;
  for (std::uint32_t i = 0; i < 10; ++i) q.queue.push(numbered(i), when(0_s));
  q.queue.set_limits({4, std::size_t{1} << 20, 1_h});
  CHECK(q.queue.drops().full == 6);
  CHECK(q.take(when(0_s)) == std::vector<std::uint32_t>{6, 7, 8, 9});
}

TEST_CASE("what has waited too long is not sent") {
  TestedQueue q({100, std::size_t{1} << 20, 5_s});
  q.queue.push(numbered(1), when(0_s));
  q.queue.push(numbered(2), when(1_s));
  CHECK(q.queue.front(when(5_s)).size() == 2);
  CHECK(q.take(when(5_s + 1_us)) == std::vector<std::uint32_t>{2});
  CHECK(q.queue.drops().old == 1);
  q.queue.push(numbered(3), when(10_s));
  q.queue.push(numbered(4), when(16_s));  // makes room at once, nobody has to ask
  CHECK(q.queue.size() == 1);
  CHECK(q.queue.drops().old == 2);
  q.queue.clear();
  CHECK(q.pool.used() == 0);
}

TEST_CASE("what waited for a dial leaves at once, however long that took") {
  TestedQueue q(kDialledQueue);
  for (std::uint32_t i = 0; i < 128; ++i) q.queue.push(numbered(i), when(0_s));
  q.queue.set_limits(kOpenQueue);
  CHECK(q.take(when(4_s)).size() == 64);
  CHECK(q.take(when(4_s)).size() == 64);
  CHECK(q.queue.drops().codel == 0);
}

TEST_CASE("a queue that stays long drops at the times of RFC 8289, ever faster") {
  TestedQueue q;
  // Whatever leaves has waited for 50 ms, and there is always more.
  std::vector<std::int64_t> drops;
  std::uint32_t number = 0;
  std::uint64_t before = 0;
  for (std::int64_t milli = 0; milli < 1000; ++milli) {
    const Instant now = when(Duration::millis(milli));
    while (q.queue.size() < 200) q.queue.push(numbered(number++), now - 50_ms);
    q.take(now, 64);
    if (q.queue.drops().codel != before) drops.push_back(milli);
    REQUIRE(q.queue.drops().codel <= before + 1);
    before = q.queue.drops().codel;
  }
  // First after one interval, then one over the root of their number later.
  std::vector<std::int64_t> expected = {100};
  Duration next = 100_ms;
  for (int count = 1; next < 1_s; ++count) {
    next += Duration::micros(static_cast<std::int64_t>(100000 / std::sqrt(count)));
    if (next < 1_s) expected.push_back((next.to_micros() + 999) / 1000);
  }
  CHECK(drops.size() >= 20);
  CHECK(drops == expected);
}

TEST_CASE("a queue that is short once in an interval drops nothing") {
  TestedQueue q;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const Instant now = when(Duration::millis(i));
    // 90 ms of a burst that nothing leaves of, then all of it within 5 ms.
    if (i % 100 < 90) q.queue.push(numbered(i), now);
    if (i % 100 > 95) {
      while (!q.take(now).empty()) {
      }
    }
  }
  CHECK(q.queue.drops().codel == 0);
}

TEST_CASE("the queue does what the words of RFC 8289 do") {
  sim::SeededRandom random(5);
  std::uint64_t dropped = 0;
  for (int round = 0; round < 30; ++round) {
    TestedQueue q;
    Rfc8289 model;
    std::deque<std::uint32_t> ready;
    std::vector<std::uint32_t> sent;
    std::vector<std::uint32_t> expected;
    std::uint32_t number = 0;
    Instant now = when(0_s);
    for (int step = 0; step < 3000; ++step) {
      now = now + Duration::micros(random.below(4000));
      // Now faster than it leaves, now slower.
      const std::uint32_t load = step / 500 % 2 == 0 ? 30 : 5;
      for (std::uint32_t i = random.below(load); i > 0; --i) {
        const std::size_t size = 4 + random.below(2500);
        q.queue.push(numbered(number, size), now);
        model.enqueue(number++, size, now.to_micros());
      }
      const std::size_t max = random.below(20);
      for (const std::uint32_t one : q.take(now, max)) sent.push_back(one);
      while (ready.size() < CodelQueue::kMaxBatch) {
        const auto next = model.deque(now.to_micros());
        if (!next) break;
        ready.push_back(*next);
      }
      for (std::size_t i = 0; i < max && !ready.empty(); ++i) {
        expected.push_back(ready.front());
        ready.pop_front();
      }
    }
    REQUIRE(sent == expected);
    REQUIRE(q.queue.drops().codel == model.dropped.size());
    dropped += model.dropped.size();
  }
  CHECK(dropped > 1000);
}
