// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::overlay {

/// Why a packet was not passed on.
enum class Drop : std::uint8_t {
  kMalformed,    // no IP packet that makes sense
  kForeign,      // from this host, under an address that is not its own
  kGroup,        // to many hosts
  kNoRoute,      // nobody has the address
  kLoop,         // a datagram of a tunnel into the tunnel
  kTooBig,       // for the path, whose sender is told; or from a nospoon peer, for our interface
  kUnreachable,  // the peer is not there
  kQueueFull,    // too much waits, for the peer or to be taken from the host
  kLate,         // has waited too long
  kSpoofed,      // from a peer, under an address that is not the peer's
  kNotForUs,     // from a peer, to an address that is not this host's
  kRefused,      // from a peer, to what it may not reach
  kHostFull,     // this host takes no more
  kCount,
};
/// As it is called in status and metrics.
const char* to_string(Drop reason);

class Drops {
 public:
  void add(Drop reason, std::uint64_t packets = 1) {
    counts_[static_cast<std::size_t>(reason)] += packets;
  }
  void add(const Drops& other);
  std::uint64_t operator[](Drop reason) const { return counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t total() const;
  void collect(MetricSink& sink) const;

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(Drop::kCount)> counts_{};
};

}  // namespace hsfwd::overlay
