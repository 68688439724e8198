// SPDX-License-Identifier: Apache-2.0
#include "ip/icmp.hpp"

#include <catch2/catch.hpp>

#include "ip/network_order.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::ip;
using ip_test::Fields;

namespace {

Ipv6 router(bool v6) {
  return *Ipv6::parse(v6 ? "fd00::77" : "::ffff:10.0.0.77");
}

bool is_v6(ByteView packet) {
  return packet[0] >> 4 == 6;
}

Bytes too_big(ByteView packet, std::size_t mtu = 1300) {
  Bytes room(kMaxIcmpSize, 0xee);
  const auto parsed = Packet::parse(packet);
  return to_bytes(packet_too_big(*parsed, mtu, router(is_v6(packet)), room));
}

Bytes unreachable_for(ByteView packet, Unreachable reason = Unreachable::kNoRoute) {
  Bytes room(kMaxIcmpSize, 0xee);
  const auto parsed = Packet::parse(packet);
  return to_bytes(unreachable(*parsed, reason, router(is_v6(packet)), room));
}

/// Checksums, addresses, and the packet that it is about.
void check_answer(const Bytes& answer, const Bytes& about, int type, int code) {
  const auto packet = Packet::parse(answer);
  REQUIRE(packet.ok());
  REQUIRE(packet->bytes.size() == answer.size());
  const bool v6 = is_v6(about);
  CHECK(packet->source == router(v6));
  CHECK(packet->destination == Packet::parse(about)->source);
  const ByteView icmp = packet->upper();
  CHECK(icmp[0] == type);
  CHECK(icmp[1] == code);
  if (v6) {
    CHECK(packet->protocol == protocol::kIcmpv6);
    CHECK(ip_test::slow_upper_checksum(packet->addresses(), protocol::kIcmpv6, icmp) == 0);
  } else {
    CHECK(packet->protocol == protocol::kIcmp);
    CHECK(ip_test::slow_checksum(icmp) == 0);
    CHECK(ip_test::slow_checksum(ByteView(answer).first(20)) == 0);
  }
  const ByteView quoted = icmp.subspan(8);
  CHECK(quoted.size() == std::min<std::size_t>(about.size(), v6 ? 1280 - 48 : 576 - 28));
  CHECK(equal(quoted, ByteView(about).first(quoted.size())));
}

Bytes big(bool v6) {
  return Fields{.v6 = v6, .payload = ip_test::pattern(1401)}.build();
}

Fields icmp_of_type(bool v6, std::uint8_t type) {
  return {
      .v6 = v6, .protocol = v6 ? protocol::kIcmpv6 : protocol::kIcmp, .payload = Bytes(20, type)};
}

}  // namespace

TEST_CASE("a packet that is too big is answered with the size that is not") {
  const Bytes v4 = too_big(big(false));
  check_answer(v4, big(false), 3, 4);
  CHECK(load_be32(&v4[24]) == 1300);
  const Bytes v6 = too_big(big(true));
  check_answer(v6, big(true), 2, 0);
  CHECK(load_be32(&v6[44]) == 1300);
}

TEST_CASE("a packet that goes nowhere, or may not go there") {
  for (const bool v6 : {false, true}) {
    const Bytes small = Fields{.v6 = v6, .payload = Bytes(3)}.build();
    for (const Bytes& about : {big(v6), small}) {
      check_answer(unreachable_for(about), about, v6 ? 1 : 3, v6 ? 0 : 1);
      check_answer(unreachable_for(about, Unreachable::kProhibited), about, v6 ? 1 : 3,
                   v6 ? 1 : 13);
      check_answer(unreachable_for(about, Unreachable::kPort), about, v6 ? 1 : 3, v6 ? 4 : 3);
    }
  }
}

TEST_CASE("an IPv4 packet that routers may cut is not too big") {
  Fields fields{.fragment = 0, .payload = Bytes(1400)};
  CHECK(too_big(fields.build()).empty());
  CHECK(!unreachable_for(fields.build()).empty());
}

TEST_CASE("ICMP errors are not answered, questions are") {
  for (int type = 0; type < 256; ++type) {
    const auto value = static_cast<std::uint8_t>(type);
    const bool query_v6 = type >= 128 && type != 137;
    CHECK(unreachable_for(icmp_of_type(true, value).build()).empty() == !query_v6);
    CHECK(too_big(icmp_of_type(true, value).build()).empty() == !query_v6);
    const bool query_v4 =
        type == 0 || type == 8 || type == 9 || type == 10 || (type >= 13 && type <= 18);
    CHECK(unreachable_for(icmp_of_type(false, value).build()).empty() == !query_v4);
    CHECK(too_big(icmp_of_type(false, value).build()).empty() == !query_v4);
  }
  // One that does not say what it is.
  for (const bool v6 : {false, true}) {
    Fields nothing = icmp_of_type(v6, 128);
    nothing.payload.clear();
    CHECK(unreachable_for(nothing.build()).empty());
    // The other family's ICMP is a protocol like any other.
    Fields other = icmp_of_type(v6, 3);
    other.protocol = v6 ? protocol::kIcmp : protocol::kIcmpv6;
    CHECK(!unreachable_for(other.build()).empty());
  }
}

TEST_CASE("an answer is not answered") {
  for (const bool v6 : {false, true}) {
    for (const Bytes& answer : {too_big(big(v6)), unreachable_for(big(v6))}) {
      CHECK(too_big(answer).empty());
      CHECK(unreachable_for(answer).empty());
    }
  }
}

TEST_CASE("later fragments of IPv4 are not answered, the first is") {
  Fields fields{.fragment = 0x6000, .payload = Bytes(8)};
  CHECK(!unreachable_for(fields.build()).empty());
  CHECK(!too_big(fields.build()).empty());
  fields.fragment = 0x4010;
  CHECK(unreachable_for(fields.build()).empty());
  CHECK(too_big(fields.build()).empty());
}

TEST_CASE("a later fragment of an ICMPv6 message may be one of an error") {
  Bytes fragment = icmp_of_type(true, 128).build();
  const Bytes header = {protocol::kIcmpv6, 0, 0, 0x81, 0, 0, 0, 1};
  fragment[6] = 44;
  fragment[5] = static_cast<std::uint8_t>(fragment[5] + header.size());
  fragment.insert(fragment.begin() + 40, header.begin(), header.end());
  CHECK(too_big(fragment).empty());
  fragment[40] = protocol::kUdp;
  CHECK(!too_big(fragment).empty());
}

TEST_CASE("what went to a group is not answered, except for its size in IPv6") {
  Bytes v4 = big(false);
  for (const int first : {224, 239, 240, 255}) {
    v4[16] = static_cast<std::uint8_t>(first);
    CHECK(unreachable_for(v4).empty());
    CHECK(too_big(v4).empty());
  }
  Bytes v6 = big(true);
  v6[24] = 0xff;
  CHECK(unreachable_for(v6).empty());
  CHECK(!too_big(v6).empty());
}

TEST_CASE("nobody answers a source that is no single host") {
  Bytes v4 = big(false);
  for (const int first : {0, 127, 224, 255}) {
    v4[12] = static_cast<std::uint8_t>(first);
    CHECK(unreachable_for(v4).empty());
    CHECK(too_big(v4).empty());
  }
  Bytes v6 = big(true);
  v6[8] = 0xff;
  CHECK(too_big(v6).empty());
  v6[8] = 0;
  CHECK(unreachable_for(v6).empty());  // ::1
  v6[23] = 0;
  CHECK(too_big(v6).empty());  // ::
  v6[23] = 2;
  CHECK(!too_big(v6).empty());
}
