// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>

#include "hyperdht/nat/attempt_event.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

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
