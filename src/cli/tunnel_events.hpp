// SPDX-License-Identifier: Apache-2.0
// What is reported of the connections of tunnels.
#pragma once

#include <cstdint>
#include <string>

#include "cli/app.hpp"
#include "forward/connection.hpp"
#include "node/peer_stream.hpp"

namespace hsfwd::cli {

void report_connection(const App& app, std::uint64_t id, const PeerInfo& peer,
                       const std::string& service);
/// Reports every move of the connection to another kind of path.
void report_path_changes(const App& app, std::uint64_t id, PeerStream& stream);
void report_closed(const App& app, const forward::ClosedConnection& closed);

}  // namespace hsfwd::cli
