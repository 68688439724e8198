// SPDX-License-Identifier: Apache-2.0
// What is reported of the connections of tunnels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/peer_reference.hpp"
#include "forward/connection.hpp"
#include "node/peer_stream.hpp"

namespace hsfwd::cli {

/// A local address leads to a service of a peer; empty: its default.
void report_led(const App& app, const std::string& address, const PeerReference& peer,
                const std::string& service);
/// Those of `all` that are open, each with the service that its peer names, or `service`.
std::vector<forward::OpenConnection> open_ones(std::vector<forward::OpenConnection> all,
                                               const std::string& service);

void report_connection(const App& app, std::uint64_t id, const PeerInfo& peer,
                       const std::string& service);
/// Reports every move of the connection to another kind of path.
void report_path_changes(const App& app, std::uint64_t id, PeerStream& stream);
void report_closed(const App& app, const forward::ClosedConnection& closed);

}  // namespace hsfwd::cli
