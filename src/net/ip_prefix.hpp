// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>

#include "net/address.hpp"
#include "util/bytes.hpp"

namespace hsfwd::net {

/// An address of either family with the length of its network: an interface's address, or where a
/// route leads.
struct IpPrefix {
  std::array<std::uint8_t, 16> address{};  // network order; IPv4 has the first four
  std::uint8_t length = 0;                 // bits, up to 32 or 128
  bool is_v6 = false;

  static IpPrefix v4(Ipv4 host, std::uint8_t length);
  static IpPrefix v6(const std::array<std::uint8_t, 16>& host, std::uint8_t length);

  /// Of the address alone: 4 or 16.
  ByteView bytes() const { return ByteView(address).first(is_v6 ? 16 : 4); }
  bool valid() const { return length <= bytes().size() * 8; }
  /// Without the bits behind the length, which a route may not have.
  IpPrefix network() const;
  /// Some address is in both.
  bool overlaps(const IpPrefix& other) const;

  auto operator<=>(const IpPrefix&) const = default;
};

}  // namespace hsfwd::net
