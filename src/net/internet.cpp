// SPDX-License-Identifier: Apache-2.0
#include "net/internet.hpp"

#include <algorithm>
#include <iterator>

namespace hsfwd::net {

namespace {

constexpr Ipv4 kSixToFourRelays = Ipv4::of(192, 88, 99, 0);  // /24, RFC 7526

/// By its first two groups.
ip::Prefix network(std::uint16_t first, std::uint16_t second, int bits) {
  ip::Ipv6 host;
  host.bytes[0] = static_cast<std::uint8_t>(first >> 8);
  host.bytes[1] = static_cast<std::uint8_t>(first);
  host.bytes[2] = static_cast<std::uint8_t>(second >> 8);
  host.bytes[3] = static_cast<std::uint8_t>(second);
  return ip::Prefix::around(host, bits);
}

}  // namespace

bool is_internet(Ipv4 host) {
  const auto* const end = std::end(kCloudHosts);
  return !is_bogon(host) && host.slash_24() != kSixToFourRelays &&
         std::find(std::begin(kCloudHosts), end, host) == end;
}

bool is_internet(const ip::Ipv6& host) {
  if (host.is_mapped()) return is_internet(Ipv4{host.ipv4()});
  static const ip::Prefix global = network(0x2000, 0, 3);
  static const ip::Prefix others[] = {network(0x2001, 0, 32), network(0x2001, 0x0db8, 32),
                                      network(0x2002, 0, 16)};
  if (!global.contains(host)) return false;
  for (const ip::Prefix& other : others) {
    if (other.contains(host)) return false;
  }
  return true;
}

}  // namespace hsfwd::net
