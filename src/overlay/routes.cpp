// SPDX-License-Identifier: Apache-2.0
#include "overlay/routes.hpp"

namespace hsfwd::overlay {

Result<void, crypto::PublicKey> Routes::add(const ip::Prefix& network,
                                            const crypto::PublicKey& peer) {
  const Route* const route = table_.add({network, peer}).first;
  if (route->peer != peer) return Err(route->peer);
  return {};
}

void Routes::remove(const crypto::PublicKey& peer) {
  table_.remove_if([&peer](const Route& route) { return route.peer == peer; });
}

const crypto::PublicKey* Routes::find(const ip::Ipv6& host) const {
  const Route* const route = route_to(host);
  return route != nullptr ? &route->peer : nullptr;
}

bool Routes::owns(const crypto::PublicKey& peer, const ip::Ipv6& host) const {
  const crypto::PublicKey* const owner = find(host);
  return owner != nullptr && *owner == peer;
}

}  // namespace hsfwd::overlay
