// SPDX-License-Identifier: Apache-2.0
// Addresses and networks of IP packets.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "util/bytes.hpp"
#include "util/result.hpp"

namespace hsfwd::ip {

/// In host byte order, as net::Ipv4::value. Four decimal numbers and nothing else; no leading zeros,
/// which some read as octal.
std::optional<std::uint32_t> parse_ipv4(std::string_view text);
std::string ipv4_to_string(std::uint32_t ipv4);

/// An IPv4 host is one as well, in its mapped form (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), so
/// that one table serves both. On the wire that form means nothing: Packet::parse refuses an IPv6
/// packet that has it, or it would pass for an IPv4 host's.
struct Ipv6 {
  static constexpr std::size_t kSize = 16;

  std::array<std::uint8_t, kSize> bytes{};  // network order

  /// Copies the first 16 bytes of `from`, which has at least as many.
  static Ipv6 from(ByteView from) {
    Ipv6 out;
    copy_bytes(from.first(kSize), out.bytes);
    return out;
  }
  static constexpr Ipv6 any() { return {}; }
  static constexpr Ipv6 loopback() {
    Ipv6 out;
    out.bytes[15] = 1;
    return out;
  }
  /// `ipv4` in host byte order.
  static constexpr Ipv6 mapped(std::uint32_t ipv4) {
    Ipv6 out;
    out.bytes[10] = out.bytes[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i) {
      out.bytes[12 + i] = static_cast<std::uint8_t>(ipv4 >> (24 - 8 * i));
    }
    return out;
  }
  /// Every text of RFC 4291 section 2.2, and nothing else: no zone, no brackets, no leading zeros
  /// in a dotted tail, no IPv4 address without the prefix of a mapped one.
  static std::optional<Ipv6> parse(std::string_view text);

  bool is_any() const { return *this == any(); }
  bool is_loopback() const { return *this == loopback(); }
  bool is_multicast() const { return bytes[0] == 0xff; }
  bool is_mapped() const {
    return equal(ByteView(bytes).first(12), ByteView(mapped(0).bytes).first(12));
  }
  /// Of a mapped one, as `mapped` takes it.
  constexpr std::uint32_t ipv4() const {
    std::uint32_t out = 0;
    for (std::size_t i = 12; i < kSize; ++i) out = out << 8 | bytes[i];
    return out;
  }
  /// RFC 5952; of the forms with an IPv4 tail only that of mapped ones.
  std::string to_string() const;

  auto operator<=>(const Ipv6&) const = default;
};

/// An IPv4 host in dotted form, an IPv6 host that is not a mapped one as Ipv6::parse() takes it.
std::optional<Ipv6> parse_host(std::string_view text);
/// The same the other way round.
std::string host_text(const Ipv6& host);

/// The network of all hosts that agree in their first bits: "fd00::/8", "10.0.0.0/8". The two
/// families have nothing in common: ::/0 contains no IPv4 host.
struct Prefix {
  Ipv6 host;              // bits behind the first `bits` are zero
  std::uint8_t bits = 0;  // 0 to 128; of an IPv4 network 96 more than its length

  /// The one that `host` is in. `bits` is 0 to 128.
  static Prefix around(const Ipv6& host, int bits);
  /// The one that `ipv4` is in. `length` is 0 to 32.
  static Prefix around_ipv4(std::uint32_t ipv4, int length) {
    return around(Ipv6::mapped(ipv4), kIpv4Bits + length);
  }
  /// Address, slash, length without leading zeros. Errors: kMalformed; kRefused for a host that is
  /// in a network and is not written as one, such as 10.0.0.1/8.
  static Result<Prefix> parse(std::string_view text);

  /// Whether the fields are those of a network. What has been parsed, or made by `around`, is one.
  bool valid() const { return bits <= kBits && around(host, bits).host == host; }
  bool is_ipv4() const { return bits >= kIpv4Bits && host.is_mapped(); }
  /// As it is written behind the slash.
  int length() const { return is_ipv4() ? bits - kIpv4Bits : bits; }
  bool contains(const Ipv6& other) const;
  bool contains(const Prefix& other) const;
  bool overlaps(const Prefix& other) const { return contains(other) || other.contains(*this); }
  std::string to_string() const;

  auto operator<=>(const Prefix&) const = default;

  static constexpr int kBits = 128;
  static constexpr int kIpv4Bits = 96;  // what all mapped addresses begin with
};

/// What an interface has: an address, and the length of the network that is reached through it.
struct InterfaceAddress {
  Ipv6 host;
  std::uint8_t bits = Prefix::kBits;  // as those of a Prefix

  /// `length` as it is written behind the slash.
  static constexpr InterfaceAddress ipv4(std::uint32_t host, std::uint8_t length) {
    return {Ipv6::mapped(host), static_cast<std::uint8_t>(Prefix::kIpv4Bits + length)};
  }

  /// Whether the network is one of the address's family.
  bool valid() const { return bits <= Prefix::kBits && (!is_ipv4() || bits >= Prefix::kIpv4Bits); }
  bool is_ipv4() const { return host.is_mapped(); }
  int length() const { return is_ipv4() ? bits - Prefix::kIpv4Bits : bits; }
  Prefix network() const { return Prefix::around(host, bits); }
  /// Address, slash, length; without these two a network of one host. Errors: kMalformed.
  static Result<InterfaceAddress> parse(std::string_view text);
  /// Address, slash, length.
  std::string to_string() const;

  auto operator<=>(const InterfaceAddress&) const = default;
};

}  // namespace hsfwd::ip

template <>
struct std::hash<hsfwd::ip::Ipv6> {
  std::size_t operator()(const hsfwd::ip::Ipv6& host) const noexcept {
    std::uint64_t x = hsfwd::load_le64(host.bytes.data()) * 0x9fb21c651e98df25ULL;
    x = (x ^ x >> 32 ^ hsfwd::load_le64(host.bytes.data() + 8)) * 0x9e3779b97f4a7c15ULL;
    return x ^ x >> 32;
  }
};

template <>
struct std::hash<hsfwd::ip::Prefix> {
  std::size_t operator()(const hsfwd::ip::Prefix& prefix) const noexcept {
    return std::hash<hsfwd::ip::Ipv6>{}(prefix.host) ^ prefix.bits * 0x9e3779b97f4a7c15ULL;
  }
};
