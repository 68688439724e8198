// SPDX-License-Identifier: Apache-2.0
// Packets of our own: a header of IP without options, and the checksum of what stands behind it.
#pragma once

#include "ip/packet.hpp"

namespace hsfwd::ip {

struct Header {
  Ipv6 from;
  Ipv6 to;  // of the same family
  std::uint8_t protocol = 0;
  std::uint8_t traffic_class = 0;  // of IPv4: type of service
};

/// Writes the header to the start of `room`, which has bytes for it and for `upper_size` behind it; those
/// stay as they are. Returns the whole packet. Routers may not cut it.
MutableBytes write_header(const Header& header, std::size_t upper_size, MutableBytes room);

/// Writes the checksum of the upper layer of a packet that write_header has made, `at` bytes into that
/// layer: of UDP, TCP and ICMP of either family.
void write_checksum(MutableBytes packet, std::size_t at);

}  // namespace hsfwd::ip
