// SPDX-License-Identifier: Apache-2.0
#include "ip/segmentation.hpp"

#include <catch2/catch.hpp>

#include "ip/network_order.hpp"
#include "sim/random.hpp"
#include "unit/ip/packets.hpp"
#include "unit/ip/round_trip.hpp"

using namespace hsfwd;
using namespace hsfwd::ip;
using ip_test::Fields;

namespace {

/// A packet as the kernel hands it over, its checksum begun and not done.
Bytes with_partial_checksum(const Fields& fields) {
  Bytes out = fields.build();
  const std::size_t ip = fields.v6 ? 40 : 20;
  const ByteView addresses =
      fields.v6 ? ByteView(out).subspan(8, 32) : ByteView(out).subspan(12, 8);
  const std::size_t size = out.size() - ip;
  const auto begun = static_cast<std::uint16_t>(
      ~ip_test::slow_checksum(Bytes{0, fields.protocol, static_cast<std::uint8_t>(size >> 8),
                                    static_cast<std::uint8_t>(size)},
                              static_cast<std::uint16_t>(~ip_test::slow_checksum(addresses))));
  store_be16(&out[ip + (fields.protocol == protocol::kTcp ? 16u : 6u)], begun);
  return out;
}

VnetHeader header_for(const Fields& fields, std::uint16_t gso_size) {
  const bool tcp = fields.protocol == protocol::kTcp;
  const std::uint8_t tcp_type = fields.v6 ? VnetHeader::kTcpv6 : VnetHeader::kTcpv4;
  return {.flags = VnetHeader::kNeedsChecksum,
          .gso_type = tcp ? tcp_type : VnetHeader::kUdp,
          .gso_size = gso_size,
          .checksum_start = static_cast<std::uint16_t>(fields.v6 ? 40 : 20),
          .checksum_offset = static_cast<std::uint16_t>(tcp ? 16 : 6)};
}

/// The packets that a sender without offloads makes of `whole`.
std::vector<Bytes> sent_singly(const Fields& whole, std::size_t gso_size) {
  std::vector<Bytes> out;
  for (std::size_t at = 0; at < whole.payload.size(); at += gso_size) {
    const std::size_t size = std::min(gso_size, whole.payload.size() - at);
    const bool last = at + size == whole.payload.size();
    Fields one = whole;
    one.payload = to_bytes(ByteView(whole.payload).subspan(at, size));
    one.seq = whole.seq + static_cast<std::uint32_t>(at);
    one.id = static_cast<std::uint16_t>(whole.id + out.size());
    if (!last) one.tcp_flags &= static_cast<std::uint8_t>(~(tcp_flag::kFin | tcp_flag::kPsh));
    if (at > 0) one.tcp_flags &= static_cast<std::uint8_t>(~tcp_flag::kCwr);
    out.push_back(one.build());
  }
  return out;
}

Errc refusal(const VnetHeader& header, ByteView packet) {
  const auto started = Segmenter::start(header, packet);
  REQUIRE(!started.ok());
  return started.error();
}

}  // namespace

TEST_CASE("a vnet header is as Linux has it") {
  const VnetHeader header{.flags = 1,
                          .gso_type = 4,
                          .header_size = 0x1234,
                          .gso_size = 1400,
                          .checksum_start = 40,
                          .checksum_offset = 16};
  const auto bytes = header.encode();
  CHECK(*VnetHeader::decode(bytes) == header);
  CHECK(VnetHeader::decode(ByteView(bytes).first(9)).error() == Errc::kTruncated);
  std::uint16_t size;
  std::memcpy(&size, &bytes[4], 2);
  CHECK(size == 1400);
}

