// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "hyperdht/wire/messages.hpp"

namespace hsfwd::hyperdht {

/// Who has seen a peer where. One introducer may lie, and is anybody who has chosen a port so that
/// its id is near a key; to be several, in different networks, costs more.
class Introductions {
 public:
  void add(net::Ipv4 host, const Address& introducer) {
    const std::pair entry{host, network_of(introducer)};
    const bool known = std::find(seen_.begin(), seen_.end(), entry) != seen_.end();
    if (!known && seen_.size() < kMax) seen_.push_back(entry);
  }
  void add(const Address& introducer) { add(net::Ipv4(), introducer); }
  bool has(const Address& introducer) const {
    const std::pair entry{net::Ipv4(), network_of(introducer)};
    return std::find(seen_.begin(), seen_.end(), entry) != seen_.end();
  }
  /// In how many networks there are introducers who have seen it there.
  std::size_t count(net::Ipv4 host) const {
    return static_cast<std::size_t>(std::count_if(
        seen_.begin(), seen_.end(), [&](const auto& entry) { return entry.first == host; }));
  }

  /// A /24 of the public network; in a private one, which may be a single machine, each address
  /// counts.
  static std::uint64_t network_of(const Address& introducer) {
    const std::uint64_t host = introducer.host.value;
    return net::is_bogon(introducer.host) ? host << 16 | introducer.port : host >> 8;
  }
  /// Two, if the server has introducers in two networks at all.
  static std::size_t wanted(const std::vector<RelayInfo>& introducers) {
    const auto elsewhere = [&](const RelayInfo& relay) {
      return network_of(relay.relay_address) != network_of(introducers.front().relay_address);
    };
    return std::any_of(introducers.begin(), introducers.end(), elsewhere) ? 2 : 1;
  }

 private:
  // Hosts and networks of one peer. A client has a host or two, a server has three introducers.
  static constexpr std::size_t kMax = 8;
  std::vector<std::pair<net::Ipv4, std::uint64_t>> seen_;
};

}  // namespace hsfwd::hyperdht
