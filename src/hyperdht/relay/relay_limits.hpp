// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "net/address.hpp"
#include "util/time.hpp"

namespace hsfwd::hyperdht {

/// A pair has two sides, each of which counts for who holds it, from asking on.
struct RelayLimits {
  std::size_t max_pairs = 256;        // that forward at once
  std::size_t max_sides_of_key = 64;  // in all its sessions
  std::uint64_t rate = 0;             // bytes a second, all pairs together; 0: no limit
  Duration waiting_expiry = 60_s;     // of a token; peers give up after 15 s
  Duration idle_expiry = 60_s;        // of a pair; peers send every 5 s

  /// A quarter of all: keys cost nothing, so they are no limit to who has one address. Private and
  /// loopback hosts may hold three quarters, as a whole test network is on one.
  std::size_t max_sides_of_host(net::Ipv4 host) const {
    return std::max<std::size_t>(2, net::is_private(host) ? max_pairs * 3 / 2 : max_pairs / 2);
  }
};

}  // namespace hsfwd::hyperdht