TEST_CASE("a GSO packet becomes what its sender would have sent without offloads") {
  for (const std::size_t size : {1, 99, 100, 101, 5000, 5001, 60'000}) {
    for (const std::size_t gso_size : {1, 100, 1220, 65'535}) {
      if (size / gso_size > 700) continue;
      for (const bool v6 : {false, true}) {
        for (const std::uint8_t proto : {protocol::kTcp, protocol::kUdp}) {
          Fields whole{
              .v6 = v6, .protocol = proto, .id = 0xfffe, .seq = 0xffffff00, .tcp_flags = 0xff};
          whole.options = Bytes(12, 1);
          whole.payload = ip_test::pattern(size);
          const auto header = header_for(whole, static_cast<std::uint16_t>(gso_size));
          const Bytes read = with_partial_checksum(whole);
          auto segmenter = Segmenter::start(header, read);
          REQUIRE(segmenter.ok());
          const auto packets = ip_test::cut(*segmenter);
          REQUIRE(packets.size() == segmenter->count());
          REQUIRE(packets == sent_singly(whole, gso_size));
        }
      }
    }
  }
}

TEST_CASE("a datagram whose checksum comes out as zero has 0xffff") {
  Fields fields{.protocol = protocol::kUdp, .payload = Bytes(4)};
  // The two bytes of the payload that make up for everything else.
  const Bytes built = fields.build();
  store_be16(&fields.payload[0], load_be16(&built[26]));
  const Bytes read = with_partial_checksum(fields);
  for (const std::uint8_t type : {VnetHeader::kNone, VnetHeader::kUdp}) {
    VnetHeader header = header_for(fields, 4);
    header.gso_type = type;
    const auto packets = ip_test::cut(*Segmenter::start(header, read));
    REQUIRE(packets.size() == 1);
    CHECK(load_be16(&packets[0][26]) == 0xffff);
    CHECK(packets[0] == fields.build());
  }
}

TEST_CASE("a packet without GSO goes as it is, its checksum completed") {
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t proto : {protocol::kTcp, protocol::kUdp}) {
      Fields fields{.v6 = v6, .protocol = proto, .payload = ip_test::pattern(101)};
      VnetHeader header = header_for(fields, 0);
      header.gso_type = VnetHeader::kNone;
      CHECK(ip_test::cut(*Segmenter::start(header, with_partial_checksum(fields))) ==
            std::vector<Bytes>{fields.build()});
      CHECK(ip_test::cut(*Segmenter::start({}, fields.build())) ==
            std::vector<Bytes>{fields.build()});
    }
  }
}

TEST_CASE("bytes behind the packet are not in the packets") {
  Fields fields{.payload = ip_test::pattern(250)};
  Bytes read = with_partial_checksum(fields);
  read.resize(read.size() + 30, 0xee);
  CHECK(ip_test::cut(*Segmenter::start(header_for(fields, 100), read)) == sent_singly(fields, 100));
}

TEST_CASE("a packet may be left out, and the others are the same") {
  Fields fields{.payload = ip_test::pattern(250)};
  const Bytes read = with_partial_checksum(fields);
  auto segmenter = *Segmenter::start(header_for(fields, 100), read);
  segmenter.skip();
  auto expected = sent_singly(fields, 100);
  expected.erase(expected.begin());
  CHECK(ip_test::cut(segmenter) == expected);
}

