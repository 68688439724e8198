// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ip/address.hpp"
#include "net/vicinity.hpp"

namespace hsfwd::platform {

/// Networks that this machine has routes to, in whatever table, but for those through the interface of that
/// name. None if they cannot be listed.
std::vector<ip::Prefix> host_routes(const std::string& without_interface);

/// Without routes through these interfaces. Empty if they cannot be listed.
net::HostNetworks host_networks(const std::set<std::string>& without_interfaces);

}  // namespace hsfwd::platform
