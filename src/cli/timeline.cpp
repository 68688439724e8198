// SPDX-License-Identifier: Apache-2.0
#include "cli/timeline.hpp"

#include <fmt/format.h>

#include <string>

#include "hyperdht/diagnose/advice.hpp"

namespace hsfwd::cli {

std::string timeline_line(Instant began, const hyperdht::AttemptEvent& event) {
  return fmt::format("+{:>6} ms  {:<9}  {}", (event.at - began).to_millis(),
                     hyperdht::to_string(event.step), printable(event.text));
}

Json timeline_fields(Instant began, const hyperdht::AttemptEvent& event) {
  return {{"millis", millis(event.at - began)},
          {"step", hyperdht::to_string(event.step)},
          {"text", event.text}};
}

hyperdht::AttemptLog::Sink log_timeline(const App& app, Scheduler& scheduler, std::uint64_t id) {
  if (!app.log().enabled(LogLevel::kDebug)) return nullptr;
  return [&app, id, began = scheduler.now()](const hyperdht::AttemptEvent& event) {
    app.log().debug("connect", "{}: {}", id, timeline_line(began, event));
    if (event.step == hyperdht::AttemptStep::kFailed) {
      app.log().debug("connect", "{}: {}", id, hyperdht::advice(*event.failure));
    }
    if (!app.output().json()) return;
    Json fields = {{"id", id}};
    fields.update(timeline_fields(began, event));
    app.output().event("attempt", fields, "");
  };
}

}  // namespace hsfwd::cli
