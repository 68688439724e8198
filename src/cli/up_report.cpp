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

std::uint64_t seconds_since(App& app, Instant began) {
  return static_cast<std::uint64_t>((app.scheduler().now() - began).to_millis() / 1000);
}

/// With the age taken off the wall clock, which may have been set since.
events::ConnectionState connection_state(App& app, const forward::OpenConnection& connection) {
  const PeerInfo peer = connection.peer->info();
  const std::uint64_t age = seconds_since(app, connection.since);
  const auto now = static_cast<std::time_t>(app.env().wall_clock.unix_millis() / 1000);
  return {.id = connection.id,
          .direction = peer.outgoing ? "out" : "in",
          .peer = to_hex(peer.key.view()),
          .key = key_text(peer.key),
          .service = connection.service,
          .path = to_string(peer.path),
          .remote = peer.remote.to_string(),
          .rtt_millis = millis(peer.rtt),
          .bytes_to_peer = connection.stats.to_peer,
          .bytes_from_peer = connection.stats.from_peer,
          .since = fmt::format("{:%FT%TZ}", fmt::gmtime(now - static_cast<std::time_t>(age))),
          .seconds = age};
}

}  // namespace

std::uint64_t own_pid() {
  return static_cast<std::uint64_t>(platform::process_id());
}

Spread tunnel_states(const TunnelSet& tunnels, TunnelKinds kinds) {
  Spread out;
  for (const TunnelKind* kind : kinds) {
    Json list = Json::array();
    for (std::size_t i = 0; i < tunnels.tunnels().size(); ++i) {
      if (&tunnels.plan().tunnels[i]->kind() == kind) {
        list.push_back(tunnels.tunnels()[i]->status());
      }
    }
    out.fields.emplace_back(kind->list, std::move(list));
  }
  return out;
}

events::Status status_event(App& app, const TunnelSet& tunnels, const std::string& config,
                            Instant began) {
  const PublicKey& key = app.node().key_pair().public_key;
  return {.config = config,
          .pid = own_pid(),
          .seconds = seconds_since(app, began),
          .public_key = to_hex(key.view()),
          .key = key_text(key),
          .node = node_state(app.node().status(), Figures::of(app)),
          .tunnels = tunnel_states(tunnels, tunnel_kinds())};
}

events::Peers peers_event(App& app, const TunnelSet& tunnels) {
  events::Peers out;
  for (const auto& tunnel : tunnels.tunnels()) {
    for (const auto& connection : tunnel->connections()) {
      out.connections.push_back(connection_state(app, connection));
    }
  }
  return out;
}

}  // namespace hsfwd::cli
