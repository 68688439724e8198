// SPDX-License-Identifier: Apache-2.0
#include "ip/address.hpp"

#include <arpa/inet.h>

#include <catch2/catch.hpp>

#include "sim/random.hpp"
#include "unit/sanitizer.hpp"

using namespace hsfwd;
using ip::InterfaceAddress;
using ip::Ipv6;
using ip::Prefix;

namespace {

std::optional<Ipv6> pton(const std::string& text) {
  Ipv6 out;
  if (inet_pton(AF_INET6, text.c_str(), out.bytes.data()) != 1) return std::nullopt;
  return out;
}

std::string ntop(const Ipv6& host) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, host.bytes.data(), text, sizeof(text));
  return text;
}

/// With runs of zeros, and now and then a mapped one.
Ipv6 random_host(Random& random) {
  if (random.below(8) == 0) return Ipv6::mapped(random.u32());
  Ipv6 out;
  for (std::size_t i = 0; i < Ipv6::kSize; i += 2) {
    if (random.below(2) == 0) continue;
    out.bytes[i] = static_cast<std::uint8_t>(random.below(2) * random.u32());
    out.bytes[i + 1] = static_cast<std::uint8_t>(random.u32());
  }
  return out;
}

/// The C library writes the addresses of ::/96 with an IPv4 tail, a form that RFC 4291 has given up.
bool is_compatible(const Ipv6& host) {
  return std::all_of(host.bytes.begin(), host.bytes.begin() + 12,
                     [](auto byte) { return byte == 0; });
}

bool naively_contains(const Prefix& prefix, const Ipv6& host) {
  if (prefix.is_ipv4() != host.is_mapped()) return false;
  for (int i = 0; i < prefix.bits; ++i) {
    const auto byte = static_cast<std::size_t>(i / 8);
    if (((prefix.host.bytes[byte] ^ host.bytes[byte]) << i % 8 & 0x80) != 0) return false;
  }
  return true;
}

/// One bit of `host` is another, so that networks and hosts are near each other.
Ipv6 neighbour(Ipv6 host, Random& random) {
  const std::uint32_t bit = random.below(128);
  std::uint8_t& byte = host.bytes[bit / 8];
  byte = static_cast<std::uint8_t>(byte ^ 0x80 >> bit % 8);
  return host;
}

Prefix prefix_of(std::string_view text) {
  const auto out = Prefix::parse(text);
  REQUIRE(out.ok());
  CHECK(out->to_string() == text);
  return *out;
}

}  // namespace

TEST_CASE("IPv6 addresses are written as RFC 5952 says") {
  for (const char* text :
       {"::", "::1", "1::", "fd00::1", "2001:db8::1", "2001:db8::1:0:0:1", "2001:0:0:1::1",
        "2001:db8:0:1:1:1:1:1", "1:2:3:4:5:6:7:8", "0:1::", "::ffff:192.0.2.1", "::ffff:0.0.0.0",
        "::fffe:c000:201", "::c000:201", "1::ffff:c000:201", "ff02::1"}) {
    INFO(text);
    const auto host = Ipv6::parse(text);
    REQUIRE(host);
    CHECK(host->to_string() == text);
  }
  CHECK(Ipv6::parse("2001:0DB8:0:0:0:0:0:0001")->to_string() == "2001:db8::1");
  CHECK(Ipv6::parse("1:2:3:4:5:6:7::")->to_string() == "1:2:3:4:5:6:7:0");
  CHECK(Ipv6::parse("64:ff9b::192.0.2.33")->to_string() == "64:ff9b::c000:221");
  CHECK(Ipv6::parse("::ffff:c000:201") == Ipv6::mapped(0xc0000201));
  CHECK(Ipv6::mapped(0xc0000201).ipv4() == 0xc0000201);
}

TEST_CASE("what is no IPv6 address is refused") {
  for (const char* text : {"",
                           ":",
                           ":::",
                           "1",
                           "1.2.3.4",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "::1:",
                           ":1::",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "12345::",
                           "g::",
                           "::1.2.3",
                           "::1.2.3.4.5",
                           "::1.2.3.256",
                           "::01.2.3.4",
                           "::1.2.3.4:5",
                           "1.2.3.4::",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "[::1]",
                           "fe80::1%eth0",
                           "::1 ",
                           " ::1",
                           "::1/128",
                           "+1::",
                           "0x1::"}) {
    INFO(text);
    CHECK(!Ipv6::parse(text));
  }
  CHECK(!Ipv6::parse(std::string_view("::1\0", 4)));
}

