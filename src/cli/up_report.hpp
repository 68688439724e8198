// SPDX-License-Identifier: Apache-2.0
// What a running `up` reports about itself.
#pragma once

#include <cstdint>
#include <string>

#include "cli/app.hpp"
#include "cli/events.hpp"
#include "cli/tunnel_set.hpp"

namespace hsfwd::cli {

std::uint64_t own_pid();
/// The lists of these kinds, with the tunnels of each.
Spread tunnel_states(const TunnelSet& tunnels, TunnelKinds kinds);
/// `config` is the file, `began` when `up` did.
events::Status status_event(App& app, const TunnelSet& tunnels, const std::string& config,
                            Instant began);
/// The open connections of all tunnels, and the sessions that carry them.
events::Peers peers_event(App& app, const TunnelSet& tunnels);

}  // namespace hsfwd::cli
