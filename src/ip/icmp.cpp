// SPDX-License-Identifier: Apache-2.0
#include "ip/icmp.hpp"

#include <algorithm>

#include "ip/checksum.hpp"
#include "ip/network_order.hpp"
#include "util/check.hpp"

namespace hsfwd::ip {

namespace {

constexpr std::size_t kIcmpHeaderSize = 8;
/// RFC 1812, section 4.3.2.3: as much of the packet as leaves the answer below what every host takes.
constexpr std::size_t kMaxIcmpv4Size = 576;
constexpr std::uint8_t kHopLimit = 64;
/// RFC 1812, section 4.3.2.5: internetwork control.
constexpr std::uint8_t kPrecedence = 0xc0;
constexpr std::uint8_t kDontFragmentHigh = 0x40;

// ICMP for IPv4: types, and codes of kUnreachableV4.
constexpr std::uint8_t kUnreachableV4 = 3;
constexpr std::uint8_t kHostUnreachable = 1;
constexpr std::uint8_t kFragmentationNeeded = 4;
constexpr std::uint8_t kProhibitedV4 = 13;
// ICMPv6. Types below kFirstQueryV6 are errors.
constexpr std::uint8_t kUnreachableV6 = 1;
constexpr std::uint8_t kTooBigV6 = 2;
constexpr std::uint8_t kProhibitedV6 = 1;
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

/// Neither this host, nor several.
bool is_single(const Ipv6& host) {
  if (is_group(host)) return false;
  if (host.is_mapped()) return host.bytes[12] != 0 && host.bytes[12] != 127;
  return !host.is_any() && !host.is_loopback();
}

bool may_answer(const Packet& packet, bool to_group) {
  if (may_be_error(packet) || !is_single(packet.source)) return false;
  const bool v4 = packet.family() == Family::kIpv4;
  if (v4 && packet.fragment && !packet.first_fragment) return false;
  return to_group || !is_group(packet.destination);
}

void write_ipv4(std::uint8_t* p, std::size_t size, const Ipv6& from, const Ipv6& to) {
  p[0] = 0x45;
  p[1] = kPrecedence;
  store_be16(p + 2, static_cast<std::uint16_t>(size));
  p[6] = kDontFragmentHigh;
  p[8] = kHopLimit;
  p[9] = protocol::kIcmp;
  store_be32(p + 12, from.ipv4());
  store_be32(p + 16, to.ipv4());
  Sum sum;
  sum.add({p, kIpv4HeaderSize});
  store_be16(p + 10, sum.checksum());
}

void write_ipv6(std::uint8_t* p, std::size_t size, const Ipv6& from, const Ipv6& to) {
  p[0] = 0x60;
  store_be16(p + 4, static_cast<std::uint16_t>(size - kIpv6HeaderSize));
  p[6] = protocol::kIcmpv6;
  p[7] = kHopLimit;
  std::copy_n(from.bytes.begin(), 16, p + 8);
  std::copy_n(to.bytes.begin(), 16, p + 24);
}

MutableBytes write(const Packet& about, Message message, const Ipv6& from, MutableBytes room) {
  const bool v4 = about.family() == Family::kIpv4;
  HSFWD_CHECK(room.size() >= kMaxIcmpSize && from.is_mapped() == v4);
  const std::size_t ip = v4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  const std::size_t headers = ip + kIcmpHeaderSize;
  const std::size_t quoted =
      std::min(about.bytes.size(), (v4 ? kMaxIcmpv4Size : kMaxIcmpSize) - headers);
  const MutableBytes out = room.first(headers + quoted);
  std::fill_n(out.begin(), headers, std::uint8_t{0});
  const MutableBytes icmp = out.subspan(ip);
  icmp[0] = message.type;
  icmp[1] = message.code;
  store_be32(&icmp[4], message.argument);
  copy_bytes(about.bytes.first(quoted), icmp.subspan(kIcmpHeaderSize));
  (v4 ? write_ipv4 : write_ipv6)(out.data(), out.size(), from, about.source);
  Sum sum;
  if (!v4) sum = pseudo_header(ByteView(out).subspan(8, 32), protocol::kIcmpv6, icmp.size());
  sum.add(icmp);
  store_be16(&icmp[2], sum.checksum());
  return out;
}

}  // namespace

MutableBytes unreachable(const Packet& packet, Unreachable reason, const Ipv6& from,
                         MutableBytes room) {
  if (!may_answer(packet, false)) return {};
  const bool prohibited = reason == Unreachable::kProhibited;
  if (packet.family() == Family::kIpv4) {
    const std::uint8_t code = prohibited ? kProhibitedV4 : kHostUnreachable;
    return write(packet, {kUnreachableV4, code, 0}, from, room);
  }
  const std::uint8_t code = prohibited ? kProhibitedV6 : 0;
  return write(packet, {kUnreachableV6, code, 0}, from, room);
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
