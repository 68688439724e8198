// SPDX-License-Identifier: Apache-2.0
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include "net/address.hpp"

using namespace hsfwd;

TEST_CASE("hexadecimal round trip and refusals") {
  CHECK(to_hex(Bytes{0x00, 0xff, 0x1a}) == "00ff1a");
  CHECK(from_hex("00FF1a") == Bytes{0x00, 0xff, 0x1a});
  CHECK(!from_hex("0"));
  CHECK(!from_hex("0g"));
}

TEST_CASE("z-base-32 of every length comes back") {
  Bytes bytes;
  for (int i = 0; i < 40; ++i) {
    const auto decoded = from_z32(to_z32(bytes));
    REQUIRE(decoded);
    CHECK(*decoded == bytes);
    bytes.push_back(static_cast<std::uint8_t>(i * 37 + 11));
  }
  CHECK(!from_z32("yyyl"));
  CHECK(from_z32("YNDRFG8E") == from_z32("yndrfg8e"));
  CHECK(from_z32("yy") == Bytes{0});
  // What is no byte, and bits beyond the last one.
  for (const char* bad : {"y", "yyy", "yyyyyy", "yb", "yd"}) {
    CAPTURE(bad);
    CHECK(!from_z32(bad));
  }
}

TEST_CASE("decimal numbers are digits and nothing else") {
  CHECK(parse_decimal("65535", 65535) == 65535u);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "65536", "0x1", "99999999999999999999999"}) {
    CHECK(!parse_decimal(bad, 65535));
  }
}

TEST_CASE("addresses as text") {
  using net::Address;
  using net::Ipv4;
  CHECK(Address::parse("127.0.0.1:49737") == Address{Ipv4::loopback(), 49737});
  CHECK(Address{Ipv4::of(10, 0, 255, 1), 0}.to_string() == "10.0.255.1:0");
  for (const char* bad : {"", "1.2.3:4", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.256:1",
                          "1.2.3.4.5:1", "01.2.3.4:1", "1..3.4:1", "a.b.c.d:1", "1.2.3.4:1x"}) {
    CAPTURE(bad);
    CHECK(!Address::parse(bad));
  }
}

TEST_CASE("address classes follow upstream") {
  using net::Ipv4;
  CHECK(net::is_private(Ipv4::of(100, 127, 255, 255)));
  CHECK(!net::is_private(Ipv4::of(100, 128, 0, 0)));
  CHECK(net::is_private(Ipv4::of(172, 31, 0, 1)));
  CHECK(!net::is_private(Ipv4::of(172, 32, 0, 1)));
  CHECK(net::is_reserved(Ipv4::of(255, 255, 255, 255)));
  CHECK(net::is_reserved(Ipv4::of(198, 19, 0, 1)));
  CHECK(!net::is_bogon(Ipv4::of(8, 8, 8, 8)));
  CHECK(net::kind_of(Ipv4::of(10, 0, 0, 1)) == std::string("private"));
  CHECK(net::kind_of(Ipv4::of(192, 0, 2, 2)) == std::string("reserved"));
  CHECK(net::kind_of(Ipv4::of(8, 8, 8, 8)) == std::string("public"));
}

TEST_CASE("what is quoted is short and on one line") {
  CHECK(in_quotes("") == "''");
  CHECK(in_quotes("a\nb") == "'a\\nb'");
  const std::string fits(64, 'x');
  CHECK(in_quotes(fits) == "'" + fits + "'");
  CHECK(in_quotes(fits + "y") == "'" + fits + "...'");
  CHECK(in_quotes(std::string(10'000, 'x')) == "'" + fits + "...'");
  // A letter is there or not.
  CHECK(shortened("gr\xc3\xbc\xc3\x9f", 5) == "gr\xc3\xbc...");
  CHECK(shortened("\xbf\xbf\xbf", 1) == "...");
}

TEST_CASE("control characters are written out, everything else stays") {
  CHECK(printable("a\nb\x1b[2J\x7f\t") == "a\\nb\\x1b[2J\\x7f\\x09");
  CHECK(printable("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
}

TEST_CASE("a word that was mistyped is told from one that was not meant") {
  const std::vector<std::string_view> names = {"expose", "connect", "up", "peers", "pipe", "ping"};
  CHECK(nearest("exposes", names) == "expose");
  CHECK(nearest("conenct", names) == "connect");
  CHECK(nearest("pign", names) == "ping");
  CHECK(nearest("exp", names) == "expose");
  CHECK(nearest("pi", names).empty());  // pipe or ping
  CHECK(nearest("frobnicate", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest(std::string(10'000, 'x'), names).empty());
}