TEST_CASE("IPv6 addresses are read and written as the C library does it") {
  sim::SeededRandom random(1);
  for (int i = 0; i < flood(100000); ++i) {
    const Ipv6 host = random_host(random);
    const std::string text = host.to_string();
    REQUIRE(pton(text) == host);
    REQUIRE(Ipv6::parse(text) == host);
    REQUIRE(Ipv6::parse(ntop(host)) == host);
    if (!is_compatible(host)) REQUIRE(ntop(host) == text);
  }
}

TEST_CASE("texts that are nearly IPv6 addresses are refused where the C library refuses them") {
  constexpr std::string_view kAlphabet = "::::....0123456789afgAF/% ";
  sim::SeededRandom random(2);
  int taken = 0;
  for (int i = 0; i < flood(200000); ++i) {
    std::string text =
        random.below(2) == 0 ? ntop(random_host(random)) : std::string("::ffff:10.0.0.1");
    for (std::uint32_t changes = random.below(4); changes > 0; --changes) {
      const char letter = kAlphabet[random.below(kAlphabet.size())];
      const std::size_t at = random.below(static_cast<std::uint32_t>(text.size()));
      switch (random.below(3)) {
        case 0:
          text[at] = letter;
          break;
        case 1:
          text.insert(at, 1, letter);
          break;
        default:
          if (text.size() > 1) text.erase(at, 1);
      }
    }
    INFO(text);
    const auto host = Ipv6::parse(text);
    REQUIRE(host == pton(text));
    taken += host ? 1 : 0;
  }
  CHECK(taken > flood(50000));
  CHECK(taken < flood(180000));
}

TEST_CASE("networks of both families are read and written") {
  CHECK(prefix_of("10.0.0.0/8") == Prefix::around_ipv4(0x0a010203, 8));
  CHECK(prefix_of("0.0.0.0/0").is_ipv4());
  CHECK(prefix_of("192.0.2.1/32").length() == 32);
  CHECK(prefix_of("fd00::/8") == Prefix::around(*Ipv6::parse("fdff::1"), 8));
  CHECK(prefix_of("2001:db8::1/128").length() == 128);
  CHECK(!prefix_of("::/0").is_ipv4());
  CHECK(prefix_of("::/64").length() == 64);
}

TEST_CASE("what is no network is refused, and a host in one for what it is") {
  for (const char* text : {"",
                           "/",
                           "10.0.0.0",
                           "10.0.0.0/",
                           "/8",
                           "10.0.0.0/33",
                           "10.0.0.0/-1",
                           "10.0.0.0/+8",
                           "10.0.0.0/08",
                           "10.0.0.0/8 ",
                           "10.0.0/8",
                           "010.0.0.0/8",
                           "10.0.0.0/8/8",
                           "fd00::/129",
                           "fd00::/",
                           "fd00::/064",
                           "fd00/8",
                           "::ffff:10.0.0.0/104",
                           "::ffff:0:0/96",
                           "10.0.0.0/255.0.0.0",
                           "10.0.0.0/18446744073709551624"}) {
    INFO(text);
    const auto prefix = Prefix::parse(text);
    REQUIRE(!prefix);
    CHECK(prefix.error() == Errc::kMalformed);
  }
  for (const char* text :
       {"10.0.0.1/8", "10.128.0.0/8", "1.0.0.0/0", "fd00::1/8", "fe00::/6", "::1/127"}) {
    INFO(text);
    const auto prefix = Prefix::parse(text);
    REQUIRE(!prefix);
    CHECK(prefix.error() == Errc::kRefused);
  }
}

