// SPDX-License-Identifier: Apache-2.0
#include "net/packet_tunnel.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "util/text.hpp"

namespace hsfwd::net {

namespace {

/// What no system refuses, and no shell or table of routes misreads.
bool is_name(std::string_view name) {
  if (name.ends_with("%d")) name.remove_suffix(2);
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), fits);
}

bool has_v6(const TunnelSettings& settings) {
  return std::any_of(settings.addresses.begin(), settings.addresses.end(),
                     [](const ip::InterfaceAddress& address) { return !address.is_ipv4(); });
}

}  // namespace

std::string problem_with_mtu(const TunnelSettings& settings, std::size_t mtu) {
  const std::size_t least = has_v6(settings) ? kMinMtuV6 : kMinMtuV4;
  if (mtu >= least && mtu <= kMaxMtu) return {};
  return fmt::format("{} is not a valid MTU here ({}-{})", mtu, least, kMaxMtu);
}

std::string problem_with(const TunnelSettings& settings) {
  if (settings.name.size() > kMaxTunnelName || !is_name(settings.name)) {
    return fmt::format(
        "{} is not a valid name of an interface: up to {} letters, digits, '-', '_' and '.'",
        in_quotes(settings.name), kMaxTunnelName);
  }
  for (const ip::InterfaceAddress& address : settings.addresses) {
    if (!address.valid()) return "an address has a network longer than itself";
  }
  for (const TunnelRoute& route : settings.routes) {
    if (!route.to.valid()) return "a route leads to what is no network";
  }
  if (settings.kill_switch && !settings.firewall_mark) {
    return "a kill switch takes a firewall mark";
  }
  if (settings.firewall_mark == 0U) return "0 is not a valid firewall mark";
  return problem_with_mtu(settings, settings.mtu);
}

}  // namespace hsfwd::net
