// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/env.hpp"

namespace hsfwd::platform {

/// Now, on a clock that goes on while the machine sleeps.
Instant steady_now();

class SystemWallClock final : public net::WallClock {
 public:
  std::uint64_t unix_millis() override;
};

class SystemRandom final : public Random {
 public:
  /// From the kernel. Aborts if it has none, which no supported system does.
  void fill(MutableBytes out) override;
};

}  // namespace hsfwd::platform
