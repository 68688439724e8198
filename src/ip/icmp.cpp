// SPDX-License-Identifier: Apache-2.0
#include "ip/icmp.hpp"

#include <algorithm>

#include "ip/header.hpp"
#include "ip/network_order.hpp"
#include "util/check.hpp"

namespace hsfwd::ip {

namespace {

constexpr std::size_t kIcmpHeaderSize = 8;
/// RFC 1812, section 4.3.2.3: as much of the packet as leaves the answer below what every host takes.
constexpr std::size_t kMaxIcmpv4Size = 576;
/// RFC 1812, section 4.3.2.5: internetwork control.
constexpr std::uint8_t kPrecedence = 0xc0;

// ICMP for IPv4: types, and a code of kUnreachableV4.
constexpr std::uint8_t kUnreachableV4 = 3;
constexpr std::uint8_t kFragmentationNeeded = 4;
// ICMPv6. Types below kFirstQueryV6 are errors.
constexpr std::uint8_t kUnreachableV6 = 1;
constexpr std::uint8_t kTooBigV6 = 2;
constexpr std::uint8_t kFirstQueryV6 = 128;
constexpr std::uint8_t kRedirectV6 = 137;

struct Message {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t argument = 0;
};

/// Types that are no errors (RFC 792, RFC 950, RFC 1256). What is not known may be one.
bool is_query_v4(std::uint8_t type) {
  switch (type) {
    case 0:
    case 8:
    case 9:
    case 10:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
    case 18:
      return true;
    default:
      return false;
  }
}

/// An ICMP error, or what may be one.
bool may_be_error(const Packet& packet) {
  const bool v4 = packet.family() == Family::kIpv4;
  if (packet.protocol != (v4 ? protocol::kIcmp : protocol::kIcmpv6)) return false;
  const bool later = packet.fragment && !packet.first_fragment;
  if (later || packet.upper().empty()) return true;
  const std::uint8_t type = packet.upper()[0];
  return v4 ? !is_query_v4(type) : type < kFirstQueryV6 || type == kRedirectV6;
}

bool is_group(const Ipv6& host) {
  // IPv4: groups, and what lies beyond, the broadcast address in the end.
  return host.is_mapped() ? host.bytes[12] >= 224 : host.is_multicast();
}

bool may_answer(const Packet& packet, bool to_group) {
  if (may_be_error(packet) || !is_single_host(packet.source)) return false;
  const bool v4 = packet.family() == Family::kIpv4;
  if (v4 && packet.fragment && !packet.first_fragment) return false;
  return to_group || !is_group(packet.destination);
}

MutableBytes write(const Packet& about, Message message, const Ipv6& from, MutableBytes room) {
  const bool v4 = about.family() == Family::kIpv4;
  HSFWD_CHECK(room.size() >= kMaxIcmpSize && from.is_mapped() == v4);
  const std::size_t headers = (v4 ? kIpv4HeaderSize : kIpv6HeaderSize) + kIcmpHeaderSize;
  const std::size_t quoted =
      std::min(about.bytes.size(), (v4 ? kMaxIcmpv4Size : kMaxIcmpSize) - headers);
  const Header header{.from = from,
                      .to = about.source,
                      .protocol = v4 ? protocol::kIcmp : protocol::kIcmpv6,
                      .traffic_class = v4 ? kPrecedence : std::uint8_t{0}};
  const MutableBytes out = write_header(header, kIcmpHeaderSize + quoted, room);
  const MutableBytes icmp = out.last(kIcmpHeaderSize + quoted);
  icmp[0] = message.type;
  icmp[1] = message.code;
  store_be32(&icmp[4], message.argument);
  copy_bytes(about.bytes.first(quoted), icmp.subspan(kIcmpHeaderSize));
  write_checksum(out, kIcmpChecksumAt);
  return out;
}

struct Codes {
  std::uint8_t v4;
  std::uint8_t v6;
};
Codes codes_of(Unreachable reason) {
  switch (reason) {
    case Unreachable::kNoRoute:
      return {1, 0};
    case Unreachable::kProhibited:
      return {13, 1};
    case Unreachable::kPort:
      return {3, 4};
  }
  HSFWD_CHECK(false);
}

}  // namespace

bool is_single_host(const Ipv6& host) {
  if (is_group(host)) return false;
  if (host.is_mapped()) return host.bytes[12] != 0 && host.bytes[12] != 127;
  return !host.is_any() && !host.is_loopback();
}

MutableBytes unreachable(const Packet& packet, Unreachable reason, const Ipv6& from,
                         MutableBytes room) {
  if (!may_answer(packet, false)) return {};
  const bool v4 = packet.family() == Family::kIpv4;
  const Codes codes = codes_of(reason);
  if (v4) return write(packet, {kUnreachableV4, codes.v4, 0}, from, room);
  return write(packet, {kUnreachableV6, codes.v6, 0}, from, room);
}

MutableBytes packet_too_big(const Packet& packet, std::size_t mtu, const Ipv6& from,
                            MutableBytes room) {
  const bool v4 = packet.family() == Family::kIpv4;
  if (!dont_fragment(packet)) return {};
  // How large a path to a group is can be found out in IPv6 (RFC 4443, section 2.4e.3).
  if (!may_answer(packet, !v4)) return {};
  const auto size = static_cast<std::uint32_t>(std::min(mtu, kMaxPacket));
  if (v4) return write(packet, {kUnreachableV4, kFragmentationNeeded, size}, from, room);
  return write(packet, {kTooBigV6, 0, size}, from, room);
}

}  // namespace hsfwd::ip