TEST_CASE("a vnet header that does not fit its packet is refused") {
  Fields tcp{.payload = ip_test::pattern(250)};
  const Bytes read = with_partial_checksum(tcp);
  const VnetHeader good = header_for(tcp, 100);
  REQUIRE(Segmenter::start(good, read).ok());

  SECTION("types that nobody asked for, and those of other packets") {
    for (int type = 1; type < 128; ++type) {
      VnetHeader header = good;
      header.gso_type = static_cast<std::uint8_t>(type);
      if (type == VnetHeader::kTcpv4) continue;
      const bool known = type == VnetHeader::kTcpv6 || type == VnetHeader::kUdp;
      CHECK(refusal(header, read) == (known ? Errc::kMalformed : Errc::kRefused));
    }
    VnetHeader header = good;
    header.gso_type |= VnetHeader::kEcn;
    CHECK(Segmenter::start(header, read).ok());
  }
  SECTION("no size") {
    VnetHeader header = good;
    header.gso_size = 0;
    CHECK(refusal(header, read) == Errc::kMalformed);
  }
  SECTION("no payload") {
    tcp.payload.clear();
    CHECK(refusal(good, with_partial_checksum(tcp)) == Errc::kMalformed);
  }
  SECTION("a checksum that is not where it is, or not left to us") {
    VnetHeader header = good;
    header.flags = 0;
    CHECK(refusal(header, read) == Errc::kRefused);
    header = good;
    header.checksum_start = 24;
    CHECK(refusal(header, read) == Errc::kMalformed);
    header = good;
    header.checksum_offset = 6;
    CHECK(refusal(header, read) == Errc::kMalformed);
    header.checksum_start = 30;
    CHECK(refusal(header, read) == Errc::kMalformed);
  }
  SECTION("a checksum beyond the packet, or in its front") {
    VnetHeader header = good;
    header.gso_type = VnetHeader::kNone;
    header.checksum_start = 0xffff;
    CHECK(refusal(header, read) == Errc::kMalformed);
    header.checksum_start = static_cast<std::uint16_t>(read.size() - 1);
    header.checksum_offset = 0;
    CHECK(refusal(header, read) == Errc::kMalformed);
    header.checksum_start = 0;
    header.checksum_offset = 10;
    CHECK(refusal(header, read) == Errc::kMalformed);
    // Elsewhere in TCP's header; further inside it may be anywhere.
    header.checksum_start = 20;
    CHECK(refusal(header, read) == Errc::kMalformed);
    header.checksum_start = 24;
    CHECK(refusal(header, read) == Errc::kMalformed);
    header.checksum_start = 60;
    CHECK(Segmenter::start(header, read).ok());
  }
  SECTION("a fragment, which has no checksum of its own") {
    tcp.fragment = 0x2000;
    CHECK(refusal(good, with_partial_checksum(tcp)) == Errc::kMalformed);
    VnetHeader header = good;
    header.gso_type = VnetHeader::kNone;
    CHECK(refusal(header, with_partial_checksum(tcp)) == Errc::kMalformed);
  }
  SECTION("a datagram that ends before its packet") {
    Fields udp{.protocol = protocol::kUdp, .payload = ip_test::pattern(250)};
    Bytes short_one = with_partial_checksum(udp);
    store_be16(&short_one[24], 200);
    CHECK(refusal(header_for(udp, 100), short_one) == Errc::kMalformed);
  }
  SECTION("no packet") {
    CHECK(refusal(good, {}) == Errc::kTruncated);
    CHECK(refusal({}, Bytes(40)) == Errc::kMalformed);
  }
}

TEST_CASE("whatever the vnet header says, nothing is written beyond the room") {
  sim::SeededRandom random(5);
  int started = 0;
  for (int i = 0; i < 50'000; ++i) {
    Fields fields{.v6 = i % 2 == 0, .payload = ip_test::pattern(random.below(300))};
    if (i % 3 == 0) fields.protocol = protocol::kUdp;
    const Bytes read = with_partial_checksum(fields);
    auto bytes = header_for(fields, static_cast<std::uint16_t>(random.below(200))).encode();
    for (std::uint32_t n = random.below(3); n > 0; --n) {
      bytes[random.below(10)] = static_cast<std::uint8_t>(random.below(8));
    }
    const auto segmenter = Segmenter::start(*VnetHeader::decode(bytes), read);
    if (!segmenter) continue;
    ++started;
    std::size_t payload = 0;
    for (const Bytes& packet : ip_test::cut(*segmenter)) {
      const auto parsed = Packet::parse(packet);
      REQUIRE(parsed.ok());
      REQUIRE(parsed->bytes.size() == packet.size());
      payload += parsed->payload().size();
    }
    REQUIRE(payload == fields.payload.size());
  }
  CHECK(started > 1000);
}
