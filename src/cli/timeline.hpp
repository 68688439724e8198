// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/app.hpp"
#include "cli/events/attempts.hpp"
#include "node/attempt.hpp"

namespace hsfwd::cli {

/// "+  183 ms  handshake  sent through 1.2.3.4:5"
std::string timeline_line(Instant began, const AttemptEvent& event);
events::Attempt attempt_event(Instant began, const AttemptEvent& event);

/// The course of an attempt is kept among the last ones; it goes to the log if that is verbose enough,
/// and with --json also to the events. `id` is the connection's number.
AttemptSink log_timeline(App& app, std::uint64_t id, const PublicKey& peer,
                         const std::string& service);
/// The last attempts, as an event and as people read it.
events::Attempts attempts_event(App& app, const std::string& command);
std::string attempts_text(const Json& event);

}  // namespace hsfwd::cli
