// SPDX-License-Identifier: Apache-2.0
#include "ip/packet.hpp"

#include <catch2/catch.hpp>

#include "ip/network_order.hpp"
#include "sim/random.hpp"
#include "unit/ip/packets.hpp"

using namespace hsfwd;
using namespace hsfwd::ip;
using ip_test::Fields;

namespace {

Errc error_of(ByteView bytes) {
  const auto parsed = Packet::parse(bytes);
  REQUIRE(!parsed.ok());
  return parsed.error();
}

/// An IPv6 packet with the given extension headers, each its number and its bytes without the first.
struct Extension {
  std::uint8_t number;
  Bytes rest;
};
Bytes with_extensions(Fields fields, const std::vector<Extension>& extensions) {
  fields.v6 = true;
  const Bytes transport = fields.upper();
  Bytes chain;
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    const bool last = i + 1 == extensions.size();
    chain.push_back(last ? fields.protocol : extensions[i + 1].number);
    append(chain, extensions[i].rest);
  }
  append(chain, transport);
  Bytes out = fields.ip_header(chain.size());
  if (!extensions.empty()) out[6] = extensions[0].number;
  append(out, chain);
  return out;
}

const Bytes kEightBytes = {0, 1, 2, 0, 0, 0, 0};                             // length 0
const Bytes kSixteenBytes = {1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // length 1
const Bytes kWholeFragment = {0, 0, 0, 0, 0, 0, 7};                          // offset 0, no more
const Bytes kFirstFragment = {0, 0, 1, 0, 0, 0, 7};                          // offset 0, more
const Bytes kLaterFragment = {0, 0x00, 0x80, 0, 0, 0, 7};                    // offset 16, no more

/// What there is to know of a packet without extension headers, options of IP and fragments, read off one byte after
/// the other; nothing if it is refused.
struct Plain {
  std::size_t total;
  std::size_t header;
  std::size_t transport;
  int source_port = -1;
};
std::optional<Plain> read_plain(ByteView b) {
  const bool v6 = b[0] / 16 == 6;
  Plain out{};
  out.header = v6 ? 40 : static_cast<std::size_t>(b[0] % 16) * 4;
  out.total = v6 ? 40u + b[4] * 256u + b[5] : b[2] * 256u + b[3];
  if (out.total > b.size() || out.header < 20 || out.total < out.header) return std::nullopt;
  const std::size_t upper = out.total - out.header;
  const std::size_t protocol = b[v6 ? 6 : 9];
  if (protocol != 6 && protocol != 17) return out;
  if (upper < (protocol == 6 ? 20u : 8u)) return std::nullopt;
  const ByteView t = b.subspan(out.header);
  out.transport = protocol == 6 ? static_cast<std::size_t>(t[12] / 16) * 4 : 8;
  const std::size_t claimed = protocol == 6 ? out.transport : t[4] * 256u + t[5];
  if (claimed > upper || claimed < (protocol == 6 ? 20u : 8u)) return std::nullopt;
  out.source_port = t[0] * 256 + t[1];
  return out;
}

}  // namespace

TEST_CASE("TCP over IPv4") {
  const Fields fields{.tcp_flags = tcp_flag::kSyn, .options = Bytes(4, 1), .payload = Bytes(10, 7)};
  const Bytes bytes = fields.build();
  const auto packet = Packet::parse(bytes);
  REQUIRE(packet.ok());
  CHECK(packet->family() == Family::kIpv4);
  CHECK(packet->source == Ipv6::parse("::ffff:10.0.0.1"));
  CHECK(packet->destination == Ipv6::parse("::ffff:10.0.0.9"));
  CHECK(packet->protocol == protocol::kTcp);
  CHECK(packet->header_size == 20);
  CHECK(packet->transport_size == 24);
  CHECK(packet->ports == Packet::Ports{1000, 2000});
  CHECK(packet->tcp_flags == tcp_flag::kSyn);
  CHECK(equal(packet->payload(), fields.payload));
  CHECK(dont_fragment(*packet));
  CHECK(!packet->fragment);
}

TEST_CASE("UDP over IPv6") {
  const Fields fields{.v6 = true, .protocol = protocol::kUdp, .payload = Bytes(3, 7)};
  const Bytes bytes = fields.build();
  const auto packet = Packet::parse(bytes);
  REQUIRE(packet.ok());
  CHECK(packet->family() == Family::kIpv6);
  CHECK(packet->source == Ipv6::parse("fd00::1"));
  CHECK(packet->destination == Ipv6::parse("fd00::9"));
  CHECK(packet->is_udp());
  CHECK(!packet->is_tcp());
  CHECK(packet->addresses().size() == 32);
  CHECK(equal(packet->payload(), fields.payload));
}

