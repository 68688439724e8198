// SPDX-License-Identifier: Apache-2.0
#include "ip/mss.hpp"

#include "ip/checksum.hpp"
#include "ip/network_order.hpp"
#include "util/check.hpp"

namespace hsfwd::ip {

namespace {

// TCP options (RFC 9293, section 3.1).
constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kMaximumSegmentSize = 2;
constexpr std::size_t kMssOptionSize = 4;

std::uint16_t swapped(std::uint16_t value) {
  return static_cast<std::uint16_t>((value << 8) | (value >> 8));
}

/// Sets a 16-bit field of TCP's header, which may stand across two of the words that are summed: each byte
/// then counts as in a word the other way round.
void set_field(std::uint8_t* tcp, std::size_t at, std::uint16_t value) {
  const std::uint16_t before = load_be16(tcp + at);
  const std::uint16_t checksum = load_be16(tcp + kTcpChecksumAt);
  const bool across = at % 2 != 0;
  store_be16(tcp + at, value);
  store_be16(tcp + kTcpChecksumAt, update_checksum(checksum, across ? swapped(before) : before,
                                                   across ? swapped(value) : value));
}

}  // namespace

bool clamp_mss(const Packet& packet, MutableBytes bytes, std::size_t mtu) {
  HSFWD_CHECK(bytes.data() == packet.bytes.data() && bytes.size() >= packet.bytes.size());
  if (!packet.is_tcp() || packet.fragment || (packet.tcp_flags & tcp_flag::kSyn) == 0) return false;
  const std::size_t fixed =
      kTcpHeaderSize + (packet.family() == Family::kIpv4 ? kIpv4HeaderSize : kIpv6HeaderSize);
  if (mtu <= fixed || mtu > kMaxPacket) return false;
  const auto largest = static_cast<std::uint16_t>(mtu - fixed);
  std::uint8_t* tcp = &bytes[packet.header_size];
  bool changed = false;
  for (std::size_t at = kTcpHeaderSize; at < packet.transport_size;) {
    if (tcp[at] == kEndOfOptions) break;
    if (tcp[at] == kNoOperation) {
      ++at;
      continue;
    }
    const std::size_t left = packet.transport_size - at;
    const std::size_t size = left >= 2 ? tcp[at + 1] : 0;
    if (size < 2 || size > left) break;
    if (tcp[at] == kMaximumSegmentSize && size == kMssOptionSize &&
        load_be16(tcp + at + 2) > largest) {
      set_field(tcp, at + 2, largest);
      changed = true;
    }
    at += size;
  }
  return changed;
}

}  // namespace hsfwd::ip
