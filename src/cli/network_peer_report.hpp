// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/health.hpp"
#include "cli/unreachable_peers.hpp"
#include "overlay/network.hpp"

namespace hsfwd::cli {

/// What is told of a network's peers: whether they are there, by which path, and why not.
class NetworkPeerReport {
 public:
  /// `silent`: only of those that are not reachable.
  NetworkPeerReport(App& app, bool silent) : app_(app), silent_(silent) {}

  /// Reports what of it has not been told yet.
  void on_changed(const overlay::PeerStatus& peer);
  /// Others are in the network no more.
  void keep(const std::vector<overlay::NetworkPeer>& peers);
  std::optional<Trouble> trouble(const overlay::PeerStatus& peer) const;

 private:
  void note_reached(const overlay::PeerStatus& peer);
  void report(const overlay::PeerStatus& peer);
  void report_unreachable(const overlay::PeerStatus& peer);

  App& app_;
  const bool silent_;
  std::map<PublicKey, Instant> unreached_since_;
  std::map<PublicKey, std::string> told_;  // what was last reported of a peer
  UnreachablePeers unreachable_;           // if silent
};

}  // namespace hsfwd::cli