TEST_CASE("an IPv6 packet whose addresses stand for IPv4 hosts is refused") {
  const Bytes bytes = Fields{.v6 = true, .payload = Bytes(3)}.build();
  const Ipv6 ipv4 = Ipv6::mapped(0x0a000001);
  for (const std::size_t at : {8u, 24u}) {
    Bytes mapped = bytes;
    copy_bytes(ipv4.bytes, MutableBytes(mapped).subspan(at));
    CHECK(error_of(mapped) == Errc::kRefused);
    // One bit more or less in what they all begin with, and it is an IPv6 host.
    mapped[at + 9] = 1;
    CHECK(Packet::parse(mapped).ok());
    mapped[at + 9] = 0;
    mapped[at + 11] = 0xfe;
    CHECK(Packet::parse(mapped).ok());
  }
}

TEST_CASE("what stands behind a packet's end is cut off, and what is missing is not made up") {
  for (const bool v6 : {false, true}) {
    Bytes bytes = Fields{.v6 = v6, .payload = Bytes(10)}.build();
    const std::size_t size = bytes.size();
    bytes.resize(size + 9);
    CHECK(Packet::parse(bytes)->bytes.size() == size);
    for (std::size_t i = 0; i < size; ++i) {
      CHECK(error_of(ByteView(bytes).first(i)) == Errc::kTruncated);
    }
  }
}

TEST_CASE("versions and headers that do not exist") {
  Bytes bytes = Fields{.payload = Bytes(10)}.build();
  for (const int version : {0, 1, 5, 7, 15}) {
    bytes[0] = static_cast<std::uint8_t>(version << 4 | 5);
    CHECK(error_of(bytes) == Errc::kMalformed);
  }
  bytes[0] = 0x44;
  CHECK(error_of(bytes) == Errc::kMalformed);
  // A total length that ends in the header.
  bytes[0] = 0x46;
  store_be16(&bytes[2], 23);
  CHECK(error_of(bytes) == Errc::kMalformed);
}

TEST_CASE("transport headers that are longer than the packet, or shorter than they can be") {
  for (const bool v6 : {false, true}) {
    const std::size_t ip = v6 ? 40 : 20;
    Bytes tcp = Fields{.v6 = v6, .payload = Bytes(4)}.build();
    tcp[ip + 12] = 0x40;
    CHECK(error_of(tcp) == Errc::kMalformed);
    tcp[ip + 12] = 0x60;
    CHECK(Packet::parse(tcp)->payload().empty());
    tcp[ip + 12] = 0x70;
    CHECK(error_of(tcp) == Errc::kTruncated);
    Bytes udp = Fields{.v6 = v6, .protocol = protocol::kUdp, .payload = Bytes(4)}.build();
    udp[ip + 5] = 13;
    CHECK(error_of(udp) == Errc::kTruncated);
    udp[ip + 5] = 7;
    CHECK(error_of(udp) == Errc::kMalformed);
    udp[ip + 5] = 8;
    CHECK(Packet::parse(udp).ok());
  }
}

TEST_CASE("fragments of IPv4") {
  Fields fields{.fragment = 0x2000, .payload = Bytes(8)};
  Bytes bytes = fields.build();
  const auto first = Packet::parse(bytes);
  CHECK(first->fragment);
  CHECK(first->first_fragment);
  CHECK(first->fragment_id == fields.id);
  CHECK(first->ports == Packet::Ports{1000, 2000});
  fields.fragment = 0x2010;
  bytes = fields.build();
  const auto later = Packet::parse(bytes);
  CHECK(later->fragment);
  CHECK(!later->first_fragment);
  CHECK(later->fragment_id == fields.id);
  CHECK(!later->ports);
  CHECK(later->tcp_flags == 0);
  CHECK(!later->is_tcp());
  CHECK(later->protocol == protocol::kTcp);
}

TEST_CASE("fragments made to get a header past a filter are refused") {
  Fields fields{.fragment = 0x2000};
  Bytes tiny = fields.build();
  tiny.resize(28);
  store_be16(&tiny[2], 28);
  CHECK(error_of(tiny) == Errc::kRefused);
  // One that would overwrite the flags of the first.
  fields.fragment = 0x0001;
  CHECK(error_of(fields.build()) == Errc::kRefused);
  fields.protocol = protocol::kUdp;
  CHECK(Packet::parse(fields.build()).ok());
  // One whose extension headers go on in the next fragment.
  Bytes chain = with_extensions({}, {{44, kFirstFragment}, {60, kSixteenBytes}});
  chain.resize(40 + 8 + 8);
  store_be16(&chain[4], 16);
  CHECK(error_of(chain) == Errc::kRefused);
}

