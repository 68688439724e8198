// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace hsfwd::platform {

/// What this machine allows of a private network at the moment, for advice: what cannot be known is as it
/// should be.
struct HostNetwork {
  /// Packets of others are passed on.
  bool forwards_ipv4 = true;
  bool forwards_ipv6 = true;
  /// Interfaces that take a packet only if an answer to it would leave by them as well (rp_filter, RFC 3704 section 2.2).
  std::vector<std::string> strict_interfaces = {};
  /// There is a resolver that asks the servers of an interface, see net::SplitDnsFactory.
  bool has_resolved = true;
  /// This process may make an interface, or there is one already.
  bool has_interface = true;
};

/// `interface`: its name, as in net::TunnelSettings.
HostNetwork host_network(const std::string& interface);

}  // namespace hsfwd::platform
