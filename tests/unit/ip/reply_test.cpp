// SPDX-License-Identifier: Apache-2.0
#include "ip/reply.hpp"

#include <catch2/catch.hpp>

#include "ip/network_order.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::ip;
using ip_test::Fields;

namespace {

Bytes reset_for(const Fields& fields) {
  const Bytes packet = fields.build();
  Bytes room(100, 0xee);
  return to_bytes(tcp_reset(*Packet::parse(packet), room));
}

/// Of a whole packet whose source and destination are those of `about`, the other way round.
Packet checked(const Bytes& answer, const Packet& about) {
  const auto packet = Packet::parse(answer);
  REQUIRE(packet.ok());
  CHECK(packet->bytes.size() == answer.size());
  CHECK(packet->source == about.destination);
  CHECK(packet->destination == about.source);
  CHECK(!packet->fragment);
  if (packet->protocol == protocol::kIcmp) {
    CHECK(ip_test::slow_checksum(packet->upper()) == 0);
  } else {
    CHECK(ip_test::slow_upper_checksum(packet->addresses(), packet->protocol, packet->upper()) ==
          0);
  }
  if (packet->family() == Family::kIpv4) {
    CHECK(ip_test::slow_checksum(ByteView(answer).first(20)) == 0);
  }
  return *packet;
}

Fields echo_fields(bool v6) {
  Bytes upper = {static_cast<std::uint8_t>(v6 ? 128 : 8), 0, 0, 0, 0, 7, 0, 1, 'a', 'b', 'c'};
  return {.v6 = v6, .protocol = v6 ? protocol::kIcmpv6 : protocol::kIcmp, .payload = upper};
}

/// Nothing says anything to it.
void check_silence(const Bytes& bytes) {
  const auto packet = Packet::parse(bytes);
  REQUIRE(packet.ok());
  Bytes room(2000);
  CHECK(udp_reply(*packet, Bytes(10), room).empty());
  CHECK(tcp_reset(*packet, room).empty());
  CHECK(echo_reply(*packet, room).empty());
}

}  // namespace

TEST_CASE("a datagram is answered to where it came from") {
  for (const bool v6 : {false, true}) {
    for (const std::size_t size : {0, 1, 2, 511, 512}) {
      const Bytes asked =
          Fields{.v6 = v6, .protocol = protocol::kUdp, .payload = Bytes(30)}.build();
      const Bytes payload = ip_test::pattern(size);
      Bytes room(600, 0xee);
      const auto about = Packet::parse(asked);
      const Bytes out = to_bytes(udp_reply(*about, payload, room));
      const Packet packet = checked(out, *about);
      CHECK(packet.is_udp());
      CHECK(*packet.ports == Packet::Ports{2000, 1000});
      CHECK(equal(packet.payload(), payload));
    }
  }
}

TEST_CASE("a checksum of a datagram that comes to zero is written as what is equal to it") {
  const Bytes asked = Fields{.protocol = protocol::kUdp}.build();
  const auto about = Packet::parse(asked);
  Bytes room(100);
  int seen = 0;
  for (int i = 0; i < 0x10000; ++i) {
    const Bytes payload = {static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    const ByteView out = udp_reply(*about, payload, room);
    const std::uint16_t checksum = load_be16(&out[20 + kUdpChecksumAt]);
    REQUIRE(checksum != 0);
    seen += checksum == 0xffff ? 1 : 0;
  }
  CHECK(seen > 0);
}

TEST_CASE("a reset is one that the sender believes") {
  for (const bool v6 : {false, true}) {
    struct Row {
      std::uint8_t flags;
      std::size_t payload;
      std::uint8_t expected_flags;
      std::uint32_t seq;
      std::uint32_t ack;
    };
    using namespace tcp_flag;
    const Row rows[] = {{kSyn, 0, kRst | kAck, 0, 0},  // 0xffffffff and one more
                        {kSyn, 3, kRst | kAck, 0, 3},  {kFin, 3, kRst | kAck, 0, 3},
                        {0, 10, kRst | kAck, 0, 9},    {kAck, 10, kRst, 77, 0},
                        {kSyn | kAck, 0, kRst, 77, 0}, {kFin | kAck, 0, kRst, 77, 0}};
    for (const Row& row : rows) {
      const Fields fields{.v6 = v6,
                          .seq = 0xffffffff,
                          .ack = 77,
                          .tcp_flags = row.flags,
                          .options = Bytes(8, 1),
                          .payload = Bytes(row.payload)};
      const Bytes asked = fields.build();
      const Bytes answer = reset_for(fields);
      const Packet packet = checked(answer, *Packet::parse(asked));
      CHECK(packet.is_tcp());
      CHECK(*packet.ports == Packet::Ports{2000, 1000});
      CHECK(packet.tcp_flags == row.expected_flags);
      CHECK(load_be32(&packet.upper()[4]) == row.seq);
      CHECK(load_be32(&packet.upper()[8]) == row.ack);
      CHECK(packet.payload().empty());
      // No answer to the answer.
      Bytes room(100);
      CHECK(tcp_reset(packet, room).empty());
    }
  }
}

TEST_CASE("an echo comes back as it was, if there is room for it") {
  for (const bool v6 : {false, true}) {
    const Bytes asked = echo_fields(v6).build();
    const auto about = Packet::parse(asked);
    Bytes room(asked.size(), 0xee);
    const Bytes answer = to_bytes(echo_reply(*about, room));
    const Packet packet = checked(answer, *about);
    CHECK(packet.upper()[0] == (v6 ? 129 : 0));
    CHECK(equal(packet.upper().subspan(4), about->upper().subspan(4)));
    CHECK(echo_reply(*about, MutableBytes(room).first(room.size() - 1)).empty());
    CHECK(echo_reply(packet, room).empty());
  }
}

TEST_CASE("pieces, several hosts and nobody are not answered") {
  for (const bool v6 : {false, true}) {
    for (const Fields& fields :
         {Fields{.v6 = v6}, Fields{.v6 = v6, .protocol = protocol::kUdp}, echo_fields(v6)}) {
      const Bytes good = fields.build();
      const std::size_t source = v6 ? 8 : 12;
      const std::size_t size = v6 ? 16 : 4;
      for (const std::size_t at : {source, source + size}) {
        Bytes group = good;
        group[at] = v6 ? 0xff : 224;
        check_silence(group);
        Bytes nobody = good;
        std::fill_n(nobody.begin() + static_cast<std::ptrdiff_t>(at), size, std::uint8_t{0});
        check_silence(nobody);
      }
      if (v6) continue;
      Fields piece = fields;
      piece.fragment = 0x2000;
      piece.payload.resize(16);
      check_silence(piece.build());
    }
    check_silence(Fields{.v6 = v6, .tcp_flags = tcp_flag::kRst}.build());
    check_silence(Fields{.v6 = v6, .protocol = protocol::kUdp, .source_port = 0}.build());
    check_silence(Fields{.v6 = v6, .protocol = 132, .payload = Bytes(20)}.build());
  }
}
