// SPDX-License-Identifier: Apache-2.0
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include "net/address.hpp"
#include "util/log.hpp"

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
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  for (const char* text : {"", "gr\xc3\xbc\xc3\x9f", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
                           "\xe4\xb8\xad\xe6\x96\x87", "\xf0\x9f\x94\x91", "\xc2\xa0"}) {
    CHECK(printable(text) == text);
  }
}

TEST_CASE("what steers a terminal or is not seen is written out") {
  const std::pair<const char*, const char*> cases[] = {
      {"\xc2\x80", "\\u0080"},  // the first of C1
      {"\xc2\x9b"
       "2J",
       "\\u009b2J"},                // as ESC [
      {"\xc2\x9f", "\\u009f"},      // its last
      {"\xc2\xad", "\\u00ad"},      // soft hyphen
      {"\xd8\x9c", "\\u061c"},      // Arabic letter mark
      {"\xe2\x80\x8b", "\\u200b"},  // zero width
      {"\xe2\x80\x8e", "\\u200e"},  // left-to-right mark
      {"\xe2\x80\xa8", "\\u2028"},  // line separator
      {"\xe2\x80\xa9", "\\u2029"},  // paragraph separator
      {"\xe2\x80\xae"
       "gpj.exe",
       "\\u202egpj.exe"},
      {"\xe2\x81\xa6", "\\u2066"},  // isolates
      {"\xe2\x81\xa9", "\\u2069"},
      {"\xef\xbb\xbf", "\\ufeff"},       // byte order mark
      {"\xf3\xa0\x81\xa1", "\\ue0061"},  // a letter as a tag
  };
  for (const auto& [text, shown] : cases) CHECK(printable(text) == shown);
}

TEST_CASE("what is no UTF-8 is written out byte by byte") {
  const std::pair<const char*, const char*> cases[] = {
      {"a\xff", "a\\xff"},
      {"\xc3", "\\xc3"},  // cut off
      {"\xe2\x80"
       "a",
       "\\xe2\\x80a"},
      {"\x9b"
       "2J",
       "\\x9b2J"},                 // C1 as a byte of its own
      {"\xc1\x9b", "\\xc1\\x9b"},  // longer than it has to be
      {"\xe0\x82\x9b", "\\xe0\\x82\\x9b"},
      {"\xf0\x80\x82\x9b", "\\xf0\\x80\\x82\\x9b"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // half of a surrogate pair
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond the last letter
      {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
  };
  for (const auto& [text, shown] : cases) CHECK(printable(text) == shown);
}

TEST_CASE("a text in lines keeps its lines, and nothing else of that kind") {
  CHECK(printable_lines("a\nb\r\n\xe2\x80\xa8") == "a\nb\\x0d\n\\u2028");
}

TEST_CASE("whatever a log message quotes, its sink gets printable text") {
  struct Lines final : LogSink {
    void write(LogLevel, std::string_view, std::string_view message) override { text = message; }
    std::string text;
  } sink;
  Log(sink, LogLevel::kInfo)
      .info("test", "the peer says {}",
            "\x9b"
            "2J\n\xe2\x80\xae");
  CHECK(sink.text == "the peer says \\x9b2J\\n\\u202e");
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
