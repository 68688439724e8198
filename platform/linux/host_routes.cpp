// SPDX-License-Identifier: Apache-2.0
#include "platform/host_routes.hpp"

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

}  // namespace hsfwd::platform