TEST_CASE("the first fragment of a datagram has less than its length says") {
  Fields fields{.protocol = protocol::kUdp, .fragment = 0x2000, .payload = Bytes(8)};
  Bytes bytes = fields.build();
  store_be16(&bytes[24], 2000);
  CHECK(Packet::parse(bytes)->is_udp());
  store_be16(&bytes[6], 0);
  CHECK(error_of(bytes) == Errc::kTruncated);
}

TEST_CASE("extension headers of IPv6 are walked over") {
  const Bytes bytes =
      with_extensions({.payload = Bytes(5)}, {{0, kEightBytes},
                                              {60, kSixteenBytes},
                                              {43, kEightBytes},
                                              {44, kWholeFragment},
                                              {51, Bytes{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
                                              {135, kEightBytes}});
  const auto packet = Packet::parse(bytes);
  REQUIRE(packet.ok());
  CHECK(packet->header_size == 40 + 8 + 16 + 8 + 8 + 12 + 8);
  CHECK(packet->is_tcp());
  CHECK(packet->payload().size() == 5);
  // It is whole, whatever headers it has.
  CHECK(!packet->fragment);
}

TEST_CASE("fragments of IPv6") {
  const Bytes first =
      with_extensions({.payload = Bytes(5)}, {{44, kFirstFragment}, {60, kEightBytes}});
  CHECK(Packet::parse(first)->first_fragment);
  CHECK(Packet::parse(first)->is_tcp());
  const Bytes later = with_extensions({.payload = Bytes(5)}, {{44, kLaterFragment}});
  const auto packet = Packet::parse(later);
  CHECK(packet->fragment);
  CHECK(!packet->first_fragment);
  CHECK(!packet->ports);
  CHECK(packet->header_size == 48);
  // The bytes of a later one are no headers.
  const Bytes middle =
      with_extensions({.payload = Bytes(5)}, {{44, kLaterFragment}, {60, kEightBytes}});
  CHECK(Packet::parse(middle)->protocol == 60);
  CHECK(Packet::parse(middle)->header_size == 48);
}

TEST_CASE("extension headers that nobody sends are refused") {
  std::vector<Extension> many(8, {60, kEightBytes});
  CHECK(Packet::parse(with_extensions({}, many)).ok());
  many.push_back({60, kEightBytes});
  CHECK(error_of(with_extensions({}, many)) == Errc::kTooLarge);
  CHECK(error_of(with_extensions({}, {{60, kEightBytes}, {0, kEightBytes}})) == Errc::kMalformed);
  CHECK(error_of(with_extensions({}, {{44, kFirstFragment}, {44, kFirstFragment}})) ==
        Errc::kRefused);
  Bytes beyond = with_extensions({}, {{60, kEightBytes}});
  beyond[41] = 200;
  CHECK(error_of(beyond) == Errc::kTruncated);
}

TEST_CASE("a packet of other protocols has neither ports nor a transport header") {
  for (const int number : {1, 50, 58, 59, 132, 255}) {
    for (const bool v6 : {false, true}) {
      Fields fields{.v6 = v6, .protocol = static_cast<std::uint8_t>(number), .payload = Bytes(2)};
      const Bytes bytes = fields.build();
      const auto packet = Packet::parse(bytes);
      REQUIRE(packet.ok());
      CHECK(!packet->ports);
      CHECK(packet->payload().size() == 2);
    }
  }
}

TEST_CASE("the parser agrees with one that reads byte by byte, for packets with bytes changed") {
  sim::SeededRandom random(9);
  int good = 0;
  for (int i = 0; i < 100'000; ++i) {
    Fields fields{.v6 = i % 2 == 0, .payload = ip_test::pattern(random.below(12))};
    if (i % 4 < 2) fields.protocol = protocol::kUdp;
    fields.options = Bytes(4 * random.below(3));
    Bytes bytes = fields.build();
    // Of IP the version, the lengths, of the upper layer anything.
    const std::size_t ip = fields.v6 ? 40 : 20;
    const std::size_t lengths = fields.v6 ? 4 : 2;
    for (std::uint32_t n = random.below(3); n > 0; --n) {
      const std::size_t places[] = {lengths, lengths + 1, ip + random.below(14)};
      bytes[places[random.below(3)]] = static_cast<std::uint8_t>(random.below(64));
    }
    if (!fields.v6) bytes[0] = static_cast<std::uint8_t>(0x40 | (4 + random.below(4)));
    const auto expected = read_plain(bytes);
    const auto packet = Packet::parse(bytes);
    REQUIRE(packet.ok() == expected.has_value());
    if (!packet) continue;
    ++good;
    REQUIRE(packet->bytes.size() == expected->total);
    REQUIRE(packet->header_size == expected->header);
    REQUIRE(packet->transport_size == expected->transport);
    REQUIRE((packet->ports ? packet->ports->source : -1) == expected->source_port);
  }
  CHECK(good > 10'000);
  CHECK(good < 90'000);
}
