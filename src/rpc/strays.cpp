// SPDX-License-Identifier: Apache-2.0
#include "rpc/strays.hpp"

namespace hsfwd::rpc {

namespace {
constexpr Duration kStrayPeriod = 10_min;
// Late answers of a bad line do not come close.
constexpr std::uint32_t kManyStrays = 100;
constexpr std::size_t kMaxStrayHosts = 256;
constexpr Duration kForgetPause = 10_s;  // between two looks for hosts to be forgotten
}  // namespace

bool Strays::add(net::Ipv4 host, Instant now) {
  if (entries_.size() >= kMaxStrayHosts && !entries_.contains(host)) {
    // Forged sources fill the list: who is in it already is counted on.
    if (now < forget_at_) return false;
    forget_at_ = now + kForgetPause;
    std::erase_if(entries_,
                  [now](const auto& entry) { return now - entry.second.since >= kStrayPeriod; });
    if (entries_.size() >= kMaxStrayHosts) return false;
  }
  Entry& entry = entries_[host];
  if (entry.count == 0 || now - entry.since >= kStrayPeriod) entry = {0, now};
  return ++entry.count == kManyStrays;
}

std::uint32_t Strays::count(net::Ipv4 host) const {
  const auto found = entries_.find(host);
  return found != entries_.end() ? found->second.count : 0;
}

}  // namespace hsfwd::rpc
