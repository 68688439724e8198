// SPDX-License-Identifier: Apache-2.0
#include "cli/network_peer_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/events/tunnels.hpp"
#include "cli/timeline.hpp"
#include "cli/tun_status.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

void NetworkPeerReport::on_changed(const overlay::PeerStatus& peer) {
  note_reached(peer);
  silent_ ? report_unreachable(peer) : report(peer);
}

void NetworkPeerReport::keep(const std::vector<overlay::NetworkPeer>& peers) {
  std::erase_if(told_, [&](const auto& entry) {
    return std::none_of(peers.begin(), peers.end(),
                        [&](const overlay::NetworkPeer& peer) { return peer.key == entry.first; });
  });
}

/// What people and scripts wait for: that it is there, by which path, or why it is not.
void NetworkPeerReport::report(const overlay::PeerStatus& peer) {
  const TunPeerStatus status = tun_peer_status(peer);
  const std::string path = status.path.value_or("");
  const std::string remote = status.remote.value_or("");
  const std::string problem = status.problem.value_or("");
  const bool settled = peer.connection.has_value() || peer.state == overlay::Link::State::kResting;
  if (!settled && peer.state != overlay::Link::State::kIdle) return;
  const std::string now = path + remote + problem;
  const auto [last, first] = told_.emplace(peer.key, "");
  if (std::exchange(last->second, now) == now) return;
  std::string text = fmt::format("peer {}: {}, {}", status.name, path, remote);
  if (path.empty()) {
    text = fmt::format("peer {}: {}", status.name,
                       problem.empty() ? "not connected" : "not connected: " + problem);
  }
  app_.output().event(
      events::NetworkPeer{status.peer, status.name, status.state, path, remote, problem},
      app_.quiet() ? "" : printable(text));
}

void NetworkPeerReport::report_unreachable(const overlay::PeerStatus& peer) {
  const std::string line = unreachable_.note(peer, tun_peer_name(peer));
  if (!line.empty() && !app_.quiet()) app_.output().note(line);
}

void NetworkPeerReport::note_reached(const overlay::PeerStatus& peer) {
  if (peer.connection || peer.error.empty()) {
    unreached_since_.erase(peer.key);
  } else {
    unreached_since_.emplace(peer.key, app_.scheduler().now());
  }
}

/// One that is off is ordinary, and one that nobody wants anything of is not tried.
std::optional<Trouble> NetworkPeerReport::trouble(const overlay::PeerStatus& peer) const {
  const auto since = unreached_since_.find(peer.key);
  if (peer.connection || peer.error.empty() || since == unreached_since_.end()) return std::nullopt;
  return Trouble{.code = "NOT_REACHED",
                 .level = Trouble::Level::kWarning,
                 .thing = "peer " + tun_peer_name(peer),
                 .state = "not reached",
                 .why = peer.error,
                 .advice = advice_about(app_, peer.key),
                 .since = since->second,
                 .of_network = true};
}

}  // namespace hsfwd::cli
