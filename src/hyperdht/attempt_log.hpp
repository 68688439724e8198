// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>

#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

/// What a line of an attempt's timeline is about.
enum class AttemptStep {
  kSearch,     // the query for the peer and its relays
  kHandshake,  // through a relay or along an old path
  kDirect,     // a path that needs no punch
  kLan,        // the shortcut on the local network
  kNat,        // what the own NAT does
  kProbe,      // what the peer says of its NAT
  kPunch,
  kRelay,      // a blind relay
  kPath,       // the connection stands, or moved
  kFailed,
};
const char* to_string(AttemptStep step);

struct AttemptEvent {
  Instant at;
  AttemptStep step;
  std::string text;  // one clause for people
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
    sink_({scheduler_.now(), step, fmt::format(format, std::forward<Args>(args)...)});
  }

 private:
  const Scheduler& scheduler_;
  Sink sink_;
};

}  // namespace hsfwd::hyperdht
