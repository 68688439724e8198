// SPDX-License-Identifier: Apache-2.0
#include "platform/clock.hpp"

#include <chrono>

namespace hsfwd::platform {

std::uint64_t SystemWallClock::unix_millis() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

}  // namespace hsfwd::platform
