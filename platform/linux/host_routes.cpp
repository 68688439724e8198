// SPDX-License-Identifier: Apache-2.0
#include "platform/host_routes.hpp"

#include <utility>

#include "platform/linux/netlink.hpp"

namespace hsfwd::platform {

std::vector<ip::Prefix> host_routes(const std::string& without_interface) {
  std::vector<ip::Prefix> out;
  auto netlink = Netlink::open();
  if (!netlink) return out;
  const auto own = netlink->index_of(without_interface);
  const auto routes = netlink->routes();
  if (!routes) return out;
  for (const Netlink::Route& route : *routes) {
    if (!own || route.interface != *own) out.push_back(route.to);
  }
  return out;
}

net::HostNetworks host_networks(const std::set<std::string>& without_interfaces) {
  net::HostNetworks out;
  auto netlink = Netlink::open();
  if (!netlink) return out;
  std::set<int> without;
  for (const std::string& name : without_interfaces) {
    if (const auto index = netlink->index_of(name)) without.insert(*index);
  }
  if (auto own = netlink->local_networks()) out.own = std::move(*own);
  const auto routes = netlink->routes();
  for (const Netlink::Route& route : routes ? *routes : std::vector<Netlink::Route>()) {
    if (route.to.length() > 0 && !without.contains(route.interface)) out.near.push_back(route.to);
  }
  return out;
}

}  // namespace hsfwd::platform