TEST_CASE("a network contains the hosts that begin as it does, and none of the other family") {
  const Prefix all_ipv4 = prefix_of("0.0.0.0/0");
  const Prefix all_ipv6 = prefix_of("::/0");
  CHECK(all_ipv4.contains(Ipv6::mapped(0)));
  CHECK(!all_ipv4.contains(Ipv6::any()));
  CHECK(!all_ipv6.contains(Ipv6::mapped(0x0a000001)));
  CHECK(!all_ipv6.overlaps(all_ipv4));
  CHECK(all_ipv6.contains(prefix_of("fd00::/8")));
  CHECK(!prefix_of("fd00::/8").contains(all_ipv6));
  CHECK(prefix_of("fd00::/8").overlaps(all_ipv6));
  CHECK(prefix_of("10.0.0.0/8").overlaps(prefix_of("10.255.0.0/16")));
  CHECK(!prefix_of("10.0.0.0/8").overlaps(prefix_of("11.0.0.0/8")));

  sim::SeededRandom random(3);
  int inside = 0;
  for (int i = 0; i < flood(100000); ++i) {
    const Ipv6 host = random_host(random);
    const Prefix prefix = Prefix::around(host, static_cast<int>(random.below(129)));
    REQUIRE(prefix.contains(host) == (prefix.is_ipv4() == host.is_mapped()));
    const Ipv6 other = neighbour(host, random);
    REQUIRE(prefix.contains(other) == naively_contains(prefix, other));
    inside += prefix.contains(other) ? 1 : 0;

    const Prefix another = Prefix::around(other, static_cast<int>(random.below(129)));
    const bool overlap = prefix.contains(another.host) || another.contains(prefix.host);
    REQUIRE(prefix.overlaps(another) == overlap);
    REQUIRE(another.overlaps(prefix) == overlap);
    // Those that a mapped host is in as an IPv6 address are written as IPv6.
    const auto again = Prefix::parse(prefix.to_string());
    REQUIRE(again.ok());
    REQUIRE(*again == prefix);
  }
  CHECK(inside > flood(10000));
}

TEST_CASE("a network's fields are checked where nobody has made them by a parser") {
  CHECK(Prefix{}.valid());
  CHECK(Prefix{Ipv6::loopback(), 128}.valid());
  CHECK(!Prefix{Ipv6::loopback(), 127}.valid());
  CHECK(!Prefix{Ipv6::any(), 129}.valid());
  CHECK(Prefix{Ipv6::mapped(0), 96}.valid());
  CHECK(!Prefix{Ipv6::mapped(0), 95}.valid());
}

TEST_CASE("an interface's address is in a network of its family") {
  const auto ipv4 = InterfaceAddress::ipv4(0x0a010203, 8);
  CHECK(ipv4.to_string() == "10.1.2.3/8");
  CHECK(ipv4.network() == prefix_of("10.0.0.0/8"));
  CHECK(InterfaceAddress::ipv4(0x0a010203, 0).network() == prefix_of("0.0.0.0/0"));
  CHECK(InterfaceAddress::ipv4(0x0a010203, 0).valid());
  CHECK(InterfaceAddress::ipv4(0x0a010203, 32).valid());
  CHECK(!InterfaceAddress::ipv4(0x0a010203, 33).valid());
  CHECK(!InterfaceAddress{Ipv6::mapped(1), 95}.valid());
  const InterfaceAddress ipv6{*Ipv6::parse("fd00::1"), 64};
  CHECK(ipv6.to_string() == "fd00::1/64");
  CHECK(ipv6.network() == prefix_of("fd00::/64"));
  CHECK(ipv6.valid());
  CHECK(!InterfaceAddress{ipv6.host, 129}.valid());
}

TEST_CASE("addresses and networks order by their bytes, and serve as keys") {
  CHECK(Ipv6::any() < Ipv6::loopback());
  CHECK(Ipv6::loopback() < Ipv6::mapped(1));
  CHECK(std::hash<Ipv6>{}(Ipv6::mapped(1)) != std::hash<Ipv6>{}(Ipv6::mapped(2)));
  CHECK(std::hash<Prefix>{}(prefix_of("fd00::/8")) != std::hash<Prefix>{}(prefix_of("fd00::/16")));
  CHECK(Ipv6::from(ByteView(Ipv6::loopback().bytes)).is_loopback());
  CHECK(Ipv6::parse("ff02::1")->is_multicast());
  CHECK(!Ipv6::loopback().is_multicast());
}
