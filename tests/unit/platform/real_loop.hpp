// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "platform/loop.hpp"

namespace hsfwd::platform {

/// A loop that a test runs until something holds.
struct RealLoop {
  /// For ten seconds at most; whether it held.
  bool run_until(const std::function<bool()>& holds) {
    const Instant end = loop.scheduler().now() + 10_s;
    bool held = false;
    Timer timer(loop.scheduler(), [&] {
      held = holds();
      if (held || loop.scheduler().now() >= end) {
        loop.stop();
      } else {
        timer.start(1_ms);
      }
    });
    timer.start(Duration());
    loop.run();
    return held;
  }

  Loop loop;
};

}  // namespace hsfwd::platform
