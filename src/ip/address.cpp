// SPDX-License-Identifier: Apache-2.0
#include "ip/address.hpp"

#include <fmt/format.h>

#include "util/check.hpp"
#include "util/text.hpp"

namespace hsfwd::ip {

namespace {

constexpr std::size_t kGroups = 8;
using Groups = std::array<std::uint16_t, kGroups>;

Groups groups_of(const Ipv6& host) {
  Groups out;
  for (std::size_t i = 0; i < kGroups; ++i) {
    out[i] = static_cast<std::uint16_t>(host.bytes[2 * i] << 8 | host.bytes[2 * i + 1]);
  }
  return out;
}

/// Of a length, an octet: one number has one text.
std::optional<std::uint32_t> parse_small(std::string_view text, std::uint32_t max) {
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  const auto value = parse_decimal(text, max);
  return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

std::optional<std::uint16_t> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::string padded(4 - text.size(), '0');
  padded += text;
  const auto raw = from_hex(padded);
  if (!raw) return std::nullopt;
  return static_cast<std::uint16_t>((*raw)[0] << 8 | (*raw)[1]);
}

/// Groups on one side of "::", or all of them.
struct Part {
  Groups groups{};
  std::size_t count = 0;

  bool add(std::uint32_t group) {
    if (count == kGroups) return false;
    groups[count++] = static_cast<std::uint16_t>(group);
    return true;
  }

  /// `tail`: whether the end of the address is in it, which may be dotted.
  bool parse(std::string_view text, bool tail) {
    if (text.empty()) return true;
    for (;;) {
      const std::size_t colon = text.find(':');
      const bool last = colon == std::string_view::npos;
      const std::string_view word = text.substr(0, colon);
      if (const auto group = parse_group(word)) {
        if (!add(*group)) return false;
      } else {
        const auto ipv4 = last && tail ? parse_ipv4(word) : std::nullopt;
        if (!ipv4 || !add(*ipv4 >> 16) || !add(*ipv4 & 0xffff)) return false;
      }
      if (last) return true;
      text.remove_prefix(colon + 1);
    }
  }
};

/// Groups that are written as "::".
struct Gap {
  std::size_t begin = 0;
  std::size_t size = 0;
};

/// The longest run of zeros, the first of several, and never a single group (RFC 5952 section 4.2).
Gap longest_gap(const Groups& groups) {
  Gap best;
  Gap now;
  for (std::size_t i = 0; i < kGroups; ++i) {
    now = groups[i] != 0 ? Gap{i + 1, 0} : Gap{now.begin, now.size + 1};
    if (now.size > best.size) best = now;
  }
  return best.size > 1 ? best : Gap{};
}

bool same_bits(const Ipv6& a, const Ipv6& b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!equal(ByteView(a.bytes).first(whole), ByteView(b.bytes).first(whole))) return false;
  return bits % 8 == 0 || (a.bytes[whole] ^ b.bytes[whole]) >> (8 - bits % 8) == 0;
}
}  // namespace

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t out = 0;
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return std::nullopt;
    const auto octet = parse_small(text.substr(0, dot), 255);
    if (!octet) return std::nullopt;
    out = out << 8 | *octet;
    text.remove_prefix(i == 3 ? text.size() : dot + 1);
  }
  return out;
}

std::string ipv4_to_string(std::uint32_t ipv4) {
  return fmt::format("{}.{}.{}.{}", ipv4 >> 24, ipv4 >> 16 & 255, ipv4 >> 8 & 255, ipv4 & 255);
}

std::optional<Ipv6> Ipv6::parse(std::string_view text) {
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  Part head;
  Part tail;
  if (text.empty() || !head.parse(text.substr(0, gap), !has_gap)) return std::nullopt;
  if (has_gap && !tail.parse(text.substr(gap + 2), true)) return std::nullopt;
  const std::size_t count = head.count + tail.count;
  // The gap stands for at least one group.
  if (has_gap ? count >= kGroups : count != kGroups) return std::nullopt;
  Groups groups = head.groups;
  std::copy_n(tail.groups.begin(), tail.count,
              groups.end() - static_cast<std::ptrdiff_t>(tail.count));
  Ipv6 out;
  for (std::size_t i = 0; i < kGroups; ++i) {
    out.bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    out.bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return out;
}

std::string Ipv6::to_string() const {
  if (is_mapped()) return "::ffff:" + ipv4_to_string(ipv4());
  const Groups groups = groups_of(*this);
  const Gap gap = longest_gap(groups);
  std::string out;
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (gap.size > 0 && i == gap.begin) {
      out += "::";
      i += gap.size - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    out += fmt::format("{:x}", groups[i]);
  }
  return out;
}

Prefix Prefix::around(const Ipv6& host, int bits) {
  HSFWD_CHECK(bits >= 0 && bits <= kBits);
  Prefix out{host, static_cast<std::uint8_t>(bits)};
  for (int i = 0; i < static_cast<int>(Ipv6::kSize); ++i) {
    const int kept = std::clamp(bits - 8 * i, 0, 8);
    std::uint8_t& byte = out.host.bytes[static_cast<std::size_t>(i)];
    byte = static_cast<std::uint8_t>(byte & 0xff00 >> kept);
  }
  return out;
}

std::optional<Ipv6> parse_host(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto ipv4 = parse_ipv4(text);
    if (!ipv4) return std::nullopt;
    return Ipv6::mapped(*ipv4);
  }
  const auto host = Ipv6::parse(text);
  // One host has one text.
  return host && host->is_mapped() ? std::nullopt : host;
}

std::string host_text(const Ipv6& host) {
  return host.is_mapped() ? ipv4_to_string(host.ipv4()) : host.to_string();
}

Result<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto host = parse_host(text.substr(0, slash));
  if (!host) return Err(Errc::kMalformed);
  if (slash == std::string_view::npos) return InterfaceAddress{*host, Prefix::kBits};
  const int before = host->is_mapped() ? Prefix::kIpv4Bits : 0;
  const auto length =
      parse_small(text.substr(slash + 1), static_cast<std::uint32_t>(Prefix::kBits - before));
  if (!length) return Err(Errc::kMalformed);
  return InterfaceAddress{*host, static_cast<std::uint8_t>(before + static_cast<int>(*length))};
}

Result<Prefix> Prefix::parse(std::string_view text) {
  if (text.find('/') == std::string_view::npos) return Err(Errc::kMalformed);
  const auto address = InterfaceAddress::parse(text);
  if (!address) return Err(Errc::kMalformed);
  const Prefix out = address->network();
  // Of IPv6, ::/0 and the like of mapped hosts; a length that leaves the family is none.
  if (out.is_ipv4() != address->is_ipv4()) return Err(Errc::kMalformed);
  if (out.host != address->host) return Err(Errc::kRefused);
  return out;
}

bool Prefix::contains(const Ipv6& other) const {
  return other.is_mapped() == is_ipv4() && same_bits(host, other, bits);
}

bool Prefix::contains(const Prefix& other) const {
  return other.is_ipv4() == is_ipv4() && bits <= other.bits && same_bits(host, other.host, bits);
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", is_ipv4() ? host_text(host) : host.to_string(), length());
}

std::string InterfaceAddress::to_string() const {
  return fmt::format("{}/{}", host_text(host), length());
}

}  // namespace hsfwd::ip
