// SPDX-License-Identifier: Apache-2.0
// IPv4 addresses and UDP endpoints: the only ones the DHT speaks of.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "util/bytes.hpp"

namespace hsfwd::net {

struct Ipv4 {
  std::uint32_t value = 0;  // host byte order: 127.0.0.1 is 0x7f000001

  static constexpr Ipv4 of(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return {static_cast<std::uint32_t>(a) << 24 | static_cast<std::uint32_t>(b) << 16 |
            static_cast<std::uint32_t>(c) << 8 | d};
  }
  static constexpr Ipv4 any() { return {}; }
  static constexpr Ipv4 loopback() { return of(127, 0, 0, 1); }
  /// Four decimal numbers and nothing else; no leading zeros, which some read as octal.
  static std::optional<Ipv4> parse(std::string_view text);

  constexpr std::uint8_t octet(int i) const {
    return static_cast<std::uint8_t>(value >> (24 - 8 * i));
  }
  bool is_any() const { return value == 0; }
  bool is_loopback() const { return octet(0) == 127; }
  /// The /24 that it is in: what one customer of a provider may well have all of.
  constexpr Ipv4 slash_24() const { return {value & 0xffffff00u}; }
  std::string to_string() const;

  auto operator<=>(const Ipv4&) const = default;
};

/// 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12, 192.168/16. Which classes upstream distinguishes
/// decides what peers do with an address, so these follow its tables and not the RFCs'.
bool is_private(Ipv4 host);
/// 0/8, 192.0.0/24, 192.0.2/24, 198.18/15, 198.51.100/24, 203.0.113/24, 224/4, 240/4.
bool is_reserved(Ipv4 host);
/// "private", "reserved" or "public".
const char* kind_of(Ipv4 host);
inline bool is_bogon(Ipv4 host) {
  return is_private(host) || is_reserved(host);
}
/// 0/8, 224/4, 240/4: no single host is there, on any network.
bool is_nobody(Ipv4 host);
/// Whether something may be sent to `to` because `from` says so: from outside nobody reaches
/// through us what he cannot reach by himself. Loopback is for loopback only; private and reserved
/// networks are for those that are in one, since a test network is made of them.
bool may_lead_to(Ipv4 from, Ipv4 to);

struct Address {
  Ipv4 host;
  std::uint16_t port = 0;

  static constexpr std::size_t kWireSize = 6;

  /// "a.b.c.d:port", port 0 to 65535.
  static std::optional<Address> parse(std::string_view text);
  std::string to_string() const;
  /// All of it in 48 bits.
  constexpr std::uint64_t number() const {
    return static_cast<std::uint64_t>(host.value) << 16 | port;
  }

  auto operator<=>(const Address&) const = default;
};

/// Who pays for what an address asks for: its host, or the socket where the host is private or
/// loopback, since whole networks are tried out on one.
inline std::uint64_t payer_of(const Address& address) {
  return is_private(address.host) ? address.number() : Address{address.host, 0}.number();
}

/// Carried through messages, never dialled: the public network is IPv4.
struct Ipv6Address {
  std::array<std::uint8_t, 16> host{};  // network order
  std::uint16_t port = 0;

  auto operator<=>(const Ipv6Address&) const = default;
};

}  // namespace hsfwd::net

template <>
struct std::hash<hsfwd::net::Ipv4> {
  std::size_t operator()(const hsfwd::net::Ipv4& host) const noexcept {
    return host.value * 0x9e3779b97f4a7c15ULL;
  }
};

template <>
struct std::hash<hsfwd::net::Address> {
  std::size_t operator()(const hsfwd::net::Address& a) const noexcept {
    std::uint64_t x = a.number();
    x *= 0x9e3779b97f4a7c15ULL;
    return x ^ x >> 32;
  }
};
