// SPDX-License-Identifier: Apache-2.0
#include "overlay/routes.hpp"

#include <algorithm>

namespace hsfwd::overlay {

Routes::Number Routes::number_of(const ip::Ipv6& host) {
  Number out;
  for (std::size_t i = 0; i < 8; ++i) {
    out.high = out.high << 8 | host.bytes[i];
    out.low = out.low << 8 | host.bytes[8 + i];
  }
  return out;
}

Routes::Length& Routes::length_of(std::uint8_t bits) {
  const auto at = std::find_if(lengths_.begin(), lengths_.end(),
                               [bits](const Length& length) { return length.bits <= bits; });
  if (at != lengths_.end() && at->bits == bits) return *at;
  return *lengths_.insert(at, Length{.bits = bits, .begins = {}, .routes = {}});
}

Result<void, crypto::PublicKey> Routes::add(const ip::Prefix& network,
                                            const crypto::PublicKey& peer) {
  Length& length = length_of(network.bits);
  const Number begin = number_of(network.host);
  const auto at = std::lower_bound(length.begins.begin(), length.begins.end(), begin);
  const auto route = length.routes.begin() + (at - length.begins.begin());
  if (at != length.begins.end() && *at == begin) {
    if (route->peer != peer) return Err(route->peer);
    return {};
  }
  length.routes.insert(route, Route{network, peer});
  length.begins.insert(at, begin);
  return {};
}

void Routes::remove(const crypto::PublicKey& peer) {
  for (Length& length : lengths_) {
    std::erase_if(length.routes, [&peer](const Route& route) { return route.peer == peer; });
    length.begins.clear();
    for (const Route& route : length.routes) {
      length.begins.push_back(number_of(route.network.host));
    }
  }
  std::erase_if(lengths_, [](const Length& length) { return length.routes.empty(); });
}

const Routes::Route* Routes::route_to(const ip::Ipv6& host) const {
  const Number number = number_of(host);
  for (const Length& length : lengths_) {
    // The last network that does not begin behind the host is the only one that it can be in.
    const auto behind = std::upper_bound(length.begins.begin(), length.begins.end(), number);
    if (behind == length.begins.begin()) continue;
    const Route& route = *(length.routes.begin() + (behind - length.begins.begin() - 1));
    if (route.network.contains(host)) return &route;
  }
  return nullptr;
}

const crypto::PublicKey* Routes::find(const ip::Ipv6& host) const {
  const Route* const route = route_to(host);
  return route != nullptr ? &route->peer : nullptr;
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
