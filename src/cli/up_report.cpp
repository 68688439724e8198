// SPDX-License-Identifier: Apache-2.0
#include "cli/up_report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <optional>

#include "cli/figures.hpp"
#include "platform/signals.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// How others see the node: without a port if each of them sees a different one.
Json address_text(const std::optional<net::Address>& seen_as) {
  if (!seen_as) return nullptr;
  return seen_as->port == 0 ? seen_as->host.to_string() : seen_as->to_string();
}

Json node_state(const NodeStatus& status, const Figures& figures) {
  return {{"online", status.online},         {"persistent", status.persistent},
          {"firewalled", status.firewalled}, {"address", address_text(status.seen_as)},
          {"nat", to_string(status.nat)},    {"bytesBuffered", figures.at("hsfwd_buffered_bytes")}};
}

/// With the age taken off the wall clock, which may have been set since.
Json connection_state(App& app, const forward::OpenConnection& connection) {
  const PeerInfo peer = connection.peer->info();
  const std::int64_t age = (app.scheduler().now() - connection.since).to_millis() / 1000;
  const auto now = static_cast<std::time_t>(app.env().wall_clock.unix_millis() / 1000);
  return {{"id", connection.id},
          {"direction", peer.outgoing ? "out" : "in"},
          {"peer", to_hex(peer.key.view())},
          {"key", key_text(peer.key)},
          {"service", connection.service},
          {"path", to_string(peer.path)},
          {"remote", peer.remote.to_string()},
          {"rttMillis", millis(peer.rtt)},
          {"bytesToPeer", connection.stats.to_peer},
          {"bytesFromPeer", connection.stats.from_peer},
          {"since", fmt::format("{:%FT%TZ}", fmt::gmtime(now - static_cast<std::time_t>(age)))},
          {"seconds", age}};
}

}  // namespace

void add_tunnels(const TunnelSet& tunnels, TunnelKinds kinds, Json& out) {
  for (const TunnelKind* kind : kinds) out[kind->list] = Json::array();
  for (std::size_t i = 0; i < tunnels.tunnels().size(); ++i) {
    const TunnelKind& kind = tunnels.plan().tunnels[i]->kind();
    out[kind.list].push_back(tunnels.tunnels()[i]->status());
  }
}

Json status_event(App& app, const TunnelSet& tunnels, const std::string& config, Instant began) {
  const PublicKey& key = app.node().key_pair().public_key;
  Json out = {{"event", "status"},
              {"config", config},
              {"pid", platform::process_id()},
              {"seconds", (app.scheduler().now() - began).to_millis() / 1000},
              {"publicKey", to_hex(key.view())},
              {"key", key_text(key)},
              {"node", node_state(app.node().status(), Figures::of(app))}};
  add_tunnels(tunnels, tunnel_kinds(), out);
  return out;
}

Json peers_event(App& app, const TunnelSet& tunnels) {
  Json connections = Json::array();
  for (const auto& tunnel : tunnels.tunnels()) {
    for (const auto& connection : tunnel->connections()) {
      connections.push_back(connection_state(app, connection));
    }
  }
  return {{"event", "peers"}, {"connections", connections}};
}

}  // namespace hsfwd::cli
