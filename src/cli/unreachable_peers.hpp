// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "overlay/network.hpp"

namespace hsfwd::cli {

/// What is worth a line where nobody sees the events of a network: that a peer to which somebody sent
/// something is not reachable, once until it has been.
class UnreachablePeers {
 public:
  /// With the state of a peer as it changes: the line, or nothing. `name` is the peer's for people.
  std::string note(const overlay::PeerStatus& peer, const std::string& name);

 private:
  std::set<PublicKey> told_;
};

}  // namespace hsfwd::cli
