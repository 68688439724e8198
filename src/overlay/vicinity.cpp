// SPDX-License-Identifier: Apache-2.0
#include "overlay/vicinity.hpp"

namespace hsfwd::overlay {

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
  for (const ip::Prefix& own : networks.own) static_cast<void>(own_.add(own, {}));
  for (const ip::Prefix& near : networks.near) {
    if (near.length() < (near.is_ipv4() ? kHalvesV4 : kHalvesV6)) continue;
    static_cast<void>(near_.add(near, {}));
  }
}

bool Vicinity::is_this_host(const ip::Ipv6& host, Instant now) {
  look_around(now);
  return own_.route_to(host) != nullptr;
}

bool Vicinity::is_near(const ip::Ipv6& host, Instant now) {
  look_around(now);
  return near_.route_to(host) != nullptr;
}

}  // namespace hsfwd::overlay
