// SPDX-License-Identifier: Apache-2.0
#include "rpc/delayed_pings.hpp"

#include <algorithm>

namespace hsfwd::rpc {

bool DelayedPings::has_place(net::Ipv4 host) const {
  if (waiting_.size() >= kPlaces) return false;
  std::size_t of_host = 0;
  std::size_t of_network = 0;
  for (const Waiting& other : waiting_) {
    of_host += other.host == host;
    of_network += other.host.slash_24() == host.slash_24();
  }
  if (net::is_private(host)) return of_host < kOfLocalHost;
  return of_host < kOfHost && of_network < kOfNetwork;
}

void DelayedPings::add(const RequestOrigin& origin, Duration delay) {
  std::erase_if(waiting_, [](const Waiting& one) { return !one.timer->armed(); });
  if (!has_place(origin.from.host)) return;
  waiting_.push_back({origin.from.host, std::make_unique<Timer>(
                                            env_.scheduler, [this, origin] { answer_(origin); })});
  waiting_.back().timer->start(delay);
}

}  // namespace hsfwd::rpc
