// SPDX-License-Identifier: Apache-2.0
#include "ip/packet.hpp"

#include "ip/network_order.hpp"

namespace hsfwd::ip {

namespace {

// IPv6 extension headers. Encapsulated security payload (50) is an upper layer here: nothing behind it can be read.
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestination = 60;
constexpr std::uint8_t kMobility = 135;
constexpr std::uint8_t kHip = 139;
constexpr std::uint8_t kShim6 = 140;
/// RFC 8200 has each once, destination options twice, which with the three of RFC 7045's list is nine; nobody
/// uses all of them together.
constexpr int kMaxExtensions = 8;
constexpr std::size_t kFragmentHeaderSize = 8;

constexpr std::uint8_t kDontFragment = 0x40;
constexpr std::uint8_t kMoreFragments = 0x20;
constexpr std::uint16_t kFragmentOffsetMask = 0x1fff;

/// Notes what a packet is a part of; `offset` in units of 8 bytes.
void set_fragment(Packet& packet, std::uint16_t offset, bool more, std::uint32_t id) {
  packet.fragment = offset != 0 || more;
  packet.first_fragment = offset == 0 && more;
  if (packet.fragment) packet.fragment_id = id;
}

/// A later fragment, of which the upper layer cannot be told.
bool is_continuation(const Packet& packet) {
  return packet.fragment && !packet.first_fragment;
}

Result<void> parse_tcp(Packet& packet) {
  const ByteView tcp = packet.upper();
  if (tcp.size() < kTcpHeaderSize) return Err(Errc::kTruncated);
  const std::size_t size = static_cast<std::size_t>(tcp[12] >> 4) * 4;
  if (size < kTcpHeaderSize) return Err(Errc::kMalformed);
  if (size > tcp.size()) return Err(Errc::kTruncated);
  packet.transport_size = static_cast<std::uint16_t>(size);
  packet.tcp_flags = tcp[13];
  return {};
}

Result<void> parse_udp(Packet& packet) {
  const ByteView udp = packet.upper();
  if (udp.size() < kUdpHeaderSize) return Err(Errc::kTruncated);
  const std::size_t length = load_be16(&udp[4]);
  if (length < kUdpHeaderSize) return Err(Errc::kMalformed);
  // A first fragment has less than the datagram; behind its end may stand options (RFC 9868).
  if (length > udp.size() && !packet.fragment) return Err(Errc::kTruncated);
  packet.transport_size = kUdpHeaderSize;
  return {};
}

/// Where the upper layer is TCP or UDP and begins in this packet.
Result<void> parse_transport(Packet& packet) {
  const bool tcp = packet.protocol == protocol::kTcp;
  if (!tcp && packet.protocol != protocol::kUdp) return {};
  if (is_continuation(packet)) return {};
  const auto parsed = tcp ? parse_tcp(packet) : parse_udp(packet);
  if (!parsed) return packet.fragment ? Err(Errc::kRefused) : Err(parsed.error());
  packet.ports = Packet::Ports{load_be16(&packet.upper()[0]), load_be16(&packet.upper()[2])};
  return {};
}

Result<Packet> parse_ipv4(ByteView bytes) {
  if (bytes.size() < kIpv4HeaderSize) return Err(Errc::kTruncated);
  const std::size_t header = static_cast<std::size_t>(bytes[0] & 0x0f) * 4;
  const std::size_t total = load_be16(&bytes[2]);
  if (header < kIpv4HeaderSize || total < header) return Err(Errc::kMalformed);
  if (total > bytes.size()) return Err(Errc::kTruncated);
  Packet packet;
  packet.bytes = bytes.first(total);
  packet.source = Ipv6::mapped(load_be32(&bytes[12]));
  packet.destination = Ipv6::mapped(load_be32(&bytes[16]));
  packet.protocol = bytes[9];
  packet.header_size = static_cast<std::uint16_t>(header);
  const auto offset = static_cast<std::uint16_t>(load_be16(&bytes[6]) & kFragmentOffsetMask);
  set_fragment(packet, offset, (bytes[6] & kMoreFragments) != 0, load_be16(&bytes[4]));
  // Its first bytes would replace the flags of a TCP header that has passed.
  if (offset == 1 && packet.protocol == protocol::kTcp) return Err(Errc::kRefused);
  const auto transport = parse_transport(packet);
  if (!transport) return Err(transport.error());
  return packet;
}

bool is_extension(std::uint8_t protocol) {
  switch (protocol) {
    case kHopByHop:
    case kRouting:
    case kFragment:
    case kAuthentication:
    case kDestination:
    case kMobility:
    case kHip:
    case kShim6:
      return true;
    default:
      return false;
  }
}

/// Bytes of the extension header `rest` begins with, which has at least eight.
std::size_t extension_size(std::uint8_t protocol, ByteView rest) {
  if (protocol == kFragment) return kFragmentHeaderSize;
  const std::size_t length = rest[1];
  return protocol == kAuthentication ? (length + 2) * 4 : (length + 1) * 8;
}

/// Moves header_size and protocol over one extension header.
Result<void> step_extension(Packet& packet) {
  const ByteView rest = packet.upper();
  if (rest.size() < 8) return Err(Errc::kTruncated);
  const std::size_t size = extension_size(packet.protocol, rest);
  if (size < 8) return Err(Errc::kMalformed);
  if (size > rest.size()) return Err(Errc::kTruncated);
  if (packet.protocol == kFragment) {
    if (packet.fragment) return Err(Errc::kMalformed);
    const std::uint16_t offset_and_flags = load_be16(&rest[2]);
    set_fragment(packet, offset_and_flags >> 3, (offset_and_flags & 1) != 0, load_be32(&rest[4]));
  }
  packet.header_size = static_cast<std::uint16_t>(packet.header_size + size);
  packet.protocol = rest[0];
  return {};
}

/// Up to the upper layer, or to where the bytes of a later fragment begin.
Result<void> walk_extensions(Packet& packet) {
  for (int count = 0; is_extension(packet.protocol) && !is_continuation(packet); ++count) {
    if (count == kMaxExtensions) return Err(Errc::kTooLarge);
    // Only at the very front, so that routers find it.
    if (packet.protocol == kHopByHop && count > 0) return Err(Errc::kMalformed);
    const auto stepped = step_extension(packet);
    // A first fragment has all headers (RFC 8200, section 4.5).
    if (!stepped) return packet.fragment ? Err(Errc::kRefused) : Err(stepped.error());
  }
  return {};
}

Result<Packet> parse_ipv6(ByteView bytes) {
  if (bytes.size() < kIpv6HeaderSize) return Err(Errc::kTruncated);
  const std::size_t total = kIpv6HeaderSize + load_be16(&bytes[4]);
  if (total > bytes.size()) return Err(Errc::kTruncated);
  if (total > kMaxPacket) return Err(Errc::kTooLarge);
  Packet packet;
  packet.bytes = bytes.first(total);
  packet.source = Ipv6::from(bytes.subspan(8));
  packet.destination = Ipv6::from(bytes.subspan(24));
  if (packet.source.is_mapped() || packet.destination.is_mapped()) return Err(Errc::kRefused);
  packet.protocol = bytes[6];
  packet.header_size = kIpv6HeaderSize;
  const auto walked = walk_extensions(packet);
  if (!walked) return Err(walked.error());
  const auto transport = parse_transport(packet);
  if (!transport) return Err(transport.error());
  return packet;
}

}  // namespace

Result<Packet> Packet::parse(ByteView bytes) {
  if (bytes.empty()) return Err(Errc::kTruncated);
  switch (bytes[0] >> 4) {
    case 4:
      return parse_ipv4(bytes);
    case 6:
      return parse_ipv6(bytes);
    default:
      return Err(Errc::kMalformed);
  }
}

bool dont_fragment(const Packet& packet) {
  return packet.family() == Family::kIpv6 || (packet.bytes[6] & kDontFragment) != 0;
}

}  // namespace hsfwd::ip
