// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include <algorithm>

#include "platform/clock.hpp"
#include "util/check.hpp"

namespace hsfwd::platform {

namespace {
constexpr std::size_t kMaxEntropy = 256;  // bytes a call of getentropy gives
}  // namespace

void SystemRandom::fill(MutableBytes out) {
  while (!out.empty()) {
    const std::size_t n = std::min(out.size(), kMaxEntropy);
    HSFWD_CHECK(getentropy(out.data(), n) == 0);
    out = out.subspan(n);
  }
}

}  // namespace hsfwd::platform
