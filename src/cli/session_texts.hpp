// SPDX-License-Identifier: Apache-2.0
// Sessions, and connections that are of none, as people read them.
#pragma once

#include <string>
#include <vector>
#include "cli/events/answers.hpp"

namespace hsfwd::cli {

/// What is below the line of a session: how many connections it carries, rates, losses, and what is
/// wrong.
std::vector<std::string> session_notes(const events::SessionState& session);
/// The part of `status` about sessions; empty if there are none.
std::string sessions_text(const std::vector<events::SessionState>& sessions);
/// A row for each session that is used, and for each connection that is of none.
std::string connections_text(const events::Peers& peers);

}  // namespace hsfwd::cli
