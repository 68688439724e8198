// SPDX-License-Identifier: Apache-2.0
#include "ip/header.hpp"

#include <algorithm>

#include "ip/checksum.hpp"
#include "ip/network_order.hpp"
#include "util/check.hpp"

namespace hsfwd::ip {

namespace {

constexpr std::uint8_t kHopLimit = 64;
constexpr std::uint8_t kDontFragmentHigh = 0x40;

void write_ipv4(const Header& header, MutableBytes packet) {
  std::uint8_t* const p = packet.data();
  p[0] = 0x45;
  p[1] = header.traffic_class;
  store_be16(p + 2, static_cast<std::uint16_t>(packet.size()));
  p[6] = kDontFragmentHigh;
  p[8] = kHopLimit;
  p[9] = header.protocol;
  store_be32(p + 12, header.from.ipv4());
  store_be32(p + 16, header.to.ipv4());
  Sum sum;
  sum.add({p, kIpv4HeaderSize});
  store_be16(p + 10, sum.checksum());
}

void write_ipv6(const Header& header, MutableBytes packet) {
  std::uint8_t* const p = packet.data();
  p[0] = static_cast<std::uint8_t>(0x60 | header.traffic_class >> 4);
  p[1] = static_cast<std::uint8_t>(header.traffic_class << 4);
  store_be16(p + 4, static_cast<std::uint16_t>(packet.size() - kIpv6HeaderSize));
  p[6] = header.protocol;
  p[7] = kHopLimit;
  std::copy_n(header.from.bytes.begin(), 16, p + 8);
  std::copy_n(header.to.bytes.begin(), 16, p + 24);
}

}  // namespace

MutableBytes write_header(const Header& header, std::size_t upper_size, MutableBytes room) {
  const bool v4 = header.from.is_mapped();
  const std::size_t size = v4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  HSFWD_CHECK(header.to.is_mapped() == v4 && room.size() >= size + upper_size);
  const MutableBytes packet = room.first(size + upper_size);
  std::fill_n(packet.begin(), size, std::uint8_t{0});
  (v4 ? write_ipv4 : write_ipv6)(header, packet);
  return packet;
}

void write_checksum(MutableBytes packet, std::size_t at) {
  const bool v4 = packet[0] >> 4 == 4;
  const MutableBytes upper = packet.subspan(v4 ? kIpv4HeaderSize : kIpv6HeaderSize);
  const std::uint8_t protocol = packet[v4 ? 9 : 6];
  store_be16(&upper[at], 0);
  Sum sum;
  if (protocol != protocol::kIcmp) {
    const ByteView addresses = v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
    sum = pseudo_header(addresses, protocol, upper.size());
  }
  sum.add(upper);
  // UDP has no zero: that would say that there is no checksum.
  const std::uint16_t checksum = sum.checksum();
  store_be16(&upper[at], checksum == 0 && protocol == protocol::kUdp ? 0xffff : checksum);
}

}  // namespace hsfwd::ip
