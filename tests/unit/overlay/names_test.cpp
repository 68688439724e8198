// SPDX-License-Identifier: Apache-2.0
#include "overlay/names.hpp"

#include <catch2/catch.hpp>

#include "ip/network_order.hpp"
#include "node/key_address.hpp"
#include "sim/random.hpp"
#include "unit/ip/packets.hpp"
#include "unit/sanitizer.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;
using ip_test::Fields;

namespace {

// home.hsfwd, AAAA.
const Bytes kQuestion = {0,   7,   1,   0, 0,   1,   0,   0,   0,   0, 0, 0,  4, 'h',
                         'o', 'm', 'e', 5, 'h', 's', 'f', 'w', 'd', 0, 0, 28, 0, 1};

const ip::Ipv6 kHome = *ip::Ipv6::parse("fdae:7d21:d73d::1:2");

std::vector<resolver::NamedPeer> names() {
  return {{.name = "home",
           .key = to_z32(Bytes(32, 0x11)),
           .ipv6 = kHome,
           .ipv4 = ip::Ipv6::mapped(0x0af60102)}};
}
std::vector<ip::Prefix> zones() {
  return {network_prefix(), *ip::Prefix::parse("10.246.0.0/16")};
}

/// Where ip_test::Fields send to.
ip::Ipv6 own_address(bool v6) {
  return *ip::Ipv6::parse(v6 ? "fd00::9" : "::ffff:10.0.0.9");
}

struct Served {
  Served() { server.set_names(names(), zones()); }

  Bytes answer(const Bytes& packet) {
    const auto parsed = ip::Packet::parse(packet);
    REQUIRE(parsed.ok());
    Bytes room(NameServer::kRoom, 0xee);
    return to_bytes(server.answer(*parsed, now, room).packet);
  }

  sim::SeededRandom random{7};
  NameServer server{{own_address(false), own_address(true)}, random};
  Instant now = Instant() + 1_h;
};

Bytes asked(bool v6, const Bytes& question = kQuestion, std::uint16_t port = 53) {
  return Fields{
      .v6 = v6, .protocol = ip::protocol::kUdp, .destination_port = port, .payload = question}
      .build();
}

}  // namespace

TEST_CASE("a question in a packet is answered by a packet, in either family") {
  for (const bool v6 : {false, true}) {
    Served served;
    const Bytes answer = served.answer(asked(v6));
    const auto packet = ip::Packet::parse(answer);
    REQUIRE(packet.ok());
    CHECK(packet->source == own_address(v6));
    CHECK(packet->is_udp());
    CHECK(*packet->ports == ip::Packet::Ports{53, 1000});
    CHECK(ip_test::slow_upper_checksum(packet->addresses(), packet->protocol, packet->upper()) ==
          0);
    const resolver::Responder responder(resolver::NameTable(names()), zones());
    CHECK(equal(packet->payload(), responder.answer(kQuestion)));
    CHECK(equal(packet->payload().last(16), kHome.bytes));
    CHECK(served.server.queries() == 1);
  }
}

TEST_CASE("what stands behind a datagram's end is no part of the question") {
  Served served;
  Bytes packet = asked(true);
  const std::size_t size = packet.size() - ip::kIpv6HeaderSize;
  packet.push_back(0);
  ip::store_be16(&packet[4], static_cast<std::uint16_t>(size + 1));
  CHECK(served.answer(packet) == served.answer(asked(true)));
}

TEST_CASE("names are those that were set last, and before there are any nobody answers") {
  sim::SeededRandom random(7);
  NameServer server({own_address(true)}, random);
  const Bytes packet = asked(true);
  Bytes room(NameServer::kRoom);
  const auto parsed = ip::Packet::parse(packet);
  CHECK(server.answer(*parsed, Instant(), room).packet.empty());
  server.set_names(names(), zones());
  const Bytes there = to_bytes(server.answer(*parsed, Instant(), room).packet);
  CHECK(there[48 + 3] == 0);
  server.set_names({}, zones());
  const Bytes gone = to_bytes(server.answer(*parsed, Instant(), room).packet);
  CHECK(gone[48 + 3] == 3);
}

