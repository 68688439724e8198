// SPDX-License-Identifier: Apache-2.0
#include "cli/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "cli/age.hpp"
#include "cli/app.hpp"
#include "cli/figures.hpp"
#include "cli/table.hpp"
#include "cli/tunnel.hpp"
#include "platform/standard_streams.hpp"
#include "util/metrics.hpp"

namespace hsfwd::cli {

namespace {

// A node that has only begun has asked nobody yet, or hears of it soon.
constexpr Duration kBeginning = 10_s;
// A peer that has not answered yet for less may only be far away.
constexpr Duration kSilence = 5_s;
// Of the memory for what streams hold, in percent: what follows may have to wait.
constexpr std::uint64_t kNearlyFull = 90;
// Of a crowd of things that have the same trouble.
constexpr std::size_t kThingsNamed = 6;

constexpr std::string_view kWell = "all is well";
constexpr std::string_view kErrorLabel = "error: ";
constexpr std::string_view kWarningLabel = "warning: ";
constexpr const char* kWhyLabel = "  why:   ";
constexpr const char* kAdviceLabel = "  to do: ";

constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kPlain = "\x1b[0m";

std::optional<Trouble> offline_trouble(App& app, const NodeStatus& node, Instant began) {
  if (node.online) return std::nullopt;
  if (!node.heard_at && app.scheduler().now() - began < kBeginning) return std::nullopt;
  return Trouble{.code = "OFFLINE",
                 .thing = "the network",
                 .state = "offline",
                 .why = "no node of the DHT answers",
                 .advice = "hsfwd netcheck shows whether this network lets UDP out",
                 .since = node.heard_at ? *node.heard_at : began};
}

std::optional<Trouble> memory_trouble(const Figures& figures) {
  const std::uint64_t held = figures.at("hsfwd_buffered_bytes");
  const std::uint64_t limit = figures.at("hsfwd_buffered_bytes_limit");
  if (limit == 0 || held < limit / 100 * kNearlyFull) return std::nullopt;
  return Trouble{
      .code = "MEMORY",
      .level = Trouble::Level::kWarning,
      .thing = "memory for connections",
      .state = "nearly full",
      .why = fmt::format("{} of {} are unread or unsent", size_text(held), size_text(limit)),
      .advice =
          "max_buffered (--max-buffered) allows more; one program that does not "
          "read can hold much of it"};
}

std::vector<Trouble> session_troubles(App& app) {
  std::vector<Trouble> out;
  for (const SessionInfo& session : app.node().sessions()) {
    if (!session.silent || *session.silent < kSilence) continue;
    out.push_back({.code = "SILENT",
                   .level = Trouble::Level::kWarning,
                   .thing = "session with " + app.names().shown(session.key),
                   .state = "silent",
                   .why = session.last_error.empty() || session.last_error_over
                              ? "nothing comes back from the peer"
                              : session.last_error,
                   .advice = "wait: it goes on as soon as the peer answers, with nothing lost; is "
                             "the peer's machine on, and online?",
                   .since = app.scheduler().now() - *session.silent,
                   .of_network = true});
  }
  return out;
}

/// Equal but for the thing.
bool is_alike(const Trouble& a, const Trouble& b) {
  return a.code == b.code && a.state == b.state && a.why == b.why && a.advice == b.advice;
}

struct Merged {
  Trouble trouble;
  std::vector<std::string> things;
};

std::vector<Merged> merged(std::vector<Trouble> all) {
  std::vector<Merged> out;
  for (Trouble& one : all) {
    const auto found = std::find_if(
        out.begin(), out.end(), [&](const Merged& other) { return is_alike(other.trouble, one); });
    if (found == out.end()) {
      std::vector<std::string> things = {one.thing};
      out.push_back({std::move(one), std::move(things)});
      continue;
    }
    auto& since = found->trouble.since;
    if (one.since && (!since || *one.since < *since)) since = one.since;
    if (std::find(found->things.begin(), found->things.end(), one.thing) == found->things.end()) {
      found->things.push_back(one.thing);
    }
  }
  return out;
}

std::string things_text(const std::vector<std::string>& things) {
  const auto end =
      things.begin() + static_cast<std::ptrdiff_t>(std::min(things.size(), kThingsNamed));
  const std::string named = fmt::format("{}", fmt::join(things.begin(), end, ", "));
  return end == things.end() ? named : fmt::format("{} and {} more", named, things.end() - end);
}

events::HealthProblem problem_of(App& app, const Merged& merged) {
  const Trouble& trouble = merged.trouble;
  events::HealthProblem out{
      .code = trouble.code,
      .level = trouble.level == Trouble::Level::kError ? "error" : "warning",
      .what = told(fmt::format("{}: {}", things_text(merged.things), trouble.state)),
      .why = told(trouble.why),
      .advice = told(trouble.advice),
      .since = std::nullopt,
      .seconds = std::nullopt};
  if (trouble.since) {
    const Age age = age_since(app, *trouble.since);
    out.since = age.at;
    out.seconds = age.seconds;
  }
  return out;
}

bool is_error(const events::HealthProblem& problem) {
  return problem.level == "error";
}

/// One clause, as the other advice is, of one sentence or several.
std::string as_clause(std::string text) {
  const auto is_capital = [&](std::size_t i) {
    return i < text.size() && text[i] >= 'A' && text[i] <= 'Z';
  };
  if (is_capital(0) && !is_capital(1)) text[0] = static_cast<char>(text[0] - 'A' + 'a');
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string coloured(std::string_view colour, std::string_view text) {
  return fmt::format("{}{}{}", colour, text, kPlain);
}

}  // namespace

std::vector<events::HealthProblem> health_of(App& app, const std::vector<const Tunnel*>& tunnels,
                                             Instant began) {
  std::vector<Trouble> all;
  const auto add = [&](std::optional<Trouble> one) {
    if (one) all.push_back(std::move(*one));
  };
  const NodeStatus node = app.node().status();
  add(offline_trouble(app, node, began));
  for (const Tunnel* tunnel : tunnels) {
    for (Trouble& one : tunnel->health()) all.push_back(std::move(one));
  }
  for (Trouble& one : session_troubles(app)) all.push_back(std::move(one));
  add(memory_trouble(Figures::of(app)));
  if (!node.online) std::erase_if(all, [](const Trouble& one) { return one.of_network; });
  std::stable_sort(all.begin(), all.end(),
                   [](const Trouble& a, const Trouble& b) { return a.level < b.level; });
  std::vector<events::HealthProblem> out;
  for (const Merged& one : merged(std::move(all))) out.push_back(problem_of(app, one));
  return out;
}

void collect_health(MetricSink& sink, const std::vector<events::HealthProblem>& problems) {
  const auto errors = std::count_if(problems.begin(), problems.end(), is_error);
  const auto warnings = static_cast<std::ptrdiff_t>(problems.size()) - errors;
  const char* const help = "What does not work at the moment, as status begins with it";
  sink.gauge("hsfwd_problems", help, static_cast<std::uint64_t>(errors), {{"level", "error"}});
  sink.gauge("hsfwd_problems", help, static_cast<std::uint64_t>(warnings), {{"level", "warning"}});
}

std::string brief_name(const PeerReference& peer) {
  return parse_key(peer.name) ? key_text(peer.key).substr(0, kShortKey) : peer.name;
}

std::string advice_about(App& app, const PublicKey& peer) {
  for (const auto& attempt : app.attempts().list()) {
    if (attempt->peer == peer && attempt->failure) return as_clause(advice(*attempt->failure));
    if (attempt->peer == peer && attempt->opened_at) break;
  }
  return "hsfwd why shows the last attempts step by step";
}

std::string health_text(const std::vector<events::HealthProblem>& problems,
                        const std::string& well) {
  const std::size_t width = platform::output_width();
  if (problems.empty()) return wrapped_text(fmt::format("{}: ", kWell), well, width);
  std::string out;
  for (const events::HealthProblem& problem : problems) {
    if (!out.empty()) out += '\n';
    const std::string since =
        problem.seconds ? fmt::format(", for {}", span_text(*problem.seconds)) : "";
    out += wrapped_text(std::string(is_error(problem) ? kErrorLabel : kWarningLabel),
                        problem.what + since, width);
    out += "\n" + wrapped_text(kWhyLabel, problem.why, width);
    if (!problem.advice.empty()) out += "\n" + wrapped_text(kAdviceLabel, problem.advice, width);
  }
  return out;
}

std::string with_health_colours(const std::string& text) {
  // What stands below an empty line is no health, whatever it says.
  const std::size_t end = std::min(text.find("\n\n"), text.size());
  std::string out;
  for (std::size_t at = 0; at < end;) {
    const std::size_t next = std::min(text.find('\n', at), end);
    const std::string_view line = std::string_view(text).substr(at, next - at);
    const auto begins = [&](std::string_view word, std::string_view colour) {
      if (!line.starts_with(word)) return false;
      out += coloured(colour, word);
      out += line.substr(word.size());
      return true;
    };
    if (!begins(kErrorLabel, kRed) && !begins(kWarningLabel, kYellow) && !begins(kWell, kGreen)) {
      out += line;
    }
    if (next < end) out += '\n';
    at = next + 1;
  }
  return out + text.substr(end);
}

}  // namespace hsfwd::cli
