// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "util/random.hpp"

namespace hsfwd::sim {

/// xoshiro256**, seeded through splitmix64: repeatable, and fast enough for millions of packets.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(MutableBytes out) override;
  std::uint64_t next();

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace hsfwd::sim