TEST_CASE("everything else of the name server is closed, so that nobody waits for it") {
  for (const bool v6 : {false, true}) {
    Served served;
    const auto type_of = [v6](const Bytes& answer) {
      const auto packet = ip::Packet::parse(answer);
      REQUIRE(packet.ok());
      return std::pair(int{packet->upper()[0]}, int{packet->upper()[1]});
    };
    for (const std::uint16_t port : {0, 52, 54, 5353}) {
      CHECK(type_of(served.answer(asked(v6, kQuestion, port))) ==
            (v6 ? std::pair(1, 4) : std::pair(3, 3)));
    }
    for (const std::uint16_t port : {53, 80}) {
      const Bytes reset = served.answer(
          Fields{.v6 = v6, .destination_port = port, .tcp_flags = ip::tcp_flag::kSyn}.build());
      CHECK(ip::Packet::parse(reset)->tcp_flags == (ip::tcp_flag::kRst | ip::tcp_flag::kAck));
    }
    const Bytes ping = {static_cast<std::uint8_t>(v6 ? 128 : 8), 0, 0, 0, 1, 1, 1, 1};
    CHECK(type_of(served.answer(Fields{
                      .v6 = v6, .protocol = static_cast<std::uint8_t>(v6 ? 58 : 1), .payload = ping}
                                    .build()))
              .first == (v6 ? 129 : 0));
    CHECK(served.answer(Fields{.v6 = v6, .protocol = 132, .payload = Bytes(20)}.build()).empty());
  }
}

TEST_CASE("the name server talks neither to itself nor to answers") {
  Served served;
  Bytes own = asked(true);
  own[23] = 9;
  CHECK(served.answer(own).empty());
  // A response, from a port 53.
  Bytes response = kQuestion;
  response[2] |= 0x80;
  CHECK(served.answer(asked(true, response)).empty());
  CHECK(served.answer(asked(true, Bytes(5))).empty());
  // What it says itself, sent back.
  Bytes reset = served.answer(Fields{.v6 = true}.build());
  std::swap_ranges(reset.begin() + 8, reset.begin() + 24, reset.begin() + 24);
  CHECK(served.answer(reset).empty());
  Bytes unreachable = served.answer(asked(true, kQuestion, 80));
  std::swap_ranges(unreachable.begin() + 8, unreachable.begin() + 24, unreachable.begin() + 24);
  CHECK(served.answer(unreachable).empty());
}

TEST_CASE("so many answers a second, and those to questions are not used up by others") {
  Served served;
  const Bytes syn = Fields{.v6 = true, .tcp_flags = ip::tcp_flag::kSyn}.build();
  int answered = 0;
  for (int i = 0; i < 1000; ++i) answered += served.answer(syn).empty() ? 0 : 1;
  CHECK(answered == 50);
  CHECK(served.server.dropped() == 950);
  answered = 0;
  for (int i = 0; i < 1000; ++i) answered += served.answer(asked(true)).empty() ? 0 : 1;
  CHECK(answered == 500);
  CHECK(served.answer(asked(true)).empty());
  served.now = served.now + 1_ms;
  CHECK(!served.answer(asked(true)).empty());
  CHECK(!served.answer(syn).empty());
  CHECK(served.answer(syn).empty());
}

TEST_CASE("the name server's address is in the network of keys") {
  CHECK(name_server_address().to_string() == "fdae:7d21:d73d::53");
  CHECK(network_prefix().contains(name_server_address()));
}

TEST_CASE("a hundred thousand random packets to the name server get answers that are whole") {
  Served served;
  sim::SeededRandom random(9);
  int answered = 0;
  const std::vector<Bytes> good = {
      asked(false),
      asked(true),
      asked(true, kQuestion, 1),
      Fields{.v6 = true}.build(),
      Fields{.tcp_flags = ip::tcp_flag::kSyn, .payload = Bytes(9)}.build(),
      Fields{.protocol = ip::protocol::kIcmp, .payload = {8, 0, 0, 0, 1, 2, 3, 4, 5}}.build()};
  for (int i = 0; i < flood(100000); ++i) {
    Bytes packet = good[random.below(static_cast<std::uint32_t>(good.size()))];
    for (std::uint32_t changes = random.below(4); changes > 0; --changes) {
      packet[random.below(static_cast<std::uint32_t>(packet.size()))] =
          static_cast<std::uint8_t>(random.u32());
    }
    const auto parsed = ip::Packet::parse(packet);
    if (!parsed) continue;
    served.now = served.now + 1_ms;
    Bytes room(NameServer::kRoom);
    const Bytes answer = to_bytes(served.server.answer(*parsed, served.now, room).packet);
    if (answer.empty()) continue;
    ++answered;
    const auto read = ip::Packet::parse(answer);
    REQUIRE(read.ok());
    REQUIRE(read->bytes.size() == answer.size());
    REQUIRE(read->source == parsed->destination);
    REQUIRE(read->destination == parsed->source);
    REQUIRE(answer.size() <= packet.size() + 100);
  }
  CHECK(answered > flood(30000));
}
