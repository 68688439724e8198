// SPDX-License-Identifier: Apache-2.0
#include "platform/clock.hpp"

#include <ctime>

#include "util/check.hpp"

namespace hsfwd::platform {

Instant steady_now() {
  timespec now{};
  HSFWD_CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  return Instant::from_micros(static_cast<std::int64_t>(now.tv_sec) * 1'000'000 +
                              now.tv_nsec / 1000);
}

}  // namespace hsfwd::platform
