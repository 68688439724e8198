// SPDX-License-Identifier: Apache-2.0
#include "cli/up_report.hpp"

#include <fmt/chrono.h>

#include <ctime>
#include <optional>
#include <vector>

#include "cli/figures.hpp"
#include "platform/signals.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

Json texts(const std::vector<net::Address>& addresses) {
  Json out = Json::array();
  for (const net::Address& address : addresses) out.push_back(address.to_string());
  return out;
}

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

std::vector<forward::OpenConnection> open_connections(const PeerTunnel& tunnel) {
  std::vector<forward::OpenConnection> out;
  for (const PeerTunnel::Listening& entry : tunnel.listening()) {
    for (forward::OpenConnection& connection : entry.forward->list()) {
      const PeerInfo peer = connection.peer->info();
      if (!peer.open) continue;
      connection.service = peer.extension ? peer.extension->service : entry.wanted.service;
      out.push_back(std::move(connection));
    }
  }
  return out;
}

Json expose_state(const Exposure& exposure) {
  Json services = Json::array();
  for (const forward::Service& service : exposure.services()) {
    services.push_back({{"name", service.name}, {"target", service.target.to_string()}});
  }
  Json allow;  // null: everybody
  for (const PublicKey& key : exposure.allowed()) allow.push_back(to_hex(key.view()));
  const auto& tested = exposure.reachability();
  const auto figures = Figures::of(exposure);
  Json out = {{"publicKey", to_hex(exposure.public_key().view())},
              {"key", key_text(exposure.public_key())},
              {"services", services},
              {"allow", allow},
              {"relays", texts(exposure.relays())},
              {"reachable", tested ? Json(tested->reachable()) : Json()},
              {"shared", tested && tested->shared},
              {"connections", figures.at("hsfwd_tunnel_connections")},
              {"refused", figures.at("hsfwd_tunnel_refused")},
              {"bytesToPeer", figures.at("hsfwd_tunnel_bytes", {{"direction", "to_peer"}})},
              {"bytesFromPeer", figures.at("hsfwd_tunnel_bytes", {{"direction", "from_peer"}})}};
  if (!exposure.problem().empty()) out["problem"] = told(exposure.problem());
  return out;
}

void add_tunnel(const PeerTunnel& tunnel, Json& out) {
  const auto figures = Figures::of(tunnel);
  for (const PeerTunnel::Listening& entry : tunnel.listening()) {
    const std::string at = entry.address();
    const auto bytes = [&](const char* direction) {
      return figures.at("hsfwd_tunnel_bytes", {{"listen", at}, {"direction", direction}});
    };
    out.push_back({{"listen", at},
                   {"peer", to_hex(tunnel.peer_key().view())},
                   {"name", tunnel.peer_name()},
                   {"service", entry.wanted.service},
                   {"connections", open_connections(tunnel).size()},
                   {"bytesToPeer", bytes("to_peer")},
                   {"bytesFromPeer", bytes("from_peer")}});
    if (!entry.problem.empty()) out.back()["problem"] = told(entry.problem);
  }
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

Json status_event(App& app, const TunnelSet& tunnels, const std::string& config, Instant began) {
  Json exposes = Json::array();
  for (const auto& exposure : tunnels.exposures()) exposes.push_back(expose_state(*exposure));
  Json connects = Json::array();
  for (const auto& tunnel : tunnels.tunnels()) add_tunnel(*tunnel, connects);
  const PublicKey& key = app.node().key_pair().public_key;
  return {{"event", "status"},
          {"config", config},
          {"pid", platform::process_id()},
          {"seconds", (app.scheduler().now() - began).to_millis() / 1000},
          {"publicKey", to_hex(key.view())},
          {"key", key_text(key)},
          {"node", node_state(app.node().status(), Figures::of(app))},
          {"exposes", exposes},
          {"connects", connects}};
}

Json peers_event(App& app, const TunnelSet& tunnels) {
  Json connections = Json::array();
  for (const auto& exposure : tunnels.exposures()) {
    for (const auto& connection : exposure->host().list()) {
      connections.push_back(connection_state(app, connection));
    }
  }
  for (const auto& tunnel : tunnels.tunnels()) {
    for (const auto& connection : open_connections(*tunnel)) {
      connections.push_back(connection_state(app, connection));
    }
  }
  return {{"event", "peers"}, {"connections", connections}};
}

}  // namespace hsfwd::cli
