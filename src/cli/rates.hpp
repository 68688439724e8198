// SPDX-License-Identifier: Apache-2.0
// What a `status` or `peers` says of bytes: how many a second, by two of them, and how many in all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli {

/// Adds `rateToPeer` and `rateFromPeer` (bytes a second) to each entry that counts bytes and that the event of
/// `seconds` ago has as well, unless it has them.
void add_rates(Json& event, const Json& before, double seconds);

struct Traffic {
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t bytes_from_peer = 0;
  Omittable<std::uint64_t> rate_to_peer = {};
  Omittable<std::uint64_t> rate_from_peer = {};
};
/// Of the entries of a list, and of those inside them.
Traffic operator+(const Traffic& a, const Traffic& b);
Traffic traffic_of(const Json& list);

/// "3.2 MB to peers (1.2 kB/s)", with `way` in the middle.
std::string carried_text(std::uint64_t bytes, const char* way,
                         const Omittable<std::uint64_t>& rate);
/// "1.2 kB/s to the peer, 3 B/s from it"; empty if nothing goes either way, or nobody knows.
std::string rates_text(const Omittable<std::uint64_t>& to_peer,
                       const Omittable<std::uint64_t>& from_peer);

/// The same, as what is below a row of a table.
template <class State>
std::vector<std::string> rate_notes(const State& state) {
  std::string text = rates_text(state.rate_to_peer, state.rate_from_peer);
  return text.empty() ? std::vector<std::string>() : std::vector<std::string>{std::move(text)};
}

/// The rates of something, for an order of what is busy.
template <class State>
std::uint64_t rate_of(const State& state) {
  return state.rate_to_peer.value_or(0) + state.rate_from_peer.value_or(0);
}

}  // namespace hsfwd::cli
