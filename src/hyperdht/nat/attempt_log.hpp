// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>

#include "hyperdht/wire/protocol.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

enum class ConnectError;
enum class PunchFailure;

/// What a line of an attempt's timeline is about.
enum class AttemptStep {
  kSearch,     // the query for the peer and its relays
  kHandshake,  // through a relay or along an old path
  kDirect,     // a path that needs no punch
  kLan,        // the shortcut on the local network
  kNat,        // what the own NAT does
  kProbe,      // what the peer says of its NAT
  kPunch,
  kRelay,  // a blind relay
  kPath,   // the connection stands, or moved
  kFailed,
};
const char* to_string(AttemptStep step);

/// How an attempt failed, and what was known of the NATs by then.
struct AttemptFailure {
  ConnectError error;
  std::optional<PunchFailure> punch;
  Firewall own_nat = Firewall::kUnknown;
  Firewall peer_nat = Firewall::kUnknown;
};

struct AttemptEvent {
  Instant at;
  AttemptStep step;
  std::string text;                       // one clause for people
  std::optional<AttemptFailure> failure;  // with kFailed, or kPath where it stays on a relay
};

/// The timeline of one attempt to connect: every candidate, request, answer and time-out. Costs
/// nothing while nobody listens.
class AttemptLog {
 public:
  using Sink = std::function<void(const AttemptEvent&)>;

  AttemptLog(const Scheduler& scheduler, Sink sink)
      : scheduler_(scheduler), sink_(std::move(sink)) {}

  template <class... Args>
  void note(AttemptStep step, fmt::format_string<Args...> format, Args&&... args) const {
    if (!sink_) return;
    sink_({scheduler_.now(), step, fmt::format(format, std::forward<Args>(args)...), std::nullopt});
  }
  void note_failure(AttemptStep step, const AttemptFailure& failure,
                    const std::string& text) const {
    if (sink_) sink_({scheduler_.now(), step, text, failure});
  }

 private:
  const Scheduler& scheduler_;
  Sink sink_;
};

}  // namespace hsfwd::hyperdht
