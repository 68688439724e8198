// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "net/env.hpp"

namespace hsfwd::hyperdht {

/// What dates a first message: the wall clock in microseconds, but each time more.
class StampClock {
 public:
  explicit StampClock(const net::Env& env) : env_(env) {}

  std::uint64_t next() {
    last_ = std::max(last_ + 1, env_.wall_clock.unix_millis() * 1000);
    return last_;
  }

 private:
  const net::Env& env_;
  std::uint64_t last_ = 0;
};

}  // namespace hsfwd::hyperdht
