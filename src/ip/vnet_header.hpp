// SPDX-License-Identifier: Apache-2.0
// What stands ahead of each packet that a TUN device with IFF_VNET_HDR hands over or takes: struct
// virtio_net_hdr of Linux, in the machine's byte order.
//
//     0       1          2          4          6            8             10
//   +-------+----------+----------+----------+------------+-------------+
//   | flags | GSO type | header   | GSO size | checksum   | checksum    |
//   |       |          | size     |          | start      | offset      |
//   +-------+----------+----------+----------+------------+-------------+
#pragma once

#include <array>

#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::ip {

struct VnetHeader {
  static constexpr std::size_t kSize = 10;
  using Encoded = std::array<std::uint8_t, kSize>;

  /// A flag: the sum of the pseudo header stands in the checksum's place, and the rest is still to be done.
  static constexpr std::uint8_t kNeedsChecksum = 1;

  // GSO types: how the packet is cut.
  static constexpr std::uint8_t kNone = 0;
  static constexpr std::uint8_t kTcpv4 = 1;
  static constexpr std::uint8_t kTcpv6 = 4;
  static constexpr std::uint8_t kUdp = 5;  // into datagrams, of either family ("UDP_L4")
  /// Beside kTcpv4 or kTcpv6: CWR is set.
  static constexpr std::uint8_t kEcn = 0x80;

  std::uint8_t flags = 0;
  std::uint8_t gso_type = kNone;
  std::uint16_t header_size = 0;  // a hint: of all headers, or of what the kernel has at hand
  std::uint16_t gso_size = 0;     // payload of each packet but the last, bytes
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;  // from the start

  bool needs_checksum() const { return (flags & kNeedsChecksum) != 0; }
  bool operator==(const VnetHeader&) const = default;

  /// From the start of what was read. Error: kTruncated.
  static Result<VnetHeader> decode(ByteView bytes);
  Encoded encode() const;
};

}  // namespace hsfwd::ip
