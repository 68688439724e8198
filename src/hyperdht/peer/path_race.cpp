// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/path_race.hpp"

#include <algorithm>
#include <utility>

namespace hsfwd::hyperdht {

bool PathRace::enter(std::unique_ptr<PathCandidate> candidate) {
  PathCandidate& entered = *candidate;
  candidates_.push_back(std::move(candidate));
  if (entered.start()) return true;
  const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                  [&](const auto& other) { return other.get() == &entered; });
  if (found != candidates_.end()) {
    scheduler_.retire(std::move(*found));
    candidates_.erase(found);
  }
  return false;
}

bool PathRace::running() const {
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [](const auto& candidate) { return candidate->active(); });
}

/// Perhaps from inside one of them.
void PathRace::stop() {
  for (auto& candidate : std::exchange(candidates_, {})) scheduler_.retire(std::move(candidate));
}

void PathRace::explain(AttemptFailure& failure) const {
  for (const auto& candidate : candidates_) candidate->explain(failure);
}

void PathRace::carried(std::unique_ptr<PathCarrier> carrier, const PeerPath& path,
                       udx::StreamId leg) {
  for (const auto& candidate : candidates_) candidate->on_carried();
  owner_.on_carrier_found(std::move(carrier), path, leg);
  if (!running()) owner_.on_race_lost();
}

void PathRace::lost(const PathCandidate& candidate) {
  if (owner_.on_candidate_lost(candidate)) return;
  if (!running()) owner_.on_race_lost();
}

}  // namespace hsfwd::hyperdht
