// SPDX-License-Identifier: Apache-2.0
#include "cli/unreachable_peers.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::cli;
using State = overlay::Link::State;

namespace {

overlay::PeerStatus peer_in(std::uint8_t n, State state, const std::string& error = "") {
  overlay::PeerStatus out;
  out.key.bytes[0] = n;
  out.state = state;
  out.error = error;
  if (state == State::kOpen) out.connection.emplace();
  return out;
}

}  // namespace

TEST_CASE("a peer that is not reachable is told once, and again after it was") {
  UnreachablePeers peers;
  const auto note = [&](State state, const std::string& error = "") {
    return peers.note(peer_in(1, state, error), "home");
  };
  CHECK(note(State::kDialling).empty());
  CHECK(note(State::kResting, "nobody knows it") == "peer home is not reachable: nobody knows it");
  for (const State state : {State::kIdle, State::kDialling, State::kResting, State::kIdle}) {
    CHECK(note(state, "nobody knows it").empty());
  }
  CHECK(note(State::kResting, "for another reason").empty());
  // Each for itself.
  CHECK(peers.note(peer_in(2, State::kResting), "office") == "peer office is not reachable");

  CHECK(note(State::kOpen).empty());
  CHECK(note(State::kIdle).empty());
  CHECK(note(State::kDialling).empty());
  CHECK(note(State::kResting) == "peer home is not reachable");
  CHECK(peers.note(peer_in(2, State::kResting), "office").empty());
}
