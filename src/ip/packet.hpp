// SPDX-License-Identifier: Apache-2.0
// What one IPv4 or IPv6 packet says of itself (RFC 791, RFC 8200).
#pragma once

#include <optional>

#include "ip/address.hpp"
#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::ip {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

/// Upper layers that this program looks into; a packet may have any other number.
namespace protocol {
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmpv6 = 58;
}  // namespace protocol

namespace tcp_flag {
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::uint8_t kUrg = 0x20;
inline constexpr std::uint8_t kEce = 0x40;
inline constexpr std::uint8_t kCwr = 0x80;
}  // namespace tcp_flag

// Bytes.
inline constexpr std::size_t kIpv4HeaderSize = 20;  // without options
inline constexpr std::size_t kIpv6HeaderSize = 40;  // without extension headers
inline constexpr std::size_t kTcpHeaderSize = 20;   // without options
inline constexpr std::size_t kUdpHeaderSize = 8;
inline constexpr std::size_t kMaxPacket = 65535;  // what both families' length fields can say

// Where the checksum stands in the header of the upper layer.
inline constexpr std::size_t kTcpChecksumAt = 16;
inline constexpr std::size_t kUdpChecksumAt = 6;
inline constexpr std::size_t kIcmpChecksumAt = 2;

/// A view of a packet that has been checked as far as its fields are listed here; it lives as long as the
/// bytes that it was parsed from. Checksums are not verified.
struct Packet {
  struct Ports {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
    bool operator==(const Ports&) const = default;
  };

  ByteView bytes;  // the packet, and nothing behind its end
  Ipv6 source;     // of IPv4 in the mapped form
  Ipv6 destination;
  /// Of the upper layer. Of a fragment other than the first, what its header names, which may be a further
  /// extension header.
  std::uint8_t protocol = 0;
  /// One of several pieces. An IPv6 packet whose fragment header says that it is whole is none (RFC 6946).
  bool fragment = false;
  bool first_fragment = false;
  /// Of a fragment: what its datagram's have in common, beside the addresses.
  std::uint32_t fragment_id = 0;
  std::uint16_t header_size = 0;     // of IP, with options and extension headers
  std::uint16_t transport_size = 0;  // header of TCP or UDP, with options; otherwise 0
  std::optional<Ports> ports;        // of TCP and UDP
  std::uint8_t tcp_flags = 0;        // of TCP

  /// The packet at the start of `bytes`; what stands behind its end is cut off.
  ///
  /// Errors: kTruncated if there is less than the packet says, or a header is longer than the packet;
  /// kMalformed for fields that contradict each other or are in no version; kTooLarge for more extension
  /// headers than anybody needs; kRefused for fragments made to hide a transport header from a filter (RFC 1858,
  /// RFC 3128), and for an IPv6 packet whose addresses are those that stand for IPv4 hosts here.
  static Result<Packet> parse(ByteView bytes);

  Family family() const { return static_cast<Family>(bytes[0] >> 4); }
  bool is_tcp() const { return protocol == protocol::kTcp && ports.has_value(); }
  bool is_udp() const { return protocol == protocol::kUdp && ports.has_value(); }
  /// Behind the header of IP.
  ByteView upper() const { return bytes.subspan(header_size); }
  /// Of TCP and UDP: what follows their headers.
  ByteView payload() const { return bytes.subspan(headers_size()); }
  std::size_t headers_size() const {
    return static_cast<std::size_t>(header_size) + transport_size;
  }
  /// Source and destination as they stand in the packet, back to back.
  ByteView addresses() const {
    return family() == Family::kIpv4 ? bytes.subspan(12, 8) : bytes.subspan(8, 32);
  }
};

/// IPv4's flag that forbids routers to cut the packet. An IPv6 packet behaves as if it had it.
bool dont_fragment(const Packet& packet);

}  // namespace hsfwd::ip
