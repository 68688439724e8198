// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hsfwd {

/// A number for a place in a table that is filled by strangers: which keys share one only who knows
/// the secret can tell.
constexpr std::uint64_t mixed(std::uint64_t key, std::uint64_t secret) {
  std::uint64_t x = (key ^ secret) * 0x9e3779b97f4a7c15ULL;
  x = (x ^ x >> 29) * (secret | 1);
  return x ^ x >> 32;
}

}  // namespace hsfwd
