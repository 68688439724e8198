// SPDX-License-Identifier: Apache-2.0
// What a stream keeps of either direction: SendBuffer against a string, ReceiveQueue against a set of numbers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "sim/random.hpp"
#include "udx/receive_queue.hpp"
#include "udx/send_buffer.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::size_t kSlab = 3 * SendBuffer::kMaxAtLeast;
constexpr std::size_t kSmallSlab = 100;

Bytes random_bytes(sim::SeededRandom& random, std::size_t size) {
  Bytes out(size);
  random.fill(out);
  return out;
}

/// A buffer and all bytes that were ever written to it.
struct SendTwins {
  void append(std::size_t size) {
    const Bytes bytes = random_bytes(random, size);
    buffer.append(bytes);
    hsfwd::append(all, bytes);
  }
  void reserve_and_commit(std::size_t at_least) {
    const MutableBytes room = buffer.reserve(at_least);
    REQUIRE(room.size() >= at_least);
    const Bytes bytes =
        random_bytes(random, random.below(static_cast<std::uint32_t>(at_least) + 1));
    copy_bytes(bytes, room);
    buffer.commit(bytes.size());
    hsfwd::append(all, bytes);
  }
  void release(std::uint64_t offset) {
    buffer.release(offset);
    released = std::max(released, offset);
  }
  /// A packet's worth, somewhere in what is kept.
  void compare() {
    REQUIRE(buffer.begin() == released);
    REQUIRE(buffer.end() == all.size());
    REQUIRE(buffer.buffered() == all.size() - released);
    REQUIRE(buffer.allocated() == pool.in_use() * kSlab + small.in_use() * kSmallSlab);
    const std::size_t size = std::min<std::size_t>(buffer.buffered(), random.below(1500));
    const std::uint64_t offset =
        released + random.below(static_cast<std::uint32_t>(buffer.buffered() - size) + 1);
    const auto parts = buffer.locate(offset, size);
    Bytes found = to_bytes(parts[0]);
    hsfwd::append(found, parts[1]);
    REQUIRE(found.size() == size);
    REQUIRE(
        std::equal(found.begin(), found.end(), all.begin() + static_cast<std::ptrdiff_t>(offset)));
  }

  sim::SeededRandom random{2};
  BufferPool pool{kSlab, 4};
  BufferPool small{kSmallSlab, 4};
  SendBuffer buffer{pool, small};
  Bytes all;
  std::uint64_t released = 0;
};

/// A queue and the numbers that it was given.
struct ReceiveTwins {
  static Bytes payload_of(SeqNo seq) {
    // Every seventh carries nothing.
    return seq.value % 7 == 0 ? Bytes() : Bytes(1 + seq.value % 900, std::uint8_t(seq.value));
  }
  bool in(SeqNo seq) const { return seq < first || received.contains(seq - first); }

  void arrive(SeqNo seq) {
    REQUIRE(queue.seen(seq) == in(seq));
    if (in(seq)) return;
    received.insert(seq - first);
    if (seq == queue.next()) {
      queue.advance();
    } else {
      queue.keep(seq, payload_of(seq), seq.value % 7 != 0);
    }
    while (queue.next_is_kept()) {
      const SeqNo next = queue.next();
      const ReceiveQueue::Kept kept = queue.take();
      const Bytes wanted = payload_of(next);
      REQUIRE(kept.has_data == (next.value % 7 != 0));
      REQUIRE(kept.size == wanted.size());
      REQUIRE(std::equal(wanted.begin(), wanted.end(), kept.memory.data()));
    }
  }
  void compare() const {
    SeqNo next = first;
    while (in(next)) next = next.next();
    REQUIRE(queue.next() == next);
    std::vector<SeqRange> ranges;
    std::size_t bytes = 0;
    std::size_t buffers = 0;
    for (auto it = received.upper_bound(next - first); it != received.end(); ++it) {
      const SeqNo seq = first + static_cast<std::uint32_t>(*it);
      if (ranges.empty() || !(ranges.back().end == seq)) ranges.push_back({seq, seq});
      ranges.back().end = seq.next();
      bytes += payload_of(seq).size();
      buffers += payload_of(seq).empty() ? 0 : 1;
    }
    REQUIRE(queue.ranges() == ranges);
    REQUIRE(queue.kept_bytes() == bytes);
    REQUIRE(queue.kept_memory() == buffers * kMaxPayload);
    REQUIRE(pool.in_use() == buffers);
  }

  const SeqNo first{0xffffff00};
  BufferPool pool{kMaxPayload, 4};
  ReceiveQueue queue{pool, first};
  std::set<std::int32_t> received;  // counted from the first
};

}  // namespace

TEST_CASE("SendBuffer keeps every byte until it is released") {
  SendTwins twins;
  for (int i = 0; i < 5'000; ++i) {
    const std::uint32_t what = twins.random.below(8);
    if (what < 2) {
      twins.append(twins.random.below(what == 0 ? 200 : 20'000));
    } else if (what < 5) {
      twins.reserve_and_commit(1 + twins.random.below(SendBuffer::kMaxAtLeast));
    } else {
      const auto kept = static_cast<std::uint32_t>(twins.all.size() - twins.released);
      twins.release(twins.released + twins.random.below(kept + 1));
      if (what == 7)
        twins.release(twins.released / 2);  // an old acknowledgement gives nothing back
    }
    twins.compare();
  }
  twins.release(twins.all.size());
  CHECK(twins.pool.in_use() == 0);
  CHECK(twins.small.in_use() == 0);
}

TEST_CASE("SendBuffer holds a small slab for few bytes and none for no bytes") {
  SendTwins twins;
  twins.buffer.reserve(10);
  CHECK(twins.buffer.allocated() == kSlab);
  twins.buffer.commit(0);
  CHECK(twins.buffer.allocated() == 0);
  twins.append(kSmallSlab);
  CHECK(twins.buffer.allocated() == kSmallSlab);
  twins.append(1);
  CHECK(twins.buffer.allocated() == kSmallSlab + kSlab);
  CHECK(twins.buffer.locate(kSmallSlab, 1)[0].size() == 1);  // in one piece
  CHECK(twins.buffer.locate(kSmallSlab - 1, 2)[0].size() == 1);
  twins.buffer.clear();
  CHECK(twins.buffer.allocated() == 0);
  CHECK(twins.buffer.buffered() == 0);
  twins.append(kSmallSlab + 1);
  CHECK(twins.buffer.allocated() == kSlab);
}

TEST_CASE("ReceiveQueue agrees with a set of packet numbers") {
  ReceiveTwins twins;
  sim::SeededRandom random(3);
  for (int i = 0; i < 20'000; ++i) {
    // Near the next, so that gaps close; some are far, some are old.
    const std::uint32_t reach = i % 10 == 0 ? 200 : 20;
    twins.arrive(twins.queue.next() + random.below(reach) + (i % 50 == 0 ? 0u - 100u : 0u));
    twins.compare();
  }
  CHECK(twins.queue.next().value < 0x80000000);  // it has wrapped around
}

TEST_CASE("ReceiveQueue refuses what is too far ahead") {
  BufferPool pool(kMaxPayload, 1);
  const ReceiveQueue queue(pool, {0xffffff00});
  const SeqNo last = queue.next() + (ReceiveQueue::kMaxAhead - 1);
  CHECK(!queue.too_far(last));
  CHECK(queue.too_far(last.next()));
  CHECK(!queue.too_far({0xfffffe00}));
}
