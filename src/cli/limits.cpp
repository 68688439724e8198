// SPDX-License-Identifier: Apache-2.0
#include "cli/limits.hpp"

#include <algorithm>

namespace hsfwd::cli {

namespace {
constexpr std::size_t kMiB = 1024 * 1024;
// Enough for 64 whole windows; a small machine gives an eighth.
constexpr std::size_t kUsualBuffered = 256 * kMiB;
constexpr std::size_t kPartOfMemory = 8;
// The floors of so many connections, with what they send and receive, still leave windows room to
// open.
constexpr std::size_t kMemoryPerConnection = 128 * 1024;
constexpr std::size_t kLeastConnections = 256;
constexpr std::size_t kUsualConnections = 2048;
}  // namespace

std::optional<std::size_t> exceeded_by_share(const WantedLimits& wanted) {
  const std::size_t whole = wanted.connections.value_or(kUsualConnections);
  return wanted.per_key.value_or(0) > whole ? std::optional(whole) : std::nullopt;
}

ResourceLimits resource_limits(const WantedLimits& wanted, std::size_t memory) {
  const std::size_t usual =
      std::clamp<std::size_t>(memory / kPartOfMemory, kLeastBuffered * kMiB, kUsualBuffered);
  const std::size_t buffered = wanted.buffered ? *wanted.buffered * kMiB : usual;
  const std::size_t connections = wanted.connections.value_or(
      std::clamp(buffered / kMemoryPerConnection, kLeastConnections, kUsualConnections));
  const std::size_t per_key =
      wanted.per_key.value_or(forward::Admission::Limits::share_of_key(connections));
  return {buffered, {.connections = connections, .per_key = per_key}};
}

}  // namespace hsfwd::cli
