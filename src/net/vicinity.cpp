// SPDX-License-Identifier: Apache-2.0
#include "net/vicinity.hpp"

namespace hsfwd::net {

namespace {
// Shorter ones are default routes in pieces, as other tunnels have them.
constexpr int kHalvesV4 = 8;
constexpr int kHalvesV6 = 16;
}  // namespace

void Vicinity::look_around(Instant now) {
  if (looked_ && now - *looked_ <= kLookAgain) return;
  looked_ = now;
  own_ = near_ = {};
  const HostNetworks networks = look_();
  for (const ip::Prefix& own : networks.own) own_.add({own});
  for (const ip::Prefix& near : networks.near) {
    if (near.length() < (near.is_ipv4() ? kHalvesV4 : kHalvesV6)) continue;
    near_.add({near});
  }
}

bool Vicinity::is_this_host(const ip::Ipv6& host, Instant now) {
  look_around(now);
  return own_.find(host) != nullptr;
}

bool Vicinity::is_near(const ip::Ipv6& host, Instant now) {
  look_around(now);
  return near_.find(host) != nullptr;
}

Place Vicinity::place_of(Ipv4 host, Instant now) {
  look_around(now);
  const ip::Ipv6 mapped = ip::Ipv6::mapped(host.value);
  const Entry* const near = near_.find(mapped);
  const Entry* const own = host.is_loopback() ? nullptr : own_.find(mapped);
  Place out{.address = host, .near = near != nullptr};
  if (own != nullptr) out.own = near != nullptr ? near->network : own->network;
  return out;
}

}  // namespace hsfwd::net
