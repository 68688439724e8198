// SPDX-License-Identifier: Apache-2.0
#include "net/address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ip/address.hpp"
#include "util/text.hpp"

namespace hsfwd::net {

namespace {

struct Network {
  Ipv4 base;
  int prefix;

  constexpr bool contains(Ipv4 host) const {
    return ((host.value ^ base.value) >> (32 - prefix)) == 0;
  }
};

constexpr Network kPrivate[] = {
    {Ipv4::of(10, 0, 0, 0), 8},     {Ipv4::of(100, 64, 0, 0), 10}, {Ipv4::of(127, 0, 0, 0), 8},
    {Ipv4::of(169, 254, 0, 0), 16}, {Ipv4::of(172, 16, 0, 0), 12}, {Ipv4::of(192, 168, 0, 0), 16},
};

constexpr Network kReserved[] = {
    {Ipv4::of(0, 0, 0, 0), 8},     {Ipv4::of(192, 0, 0, 0), 24},    {Ipv4::of(192, 0, 2, 0), 24},
    {Ipv4::of(198, 18, 0, 0), 15}, {Ipv4::of(198, 51, 100, 0), 24}, {Ipv4::of(203, 0, 113, 0), 24},
    {Ipv4::of(224, 0, 0, 0), 4},   {Ipv4::of(240, 0, 0, 0), 4},
};

constexpr Network kNobody[] = {
    {Ipv4::of(0, 0, 0, 0), 8}, {Ipv4::of(224, 0, 0, 0), 4}, {Ipv4::of(240, 0, 0, 0), 4}};

template <std::size_t N>
bool any_contains(const Network (&networks)[N], Ipv4 host) {
  return std::any_of(std::begin(networks), std::end(networks),
                     [host](const Network& n) { return n.contains(host); });
}

}  // namespace

std::optional<Ipv4> Ipv4::parse(std::string_view text) {
  const auto value = ip::parse_ipv4(text);
  return value ? std::optional(Ipv4{*value}) : std::nullopt;
}

std::string Ipv4::to_string() const {
  return ip::ipv4_to_string(value);
}

bool is_private(Ipv4 host) {
  return any_contains(kPrivate, host);
}

bool is_reserved(Ipv4 host) {
  return any_contains(kReserved, host);
}

bool is_nobody(Ipv4 host) {
  return any_contains(kNobody, host);
}

bool may_lead_to(Ipv4 from, Ipv4 to) {
  if (is_nobody(to)) return false;
  if (to.is_loopback()) return from.is_loopback();
  if (is_reserved(to)) return is_reserved(from);
  return !is_private(to) || is_private(from);
}

const char* kind_of(Ipv4 host) {
  if (is_private(host)) return "private";
  return is_reserved(host) ? "reserved" : "public";
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto host = Ipv4::parse(text.substr(0, colon));
  const auto port = parse_decimal(text.substr(colon + 1), 65535);
  if (!host || !port) return std::nullopt;
  return Address{*host, static_cast<std::uint16_t>(*port)};
}

std::string Address::to_string() const {
  return fmt::format("{}:{}", host.to_string(), port);
}

}  // namespace hsfwd::net
