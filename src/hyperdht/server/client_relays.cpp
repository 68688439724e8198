// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/client_relays.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace hsfwd::hyperdht {

bool ClientRelays::has_served(const crypto::Hash32& first_message) const {
  return std::find(served_.begin(), served_.end(), first_message) != served_.end();
}

std::optional<ClientRelays::Dial> ClientRelays::begin(const Client& client,
                                                      const crypto::Hash32& first_message,
                                                      Instant now) {
  std::erase_if(dials_, [&](const Entry& e) { return !e.under_way && now - e.at >= kWindow; });
  if (!admits(client)) return std::nullopt;
  remember(first_message);
  dials_.push_back({next_, client, now, true});
  return next_++;
}

bool ClientRelays::admits(const Client& client) const {
  std::size_t all = 0;
  std::size_t all_at_once = 0;
  std::size_t of_key = 0;
  std::size_t of_host = 0;
  std::size_t own_at_once = 0;
  for (const Entry& entry : dials_) {
    if (entry.client.known != client.known) continue;
    const bool same_key = entry.client.key == client.key;
    const bool same_host = entry.client.host == client.host;
    ++all;
    all_at_once += entry.under_way;
    of_key += same_key;
    of_host += same_host;
    own_at_once += (same_key || same_host) && entry.under_way;
  }
  return all < kMaxInWindow && all_at_once < kMaxAtOnce && of_key < kMaxOfOne &&
         of_host < kMaxOfOne && own_at_once < kMaxAtOnceOfOne;
}

void ClientRelays::remember(const crypto::Hash32& first_message) {
  if (served_.size() < kMaxRemembered) {
    served_.push_back(first_message);
  } else {
    served_[oldest_served_] = first_message;
    oldest_served_ = (oldest_served_ + 1) % kMaxRemembered;
  }
}

void ClientRelays::ended(Dial dial) {
  for (Entry& entry : dials_) {
    if (entry.dial == dial) entry.under_way = false;
  }
}

void ClientRelays::forgiven(Dial dial) {
  std::erase_if(dials_, [&](const Entry& entry) { return entry.dial == dial; });
}

bool RelayDial::begin(const ClientRelays::Client& client, const crypto::Hash32& first_message,
                      Instant now) {
  dial_ = relays_.begin(client, first_message, now);
  return dial_.has_value();
}

void RelayDial::ended() {
  if (dial_) relays_.ended(*dial_);
}

void RelayDial::forgiven() {
  if (dial_) relays_.forgiven(*std::exchange(dial_, std::nullopt));
}

}  // namespace hsfwd::hyperdht
