// SPDX-License-Identifier: Apache-2.0
#include "overlay/internet.hpp"

#include "net/address.hpp"

namespace hsfwd::overlay {

namespace {

// 168.63.129.16: not private, and yet the machine that a virtual one runs on.
constexpr std::uint32_t kAzureHost = 0xa83f8110;
constexpr std::uint32_t kSixToFourRelays = 0xc05863;  // 192.88.99.0/24, RFC 7526

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

bool is_internet(const ip::Ipv6& host) {
  if (host.is_mapped()) {
    const std::uint32_t ipv4 = host.ipv4();
    return !net::is_bogon({ipv4}) && ipv4 != kAzureHost && ipv4 >> 8 != kSixToFourRelays;
  }
  static const ip::Prefix global = network(0x2000, 0, 3);
  static const ip::Prefix others[] = {network(0x2001, 0, 32), network(0x2001, 0x0db8, 32),
                                      network(0x2002, 0, 16)};
  if (!global.contains(host)) return false;
  for (const ip::Prefix& other : others) {
    if (other.contains(host)) return false;
  }
  return true;
}

}  // namespace hsfwd::overlay
