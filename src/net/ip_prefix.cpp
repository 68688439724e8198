// SPDX-License-Identifier: Apache-2.0
#include "net/ip_prefix.hpp"

#include <algorithm>

namespace hsfwd::net {

IpPrefix IpPrefix::v4(Ipv4 host, std::uint8_t length) {
  IpPrefix out{.length = length};
  for (int i = 0; i < 4; ++i) out.address[static_cast<std::size_t>(i)] = host.octet(i);
  return out;
}

IpPrefix IpPrefix::v6(const std::array<std::uint8_t, 16>& host, std::uint8_t length) {
  return {.address = host, .length = length, .is_v6 = true};
}

IpPrefix IpPrefix::network() const {
  IpPrefix out = *this;
  for (std::size_t i = 0; i < out.address.size(); ++i) {
    const std::size_t before = i * 8;
    const std::size_t kept = length > before ? std::min<std::size_t>(length - before, 8) : 0;
    out.address[i] &= static_cast<std::uint8_t>(0xff00 >> kept);
  }
  return out;
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  if (is_v6 != other.is_v6) return false;
  IpPrefix mine = *this;
  IpPrefix theirs = other;
  mine.length = theirs.length = std::min(length, other.length);
  return mine.network() == theirs.network();
}

}  // namespace hsfwd::net
