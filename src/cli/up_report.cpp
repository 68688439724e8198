// SPDX-License-Identifier: Apache-2.0
#include "cli/up_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cli/age.hpp"
#include "cli/figures.hpp"
#include "cli/health.hpp"
#include "platform/signals.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// How others see the node: without a port if each of them sees a different one.
std::optional<std::string> address_text(const std::optional<net::Address>& seen_as) {
  if (!seen_as) return std::nullopt;
  return seen_as->port == 0 ? seen_as->host.to_string() : seen_as->to_string();
}

events::NodeState node_state(const NodeStatus& status, const Figures& figures) {
  return {.online = status.online,
          .persistent = status.persistent,
          .firewalled = status.firewalled,
          .address = address_text(status.seen_as),
          .nat = to_string(status.nat),
          .bytes_buffered = figures.at("hsfwd_buffered_bytes")};
}

const char* direction(bool outgoing) {
  return outgoing ? "out" : "in";
}

events::ConnectionState connection_state(App& app, const forward::OpenConnection& connection) {
  const PeerInfo peer = connection.peer->info();
  const Age age = age_since(app, connection.since);
  return {.id = connection.id,
          .direction = direction(peer.outgoing),
          .peer = to_hex(peer.key.view()),
          .key = key_text(peer.key),
          .name = app.names().of(peer.key),
          .service = connection.service,
          .path = to_string(peer.path),
          .remote = peer.remote.to_string(),
          .rtt_millis = millis(peer.rtt),
          .bytes_to_peer = connection.stats.to_peer,
          .bytes_from_peer = connection.stats.from_peer,
          .since = age.at,
          .seconds = age.seconds,
          .session = peer.session};
}

std::vector<events::ConnectionState> connection_states(App& app,
                                                       const std::vector<TunnelView>& tunnels) {
  std::vector<events::ConnectionState> out;
  for (const TunnelView& view : tunnels) {
    for (const auto& connection : view.tunnel->connections()) {
      out.push_back(connection_state(app, connection));
    }
  }
  return out;
}

std::vector<std::string> services_of(const SessionInfo& session,
                                     const std::vector<events::ConnectionState>& connections) {
  std::vector<std::string> out;
  for (const events::ConnectionState& connection : connections) {
    if (connection.session != session.id) continue;
    if (std::find(out.begin(), out.end(), connection.service) == out.end()) {
      out.push_back(connection.service);
    }
  }
  return out;
}

events::SessionState session_state(App& app, const SessionInfo& session,
                                   const std::vector<events::ConnectionState>& connections) {
  const Age age = age_since(app, session.since);
  events::SessionState out{.id = session.id,
                           .direction = direction(session.outgoing),
                           .peer = to_hex(session.key.view()),
                           .key = key_text(session.key),
                           .name = app.names().of(session.key),
                           .services = services_of(session, connections),
                           .streams = session.streams,
                           .path = to_string(session.path),
                           .remote = session.remote.to_string(),
                           .rtt_millis = millis(session.rtt),
                           .bytes_to_peer = session.bytes_sent,
                           .bytes_from_peer = session.bytes_received,
                           .rate_to_peer = static_cast<std::uint64_t>(session.send_rate),
                           .rate_from_peer = static_cast<std::uint64_t>(session.receive_rate),
                           .packets = session.packets_sent,
                           .packets_repeated = session.packets_repeated,
                           .packets_lost = session.packets_lost,
                           .moves = session.moves,
                           .silent_seconds = std::nullopt,
                           .last_error = session.last_error,
                           .last_error_at = std::nullopt,
                           .last_error_seconds = std::nullopt,
                           .last_error_over = session.last_error_over,
                           .since = age.at,
                           .seconds = age.seconds};
  if (!session.last_error.empty()) {
    const Age of_error = age_since(app, session.last_error_at);
    out.last_error_seconds = of_error.seconds;
    out.last_error_at = of_error.at;
  }
  if (session.silent) {
    out.silent_seconds = static_cast<std::uint64_t>(session.silent->to_millis() / 1000);
  }
  return out;
}

std::vector<events::SessionState> session_states(
    App& app, const std::vector<events::ConnectionState>& connections) {
  std::vector<events::SessionState> out;
  for (const SessionInfo& session : app.node().sessions()) {
    out.push_back(session_state(app, session, connections));
  }
  return out;
}

std::vector<const Tunnel*> all_of(const std::vector<TunnelView>& tunnels) {
  std::vector<const Tunnel*> out;
  for (const TunnelView& view : tunnels) out.push_back(view.tunnel);
  return out;
}

Spread states_of(const std::vector<TunnelView>& tunnels, TunnelKinds kinds) {
  Spread out;
  for (const TunnelKind* kind : kinds) {
    Json list = Json::array();
    for (const TunnelView& view : tunnels) {
      if (view.kind == kind) list.push_back(view.tunnel->status());
    }
    out.fields.emplace_back(kind->list, std::move(list));
  }
  return out;
}

}  // namespace

std::uint64_t own_pid() {
  return static_cast<std::uint64_t>(platform::process_id());
}

std::vector<TunnelView> views_of(const TunnelSet& tunnels) {
  std::vector<TunnelView> out;
  for (std::size_t i = 0; i < tunnels.tunnels().size(); ++i) {
    out.push_back({&tunnels.plan().tunnels[i]->kind(), tunnels.tunnels()[i].get()});
  }
  return out;
}

Spread tunnel_states(const TunnelSet& tunnels, TunnelKinds kinds) {
  return states_of(views_of(tunnels), kinds);
}

events::Status status_event(App& app, const std::vector<TunnelView>& tunnels,
                            const std::string& command, const std::string& config, Instant began) {
  const PublicKey& key = app.node().key_pair().public_key;
  return {.command = command,
          .config = config,
          .pid = own_pid(),
          .seconds = age_since(app, began).seconds,
          .public_key = to_hex(key.view()),
          .key = key_text(key),
          .node = node_state(app.node().status(), Figures::of(app)),
          .health = health_of(app, all_of(tunnels), began),
          .sessions = session_states(app, connection_states(app, tunnels)),
          .tunnels = states_of(tunnels, tunnel_kinds())};
}

events::Peers peers_event(App& app, const std::vector<TunnelView>& tunnels,
                          const std::string& command) {
  events::Peers out{.command = command,
                    .pid = own_pid(),
                    .connections = connection_states(app, tunnels),
                    .sessions = {}};
  out.sessions = session_states(app, out.connections);
  return out;
}

}  // namespace hsfwd::cli
