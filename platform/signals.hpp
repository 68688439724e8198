// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "platform/loop.hpp"

namespace hsfwd::platform {

/// Calls back, in the loop, for each of the given signals as long as it lives. One that was ignored
/// before stays ignored.
class Signals {
 public:
  Signals(Loop& loop, const std::vector<int>& numbers, const std::function<void(int)>& callback);
  ~Signals();

 private:
  struct Watcher;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

/// Where signals for this process go.
int process_id();

/// Writing to a closed pipe is an error of that write and no reason to die.
void ignore_broken_pipes();

}  // namespace hsfwd::platform
