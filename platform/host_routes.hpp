// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ip/address.hpp"

namespace hsfwd::platform {

/// Networks that this machine has routes to, in whatever table, but for those through the interface of that
/// name. None if they cannot be listed.
std::vector<ip::Prefix> host_routes(const std::string& without_interface);

struct HostNetworks {
  std::vector<ip::Prefix> own;   // what it takes for itself: addresses, broadcasts, anycast
  std::vector<ip::Prefix> near;  // that it has routes to, but for its default route
};
/// But for those of these interfaces. Empty if they cannot be listed.
HostNetworks host_networks(const std::set<std::string>& without_interfaces);

}  // namespace hsfwd::platform
