// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/known_clients.hpp"

#include <algorithm>

namespace hsfwd::hyperdht {

namespace {

constexpr auto kToleranceMicros = static_cast<std::uint64_t>(KnownClients::kTolerance.to_micros());

std::uint64_t distance(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : b - a;
}

}  // namespace

KnownClients::Message KnownClients::note_message(const crypto::PublicKey& client,
                                                 std::optional<std::uint64_t> stamp, Instant now) {
  Client* const found = clients_.find(client);
  if (found == nullptr || !stamp) return Message::kUnknown;
  Client& known = *found;
  const auto passed = static_cast<std::uint64_t>((now - known.stamp_at).to_micros());
  if (known.stamp == 0) return Message::kUnknown;
  if (*stamp <= known.newest || distance(*stamp, known.stamp + passed) > kToleranceMicros) {
    return Message::kStale;
  }
  known.newest = *stamp;
  return Message::kFresh;
}

void KnownClients::note_proof(const crypto::PublicKey& client, std::optional<std::uint64_t> stamp,
                              Instant asked_at, const std::optional<net::Address>& at,
                              Instant now) {
  Client& known = clients_.note(client);
  if (stamp) {
    known.stamp = *stamp;
    known.stamp_at = asked_at;
    // A clock that was set back makes all that it said before worthless.
    const bool set_back = known.newest > *stamp && known.newest - *stamp > kToleranceMicros;
    known.newest = set_back ? *stamp : std::max(known.newest, *stamp);
  }
  if (!at) return;
  std::erase_if(known.places, [&](const Place& place) { return place.address == *at; });
  if (known.places.size() >= kMaxPlaces) known.places.erase(known.places.begin());
  known.places.push_back({*at, now});
}

bool KnownClients::was_at(const crypto::PublicKey& client, const net::Address& at,
                          Instant now) const {
  const Client* const known = clients_.find(client);
  if (known == nullptr) return false;
  const auto& places = known->places;
  return std::any_of(places.begin(), places.end(), [&](const Place& place) {
    return place.address == at && now - place.proven_at < kLately;
  });
}

}  // namespace hsfwd::hyperdht
