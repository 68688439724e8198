// SPDX-License-Identifier: Apache-2.0
#include "cli/tunnel_events.hpp"

#include <fmt/format.h>

#include <utility>

#include "cli/events/connections.hpp"
#include "cli/events/tunnels.hpp"
#include "cli/table.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

void report_led(const App& app, const std::string& address, const PeerReference& peer,
                const std::string& service) {
  app.output().event(events::TunnelReady{address, to_hex(peer.key.view()), service},
                     printable(fmt::format("ready: {} leads to {}{}{}", address, peer.name,
                                           service.empty() ? "" : ", service ", service)));
}

std::vector<forward::OpenConnection> open_ones(std::vector<forward::OpenConnection> all,
                                               const std::string& service) {
  std::vector<forward::OpenConnection> out;
  for (forward::OpenConnection& connection : all) {
    const PeerInfo peer = connection.peer->info();
    if (!peer.open) continue;
    connection.service = forward::service_of(peer, service);
    out.push_back(std::move(connection));
  }
  return out;
}

void report_connection(const App& app, std::uint64_t id, const PeerInfo& peer,
                       const std::string& service) {
  const std::string path = to_string(peer.path);
  const std::string remote = peer.remote.to_string();
  app.output().event(
      events::Connection{id, to_hex(peer.key.view()), app.names().of(peer.key), service, path,
                         remote},
      app.quiet() ? ""
                  : fmt::format("connection {}: {} {}{}{} ({}, {})", id,
                                peer.outgoing ? "to" : "from", app.names().shown(peer.key),
                                service.empty() ? "" : ", ", printable(service), path, remote));
}

void report_path_changes(const App& app, std::uint64_t id, PeerStream& stream) {
  stream.set_on_path_changed([&app, &stream, id] {
    const PeerInfo peer = stream.info();
    const std::string path = to_string(peer.path);
    const std::string remote = peer.remote.to_string();
    app.output().event(
        events::Moved{id, path, remote},
        app.quiet() ? "" : fmt::format("connection {} moved: {}, {}", id, path, remote));
  });
}

void report_closed(const App& app, const forward::ClosedConnection& closed) {
  // People have been told why when it was refused.
  const bool refused = closed.cause == forward::Cause::kRefused;
  app.output().event(
      events::Closed{closed.id, to_hex(closed.peer.view()), app.names().of(closed.peer),
                     closed.service, closed.stats.to_peer, closed.stats.from_peer, closed.reason},
      app.quiet() || refused
          ? ""
          : fmt::format("closed {} ({}{}{}): {} to the peer, {} from it{}{}", closed.id,
                        app.names().shown(closed.peer), closed.service.empty() ? "" : ", ",
                        printable(closed.service), count_text(closed.stats.to_peer, "byte"),
                        closed.stats.from_peer, closed.reason.empty() ? "" : "; ",
                        printable(closed.reason)));
}

}  // namespace hsfwd::cli
