// SPDX-License-Identifier: Apache-2.0
#include "cli/timeline.hpp"

#include <fmt/format.h>

#include <string>

#include "cli/age.hpp"
#include "cli/table.hpp"
#include "cli/up_report.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kReached = "reached";
constexpr const char* kNotReached = "failed";
constexpr const char* kUnderWay = "under way";
constexpr const char* kGivenUp = "given up";  // by whoever wanted the connection

events::AttemptState attempt_state(App& app, const RecordedAttempt& attempt) {
  events::AttemptState out;
  if (attempt.id != 0) out.id = attempt.id;
  out.peer = to_hex(attempt.peer.view());
  out.key = key_text(attempt.peer);
  out.name = app.names().of(attempt.peer);
  out.service = attempt.service;
  const Age age = age_since(app, attempt.began);
  out.at = age.at;
  out.seconds = age.seconds;
  out.outcome = attempt.over ? kGivenUp : kUnderWay;
  if (attempt.failure) {
    out.outcome = kNotReached;
    out.code = to_string(attempt.failure->error);
    out.reason = describe(attempt.failure->error);
    out.advice = advice(*attempt.failure);
  }
  if (attempt.opened_at) {
    out.outcome = kReached;
    out.millis = millis(*attempt.opened_at - attempt.began);
  }
  for (const AttemptEvent& event : attempt.steps) {
    out.steps.push_back({.millis = millis(event.at - attempt.began),
                         .step = to_string(event.step),
                         .text = event.text});
  }
  return out;
}

std::string outcome_text(const events::AttemptState& attempt) {
  if (attempt.millis) return fmt::format("{} in {:.0f} ms", attempt.outcome, *attempt.millis);
  return attempt.reason ? fmt::format("{}: {}", attempt.outcome, *attempt.reason) : attempt.outcome;
}

}  // namespace

std::string timeline_line(Instant began, const AttemptEvent& event) {
  return fmt::format("+{:>6} ms  {:<9}  {}", (event.at - began).to_millis(), to_string(event.step),
                     printable(event.text));
}

events::Attempt attempt_event(Instant began, const AttemptEvent& event) {
  return {.millis = millis(event.at - began), .step = to_string(event.step), .text = event.text};
}

AttemptSink log_timeline(App& app, std::uint64_t id, const PublicKey& peer,
                         const std::string& service) {
  AttemptSink keep = app.attempts().record(id, peer, service);
  if (!app.log().enabled(LogLevel::kDebug)) return keep;
  return [&app, id, began = app.scheduler().now(), keep](const AttemptEvent& event) {
    keep(event);
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

events::Attempts attempts_event(App& app, const std::string& command) {
  events::Attempts out{.command = command, .pid = own_pid(), .attempts = {}};
  for (const auto& attempt : app.attempts().list()) {
    out.attempts.push_back(attempt_state(app, *attempt));
  }
  return out;
}

std::string attempts_text(const Json& event) {
  const auto attempts = decoded<events::Attempts>(event).attempts;
  if (attempts.empty()) return "no attempt to reach a peer yet";
  std::string out;
  for (const events::AttemptState& attempt : attempts) {
    if (!out.empty()) out += "\n\n";
    out += printable(fmt::format("{}{}{}, {} ago: {}", attempt.name ? *attempt.name : attempt.key,
                                 attempt.service.empty() ? "" : ", service ", attempt.service,
                                 span_text(attempt.seconds), outcome_text(attempt)));
    for (const events::AttemptStepState& step : attempt.steps) {
      out += fmt::format("\n  +{:>6.0f} ms  {:<9}  {}", step.millis, printable(step.step),
                         printable(step.text));
    }
    if (attempt.advice) out += "\n  advice: " + printable(*attempt.advice);
  }
  return out;
}

}  // namespace hsfwd::cli
