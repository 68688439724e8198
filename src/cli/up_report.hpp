// SPDX-License-Identifier: Apache-2.0
// What a running `up` reports about itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/events/answers.hpp"
#include "cli/tunnel_set.hpp"

namespace hsfwd::cli {

std::uint64_t own_pid();
/// The lists of these kinds, with the tunnels of each.
Spread tunnel_states(const TunnelSet& tunnels, TunnelKinds kinds);
/// One of those that a command runs.
struct TunnelView {
  const TunnelKind* kind = nullptr;
  const Tunnel* tunnel = nullptr;
};
std::vector<TunnelView> views_of(const TunnelSet& tunnels);
/// Of `command`, which began then; `config` is its file, if it has one.
events::Status status_event(App& app, const std::vector<TunnelView>& tunnels,
                            const std::string& command, const std::string& config, Instant began);
/// The open connections of all tunnels, and the sessions that carry them.
events::Peers peers_event(App& app, const std::vector<TunnelView>& tunnels,
                          const std::string& command);

}  // namespace hsfwd::cli
