// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/eviction_order.hpp"

#include <new>

#include "util/check.hpp"

namespace hsfwd::hyperdht {

namespace {
std::uint32_t network_of(net::Ipv4 host) {
  return host.value >> 8;
}
}  // namespace

void EvictionOrder::Crowd::add(const Entry& entry, Id id) {
  const auto aged = by_age.emplace(entry.number, id).first;
  try {
    by_host[entry.host].insert(entry.number);
  } catch (const std::bad_alloc&) {
    by_age.erase(aged);
    const auto host = by_host.find(entry.host);
    if (host != by_host.end() && host->second.empty()) by_host.erase(host);
    throw;
  }
}

void EvictionOrder::Crowd::remove(const Entry& entry) {
  by_age.erase(entry.number);
  const auto host = by_host.find(entry.host);
  host->second.erase(entry.number);
  if (host->second.empty()) by_host.erase(host);
}

/// Hosts of a network stand side by side.
EvictionOrder::Id EvictionOrder::Crowd::next() const {
  std::size_t most = kShare;
  const std::set<Number>* chosen = nullptr;
  for (auto at = by_host.begin(); at != by_host.end();) {
    const std::uint32_t network = network_of(at->first);
    std::size_t in_network = 0;
    const std::set<Number>* largest = &at->second;
    for (; at != by_host.end() && network_of(at->first) == network; ++at) {
      in_network += at->second.size();
      if (at->second.size() > largest->size()) largest = &at->second;
    }
    if (in_network > most) {
      most = in_network;
      chosen = largest;
    }
  }
  return chosen != nullptr ? by_age.at(*chosen->begin()) : oldest();
}

void EvictionOrder::add(Id id, net::Ipv4 host, Standing standing) {
  const Entry entry{host, standing, next_number_++};
  crowd(standing).add(entry, id);
  try {
    HSFWD_CHECK(entries_.emplace(id, entry).second);
  } catch (const std::bad_alloc&) {
    crowd(standing).remove(entry);
    throw;
  }
}

void EvictionOrder::change(Id id, Standing standing) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.standing == standing) return;
  Entry changed = found->second;
  changed.standing = standing;
  crowd(standing).add(changed, id);
  crowd(found->second.standing).remove(found->second);
  found->second = changed;
}

void EvictionOrder::remove(Id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  crowd(found->second.standing).remove(found->second);
  entries_.erase(found);
}

std::optional<EvictionOrder::Id> EvictionOrder::next() const {
  if (entries_.empty()) return std::nullopt;
  if (crowd(Standing::kOver).size() > 0) return crowd(Standing::kOver).oldest();
  const Crowd& strangers = crowd(Standing::kStranger);
  const Crowd& alive = crowd(Standing::kAlive);
  const bool too_strange = strangers.size() > capacity_ / 2 || alive.size() == 0;
  return too_strange ? strangers.next() : alive.next();
}

}  // namespace hsfwd::hyperdht
