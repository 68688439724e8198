// SPDX-License-Identifier: Apache-2.0
// What a running `up` reports about itself, as the fields of events.
#pragma once

#include <string>

#include "cli/app.hpp"
#include "cli/tunnel_set.hpp"

namespace hsfwd::cli {

/// Adds the lists of these kinds, with the tunnels of each.
void add_tunnels(const TunnelSet& tunnels, TunnelKinds kinds, Json& out);
/// `config` is the file, `began` when `up` did.
Json status_event(App& app, const TunnelSet& tunnels, const std::string& config, Instant began);
/// The open connections of all tunnels.
Json peers_event(App& app, const TunnelSet& tunnels);

}  // namespace hsfwd::cli
