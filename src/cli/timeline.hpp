// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/app.hpp"
#include "cli/events.hpp"
#include "node/attempt.hpp"

namespace hsfwd::cli {

/// "+  183 ms  handshake  sent through 1.2.3.4:5"
std::string timeline_line(Instant began, const AttemptEvent& event);
events::Attempt attempt_event(Instant began, const AttemptEvent& event);

/// The course of an attempt goes to the log if that is verbose enough, and with --json also to the
/// events; null otherwise. `id` is the connection's number.
AttemptSink log_timeline(const App& app, Scheduler& scheduler, std::uint64_t id);

}  // namespace hsfwd::cli
