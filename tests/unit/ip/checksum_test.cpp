// SPDX-License-Identifier: Apache-2.0
#include "ip/checksum.hpp"

#include <catch2/catch.hpp>

#include "ip/network_order.hpp"
#include "sim/random.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::ip;

namespace {

std::uint16_t checksum_of(ByteView bytes) {
  Sum sum;
  sum.add(bytes);
  return sum.checksum();
}

}  // namespace

TEST_CASE("the example of RFC 1071") {
  const Bytes bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  Sum sum;
  sum.add(bytes);
  CHECK(sum.folded() == 0xddf2);
  CHECK(sum.checksum() == 0x220d);
}

TEST_CASE("sums of any length, at any alignment, are those of the slow way") {
  sim::SeededRandom random(1);
  Bytes bytes(300);
  for (int round = 0; round < 200; ++round) {
    random.fill(bytes);
    // Sums of all ones are those that carry the most.
    if (round % 4 == 0) std::fill(bytes.begin(), bytes.end(), 0xff);
    const std::size_t from = random.below(16);
    for (std::size_t size = 0; size <= 200; ++size) {
      const ByteView part = ByteView(bytes).subspan(from, size);
      REQUIRE(checksum_of(part) == ip_test::slow_checksum(part));
    }
  }
}

TEST_CASE("a sum in parts is the sum of the whole") {
  sim::SeededRandom random(2);
  Bytes bytes(1001);
  random.fill(bytes);
  for (std::size_t middle = 0; middle < bytes.size(); middle += 2) {
    Sum sum;
    sum.add(ByteView(bytes).first(middle));
    sum.add(ByteView(bytes).subspan(middle));
    REQUIRE(sum.checksum() == ip_test::slow_checksum(bytes));
  }
  Sum words;
  for (std::size_t i = 0; i < 1000; i += 2) words.add(load_be16(&bytes[i]));
  CHECK(words.checksum() == ip_test::slow_checksum(ByteView(bytes).first(1000)));
}

TEST_CASE("only nothing but zeros sums up to zero") {
  CHECK(Sum().folded() == 0);
  CHECK(checksum_of(Bytes(100)) == 0xffff);
  CHECK(checksum_of(Bytes(100, 0xff)) == 0);
  CHECK(checksum_of(Bytes{0x00, 0x01, 0xff, 0xfe}) == 0);
}

TEST_CASE("what is added and taken away again leaves the sum as it was") {
  sim::SeededRandom random(3);
  for (int i = 0; i < 10'000; ++i) {
    const auto base = static_cast<std::uint16_t>(1 + random.below(0xffff));
    const auto value = static_cast<std::uint16_t>(random.below(0x10000));
    Sum sum;
    sum.add(base);
    sum.add(value);
    sum.subtract(value);
    REQUIRE(sum.folded() == base);
  }
}

TEST_CASE("the pseudo header has the whole length") {
  const Bytes addresses = ip_test::pattern(32);
  Bytes spelt_out = addresses;
  append(spelt_out, Bytes{0x00, 0x01, 0x86, 0xa0, 0, 0, 0, 58});
  CHECK(pseudo_header(addresses, 58, 100'000).checksum() == ip_test::slow_checksum(spelt_out));
}

TEST_CASE("an updated checksum is the one computed anew") {
  sim::SeededRandom random(4);
  Bytes bytes(40);
  for (int i = 0; i < 20'000; ++i) {
    random.fill(bytes);
    const std::uint16_t checksum = ip_test::slow_checksum(bytes);
    const std::size_t at = 2 * random.below(20);
    const std::uint16_t before = load_be16(&bytes[at]);
    const auto after = static_cast<std::uint16_t>(i % 3 == 0 ? 0 : random.below(0x10000));
    store_be16(&bytes[at], after);
    REQUIRE(update_checksum(checksum, before, after) == ip_test::slow_checksum(bytes));
  }
  // The example of RFC 1624, section 4.
  CHECK(update_checksum(0xdd2f, 0x5555, 0x3285) == 0x0000);
}
