// SPDX-License-Identifier: Apache-2.0
#include "net/ip_prefix.hpp"

#include <catch2/catch.hpp>

#include "sim/random.hpp"

using namespace hsfwd;
using net::IpPrefix;

namespace {

bool bit(const IpPrefix& prefix, std::size_t i) {
  return (prefix.address[i / 8] >> (7 - i % 8) & 1) != 0;
}

IpPrefix random_prefix(Random& random) {
  IpPrefix out{.is_v6 = random.below(2) == 0};
  // Few different bytes, so that many of two have a beginning in common.
  for (std::size_t i = 0; i < out.bytes().size(); ++i) {
    out.address[i] = static_cast<std::uint8_t>(0xf0 | random.below(4));
  }
  out.length = static_cast<std::uint8_t>(random.below(out.is_v6 ? 129 : 33));
  return out;
}

bool overlap_bit_by_bit(const IpPrefix& a, const IpPrefix& b) {
  if (a.is_v6 != b.is_v6) return false;
  for (std::size_t i = 0; i < a.length && i < b.length; ++i) {
    if (bit(a, i) != bit(b, i)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a network is its address without the bits behind its length") {
  sim::SeededRandom random(1);
  for (int round = 0; round < 2000; ++round) {
    const IpPrefix prefix = random_prefix(random);
    const IpPrefix network = prefix.network();
    CHECK(network.length == prefix.length);
    for (std::size_t i = 0; i < prefix.bytes().size() * 8; ++i) {
      if (bit(network, i) != (i < prefix.length && bit(prefix, i))) FAIL("bit " << i);
    }
  }
  CHECK(IpPrefix::v4(net::Ipv4::of(10, 1, 2, 3), 24).network() ==
        IpPrefix::v4(net::Ipv4::of(10, 1, 2, 0), 24));
}

TEST_CASE("networks overlap if one begins as the other does") {
  sim::SeededRandom random(2);
  int overlapping = 0;
  for (int round = 0; round < 5000; ++round) {
    const IpPrefix a = random_prefix(random);
    const IpPrefix b = random_prefix(random);
    overlapping += a.overlaps(b) ? 1 : 0;
    if (a.overlaps(b) != overlap_bit_by_bit(a, b)) FAIL("round " << round);
    if (a.overlaps(b) != b.overlaps(a)) FAIL("round " << round);
  }
  CHECK(overlapping > 100);
}

TEST_CASE("a prefix is no longer than its address") {
  CHECK(IpPrefix::v4(net::Ipv4::of(10, 0, 0, 1), 32).valid());
  CHECK_FALSE(IpPrefix::v4(net::Ipv4::of(10, 0, 0, 1), 33).valid());
  CHECK(IpPrefix::v6({}, 128).valid());
  CHECK_FALSE(IpPrefix::v6({}, 129).valid());
}
