// SPDX-License-Identifier: Apache-2.0
// What does not work at the moment, of all that a command runs: what, since when, why, what to do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/events/answers.hpp"
#include "cli/peer_reference.hpp"
#include "node/keys.hpp"
#include "util/time.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::cli {

class App;
class Tunnel;

/// One thing. All texts are one clause each, for people.
struct Trouble {
  enum class Level {
    kError,    // it does not work
    kWarning,  // it works, or may again by itself
  };
  std::string code;  // in capitals, for scripts
  Level level = Level::kError;
  std::string thing;  // "127.0.0.1:5353"
  std::string state;  // "not open"
  std::string why;
  std::string advice;
  std::optional<Instant> since = std::nullopt;
  bool of_network = false;  // no wonder while there is no network
};

/// Of these tunnels, and of the node below them, which started at `began`: errors first. What several things
/// have in common is told once.
std::vector<events::HealthProblem> health_of(App& app, const std::vector<const Tunnel*>& tunnels,
                                             Instant began);
/// How many there are of either level.
void collect_health(MetricSink& sink, const std::vector<events::HealthProblem>& problems);
/// A peer as written, or as much of its key as tells it from others.
std::string brief_name(const PeerReference& peer);
/// What would help to reach a peer, as far as the last attempt shows.
std::string advice_about(App& app, const PublicKey& peer);

/// The lines that `status` begins with: what is wrong, or that nothing is, with `well` of what there is.
std::string health_text(const std::vector<events::HealthProblem>& problems,
                        const std::string& well);
/// Such a text, or what begins with one, in the colours of a terminal; the words say the same.
std::string with_health_colours(const std::string& text);

}  // namespace hsfwd::cli
