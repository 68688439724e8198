// SPDX-License-Identifier: Apache-2.0
#include "rpc/closest_list.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hsfwd::rpc {

namespace {

// The share of a host and of a /24: a tenth and a fifth of the list. A server's three relays are
// not all on one host then, and who runs a few nodes on a machine still has most of them in it.
constexpr int kHostShare = 2;
constexpr int kNetworkShare = 4;
constexpr std::size_t kHostsWithNewcomer = kBucketSize + 1;  // with a newcomer

using Hosts = std::array<net::Ipv4, kHostsWithNewcomer>;
using Levels = std::array<int, kHostsWithNewcomer>;

/// How often over its share each of the first `size` is, by host: 0 is within.
Levels host_levels(const Hosts& hosts, std::size_t size) {
  Levels out{};
  for (std::size_t i = 0; i < size; ++i) {
    const auto before =
        std::count(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(i), hosts[i]);
    out[i] = static_cast<int>(before) / kHostShare;
  }
  return out;
}

/// The same with the /24 in view. Those of a host that is over its share count behind its
/// neighbours', so that it takes nothing from them.
Levels levels(const Hosts& hosts, std::size_t size) {
  const Levels by_host = host_levels(hosts, size);
  Levels out = by_host;
  for (std::size_t i = 0; i < size; ++i) {
    if (net::is_bogon(hosts[i])) continue;
    int before = 0;
    for (std::size_t j = 0; j < size; ++j) {
      before += hosts[j].slash_24() == hosts[i].slash_24() &&
                std::pair(by_host[j], j) < std::pair(by_host[i], i);
    }
    out[i] = std::max(out[i], before / kNetworkShare);
  }
  return out;
}

/// The one that goes: the farthest of the most crowded.
std::size_t superfluous(const Levels& levels, std::size_t size) {
  std::size_t out = 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (levels[i] >= levels[out]) out = i;
  }
  return out;
}

}  // namespace

std::size_t ClosestList::place_of(const NodeId& id) const {
  const auto at = std::lower_bound(replies_.begin(), replies_.end(), id,
                                   [this](const ClosestReply& reply, const NodeId& other) {
                                     return closer(target_, reply.id, other);
                                   });
  return static_cast<std::size_t>(at - replies_.begin());
}

bool ClosestList::accepts(const NodeId& id, net::Ipv4 host) const {
  if (!full()) return true;
  const std::size_t place = place_of(id);
  if (place == replies_.size() && !crowded_) return false;
  Hosts hosts;
  for (std::size_t i = 0; i < replies_.size(); ++i) {
    hosts[i < place ? i : i + 1] = replies_[i].from.host;
  }
  hosts[place] = host;
  return superfluous(levels(hosts, kHostsWithNewcomer), kHostsWithNewcomer) != place;
}

void ClosestList::add(ClosestReply reply) {
  const std::size_t place = place_of(reply.id);
  if (place < replies_.size() && replies_[place].id == reply.id) return;
  const auto at = [this](std::size_t index) {
    return replies_.begin() + static_cast<std::ptrdiff_t>(index);
  };
  replies_.insert(at(place), std::move(reply));
  Hosts hosts;
  for (std::size_t i = 0; i < replies_.size(); ++i) hosts[i] = replies_[i].from.host;
  Levels crowding = levels(hosts, replies_.size());
  if (replies_.size() > kBucketSize) {
    const std::size_t last = superfluous(crowding, replies_.size());
    replies_.erase(at(last));
    crowding[last] = 0;
  }
  crowded_ = std::any_of(crowding.begin(), crowding.end(), [](int level) { return level > 0; });
}

bool ClosestList::lacks(net::Ipv4 host) const {
  return crowded_ && std::none_of(replies_.begin(), replies_.end(),
                                  [host](const auto& reply) { return reply.from.host == host; });
}

}  // namespace hsfwd::rpc
