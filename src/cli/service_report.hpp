// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "util/scheduler.hpp"

namespace hsfwd::cli {

/// What the service manager hears of a program that lasts, if it was started by one: that it is ready, how it stands,
/// and, from the loop and at half the time that a watchdog waits, that it is alive: a loop that hangs is silent.
class ServiceReport {
 public:
  struct Standing {
    std::string text;  // one line for people
    bool well = true;  // false: it may change soon
  };

  ServiceReport(Scheduler& scheduler, std::function<Standing()> look);

  void ready();
  /// The standing may be another, once it is ready.
  void look();
  /// It has begun to end.
  void stopping() const;

 private:
  void tell();

  const std::function<Standing()> look_;
  bool ready_ = false;
  Timer timer_;
};

}  // namespace hsfwd::cli
