// SPDX-License-Identifier: Apache-2.0
// What somebody is shown while data flows.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "cli/output.hpp"
#include "forward/pipe.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::cli {

/// Bytes, rates and the path of one connection, on standard error: one line that is redrawn where that is a terminal,
/// else a line now and then.
class PipeProgress {
 public:
  struct State {
    forward::PipeStats moved;
    std::string path;
  };

  PipeProgress(Scheduler& scheduler, const Output& output, bool redraw,
               std::function<State()> state);

  void begin();
  /// A last line, with the whole. Once; nothing if it has not begun.
  void end();

  /// "20.0 MB from the peer, 2.0 MB/s; 1.5 kB to it, 0 B/s; direct"
  static std::string text(const State& state, const State& before, Duration between);
  /// "20.0 MB from the peer, 1.5 kB to it, in 12.0 s (1.7 MB/s); direct"
  static std::string summary(const State& state, Duration took);

 private:
  struct Sample {
    Instant at;
    State state;
  };

  void tell();

  Scheduler& scheduler_;
  const Output& output_;
  const bool redraw_;
  const std::function<State()> state_;
  std::deque<Sample> samples_;  // of the time that rates are of, the oldest first
  Instant began_;
  bool begun_ = false;
  Timer timer_;
};

}  // namespace hsfwd::cli
