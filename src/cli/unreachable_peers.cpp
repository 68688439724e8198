// SPDX-License-Identifier: Apache-2.0
#include "cli/unreachable_peers.hpp"

#include <fmt/format.h>

namespace hsfwd::cli {

std::string UnreachablePeers::note(const overlay::PeerStatus& peer, const std::string& name) {
  if (peer.connection) told_.erase(peer.key);
  if (peer.state != overlay::Link::State::kResting || !told_.insert(peer.key).second) return {};
  return fmt::format("peer {} is not reachable{}{}", name, peer.error.empty() ? "" : ": ",
                     peer.error);
}

}  // namespace hsfwd::cli
