// SPDX-License-Identifier: Apache-2.0
// The source of chance: the kernel's in production, a seed in the simulator.
#pragma once

#include <cstdint>

#include "util/bytes.hpp"

namespace hsfwd {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes out) = 0;

  std::uint32_t u32() {
    std::uint8_t raw[4];
    fill(raw);
    return load_le32(raw);
  }
  std::uint64_t u64() {
    std::uint8_t raw[8];
    fill(raw);
    return load_le64(raw);
  }
  /// Uniform in [0, bound); the bias of the multiplication is below 2^-32 for the bounds in use.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((u64() >> 32) * bound >> 32);
  }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(u64() >> 11) * 0x1.0p-53; }
  /// A FixedBytes filled with random bytes.
  template <class Fixed>
  Fixed fixed() {
    Fixed out;
    fill(out.mutable_view());
    return out;
  }
};

}  // namespace hsfwd
