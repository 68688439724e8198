// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/events/notices.hpp"
#include "cli/output.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::cli {

/// What a command waits for, which is reported once it has taken a moment, so that the user knows
/// that something is being tried, and what.
class Waiting {
 public:
  /// Reports nothing if `quiet`. `events`: to scripts, on standard output.
  Waiting(Scheduler& scheduler, const Output& output, bool events, bool quiet);

  /// `text` follows "still", for people; `event` is for scripts.
  void begin(std::string text, events::Waiting event);
  void end() { timer_.stop(); }
  /// The command is about to end, and waits for nothing worth reporting.
  void close();

 private:
  void tell() const;

  const Output& output_;
  const bool events_;
  bool quiet_;
  std::string text_;
  events::Waiting event_;
  Timer timer_;
};

}  // namespace hsfwd::cli
