// SPDX-License-Identifier: Apache-2.0
// The events that a running `up` answers with, as people read them.
#pragma once

#include <string>

#include "cli/output.hpp"
#include "cli/tunnel_kinds.hpp"

namespace hsfwd::cli {

/// The command that an event is of, and its process; empty of an `up`.
std::string heading_of(const Json& event);
// They throw what nlohmann throws if a field is missing or of another type.
std::string status_text(const Json& event);
/// The part of it about tunnels, of these kinds.
std::string tunnels_text(const Json& event, TunnelKinds kinds);
std::string peers_text(const Json& event);
std::string reloaded_text(const Json& event);
std::string down_text(const Json& event);

}  // namespace hsfwd::cli
