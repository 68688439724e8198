// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include <algorithm>
#include <ctime>

#include "platform/clock.hpp"
#include "util/check.hpp"

namespace hsfwd::platform {

namespace {

std::int64_t micros(clockid_t clock) {
  timespec now{};
  HSFWD_CHECK(clock_gettime(clock, &now) == 0);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

constexpr std::size_t kMaxEntropy = 256;  // bytes a call of getentropy gives

}  // namespace

Instant steady_now() {
  return Instant::from_micros(micros(CLOCK_BOOTTIME));
}

std::uint64_t SystemWallClock::unix_millis() {
  return static_cast<std::uint64_t>(micros(CLOCK_REALTIME)) / 1000;
}

void SystemRandom::fill(MutableBytes out) {
  while (!out.empty()) {
    const std::size_t n = std::min(out.size(), kMaxEntropy);
    HSFWD_CHECK(getentropy(out.data(), n) == 0);
    out = out.subspan(n);
  }
}

}  // namespace hsfwd::platform
