// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <unordered_map>

#include "net/address.hpp"

namespace hsfwd::rpc {

/// How many nodes of one host, and of one /24, are taken: ports cost nothing, and with 65,536 of
/// them one host is next to any key. Hosts that are not public are not limited, since a network of
/// theirs may live on a single one.
struct HostLimits {
  std::size_t per_host;
  std::size_t per_network;
};

/// Nodes by host and by /24.
class HostCounts {
 public:
  void add(net::Ipv4 host) {
    ++hosts_[host];
    ++networks_[host.slash_24()];
  }
  void remove(net::Ipv4 host) {
    decrement(hosts_, host);
    decrement(networks_, host.slash_24());
  }
  void clear() {
    hosts_.clear();
    networks_.clear();
  }
  /// One more would be too many.
  bool reaches(const HostLimits& limits, net::Ipv4 host) const {
    return !net::is_bogon(host) && (count(hosts_, host) >= limits.per_host ||
                                    count(networks_, host.slash_24()) >= limits.per_network);
  }

 private:
  using Counts = std::unordered_map<net::Ipv4, std::size_t>;
  static std::size_t count(const Counts& counts, net::Ipv4 key) {
    const auto found = counts.find(key);
    return found != counts.end() ? found->second : 0;
  }
  static void decrement(Counts& counts, net::Ipv4 key) {
    const auto found = counts.find(key);
    if (--found->second == 0) counts.erase(found);
  }

  Counts hosts_;
  Counts networks_;
};

}  // namespace hsfwd::rpc
