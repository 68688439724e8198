// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "util/log.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::platform {

/// Tells once that there are no file descriptors left for connections, and once that there have
/// been enough for a while, however often it happens in between.
class DescriptorAlarm {
 public:
  DescriptorAlarm(Scheduler& scheduler, const Log& log);

  /// A call has failed with that error number; others than those of descriptors change nothing.
  void on_failure(int error);

 private:
  void on_calm();

  const Log log_;
  bool told_ = false;
  Timer calm_timer_;
};

}  // namespace hsfwd::platform
