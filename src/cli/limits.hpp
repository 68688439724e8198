// SPDX-License-Identifier: Apache-2.0
// How much of the machine a command may use: what was asked for, or what suits the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "forward/admission.hpp"

namespace hsfwd::cli {

inline constexpr std::uint64_t kLeastBuffered = 32;          // MiB; two of the largest messages
inline constexpr std::uint64_t kMostBuffered = 1024 * 1024;  // MiB
inline constexpr std::uint64_t kMostConnections = 1'000'000;
inline constexpr std::uint64_t kMostPatience = 86'400;  // seconds

/// As given; within the bounds above.
struct WantedLimits {
  std::optional<std::uint64_t> buffered;  // MiB
  std::optional<std::uint64_t> connections;
  std::optional<std::uint64_t> per_key;
};

struct ResourceLimits {
  std::size_t max_buffered;  // bytes
  forward::Admission::Limits admission;
};

/// How many connections there may be in all, if the share that is named for one key is more than that.
std::optional<std::size_t> exceeded_by_share(const WantedLimits& wanted);

/// `memory`: bytes that the process may come to use.
ResourceLimits resource_limits(const WantedLimits& wanted, std::size_t memory);

}  // namespace hsfwd::cli
