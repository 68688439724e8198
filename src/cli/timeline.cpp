// SPDX-License-Identifier: Apache-2.0
#include "cli/timeline.hpp"

#include <fmt/format.h>

#include <string>

namespace hsfwd::cli {

std::string timeline_line(Instant began, const AttemptEvent& event) {
  return fmt::format("+{:>6} ms  {:<9}  {}", (event.at - began).to_millis(), to_string(event.step),
                     printable(event.text));
}

events::Attempt attempt_event(Instant began, const AttemptEvent& event) {
  return {.millis = millis(event.at - began), .step = to_string(event.step), .text = event.text};
}

AttemptSink log_timeline(const App& app, Scheduler& scheduler, std::uint64_t id) {
  if (!app.log().enabled(LogLevel::kDebug)) return nullptr;
  return [&app, id, began = scheduler.now()](const AttemptEvent& event) {
    app.log().debug("connect", "{}: {}", id, timeline_line(began, event));
    if (event.step == AttemptStep::kFailed) {
      app.log().debug("connect", "{}: {}", id, advice(*event.failure));
    }
    if (!app.output().json()) return;
    events::Attempt out = attempt_event(began, event);
    out.id = id;
    app.output().event(out, "");
  };
}

}  // namespace hsfwd::cli
