// SPDX-License-Identifier: Apache-2.0
#include "util/token_bucket.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;

namespace {
constexpr TokenRate kRate{.per_second = 10, .capacity = 20};
Instant later(std::int64_t millis) {
  return Instant() + Duration::millis(millis);
}
}  // namespace

TEST_CASE("a token bucket gives its capacity at once and its rate from then on") {
  TokenBucket bucket(kRate);
  CHECK(bucket.try_take(later(0), 20));
  CHECK_FALSE(bucket.try_take(later(0), 1));
  CHECK_FALSE(bucket.try_take(later(99), 1));
  CHECK(bucket.try_take(later(100), 1));
  CHECK_FALSE(bucket.try_take(later(100), 1));
  // Never more than the capacity, however long nobody takes.
  CHECK(bucket.level(later(1'000'000)) == 20);
  CHECK_FALSE(bucket.try_take(later(1'000'000), 21));
}

TEST_CASE("what is refused costs a token bucket nothing, and credit is paid back first") {
  TokenBucket bucket(kRate);
  CHECK_FALSE(bucket.try_take(later(0), 21));
  CHECK(bucket.level(later(0)) == 20);
  bucket.take(later(0), 30);
  CHECK(bucket.level(later(0)) == -10);
  CHECK_FALSE(bucket.try_take(later(1000), 1));
  CHECK(bucket.try_take(later(1100), 1));
}

TEST_CASE("a token bucket that begins empty fills from then on") {
  TokenBucket bucket(kRate, later(1000));
  CHECK(bucket.level(later(1000)) == 0);
  CHECK(!bucket.try_take(later(1000), 1));
  CHECK(bucket.level(later(2000)) == Approx(kRate.per_second));
}

TEST_CASE("token buckets are apart for each key, and time that runs backwards gives nothing") {
  TokenBuckets buckets(kRate, 64, 0x123456789abcdefULL);
  CHECK(buckets.try_take(1, later(1000), 20));
  CHECK_FALSE(buckets.try_take(1, later(1000), 1));
  CHECK(buckets.try_take(2, later(1000), 20));
  CHECK_FALSE(buckets.try_take(1, later(500), 1));
  CHECK(buckets.try_take(1, later(1100), 1));
}

TEST_CASE("token buckets take memory only while somebody owes, and no more than they may") {
  TokenBuckets buckets(kRate, 256, 0x123456789abcdefULL);
  for (std::uint64_t key = 0; key < 10'000; ++key) buckets.take(key, later(0), 1);
  CHECK(buckets.capacity() <= 32);
  for (std::uint64_t key = 0; key < 10'000; ++key) buckets.take(key, later(1), 20);
  CHECK(buckets.capacity() == 256);
}

TEST_CASE("a key that has spent all is not forgotten for others that have spent little") {
  TokenBuckets buckets(kRate, 64, 0x123456789abcdefULL);
  const std::uint64_t flooding = 7;
  REQUIRE(buckets.try_take(flooding, later(0), 20));
  for (std::uint64_t key = 1000; key < 100'000; ++key) {
    buckets.take(key, later(0), 1);
    if (buckets.level(flooding, later(0)) > 0) FAIL("forgotten after " << key - 1000 << " keys");
  }
}
