// SPDX-License-Identifier: Apache-2.0
#include "overlay/routes.hpp"

#include <algorithm>

namespace hsfwd::overlay {

Routes::Length& Routes::length_of(std::uint8_t bits) {
  const auto at = std::find_if(lengths_.begin(), lengths_.end(),
                               [bits](const Length& length) { return length.bits <= bits; });
  if (at != lengths_.end() && at->bits == bits) return *at;
  return *lengths_.insert(at, Length{.bits = bits, .routes = {}});
}

Result<void, crypto::PublicKey> Routes::add(const ip::Prefix& network,
                                            const crypto::PublicKey& peer) {
  std::vector<Route>& routes = length_of(network.bits).routes;
  const auto at = std::partition_point(
      routes.begin(), routes.end(),
      [&network](const Route& route) { return route.network.host < network.host; });
  if (at != routes.end() && at->network == network) {
    if (at->peer != peer) return Err(at->peer);
    return {};
  }
  routes.insert(at, Route{network, peer});
  return {};
}

void Routes::remove(const crypto::PublicKey& peer) {
  for (Length& length : lengths_) {
    std::erase_if(length.routes, [&peer](const Route& route) { return route.peer == peer; });
  }
  std::erase_if(lengths_, [](const Length& length) { return length.routes.empty(); });
}

const crypto::PublicKey* Routes::find(const ip::Ipv6& host) const {
  for (const Length& length : lengths_) {
    // The last network that does not begin behind the host is the only one that it can be in.
    const auto behind =
        std::partition_point(length.routes.begin(), length.routes.end(),
                             [&host](const Route& route) { return route.network.host <= host; });
    if (behind == length.routes.begin()) continue;
    const Route& route = *std::prev(behind);
    if (route.network.contains(host)) return &route.peer;
  }
  return nullptr;
}

bool Routes::owns(const crypto::PublicKey& peer, const ip::Ipv6& host) const {
  const crypto::PublicKey* const owner = find(host);
  return owner != nullptr && *owner == peer;
}

std::size_t Routes::size() const {
  std::size_t out = 0;
  for (const Length& length : lengths_) out += length.routes.size();
  return out;
}

}  // namespace hsfwd::overlay
