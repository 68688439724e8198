// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hsfwd::hyperdht {

/// What a node knows of its own NAT. Larger numbers on the wire count as kRandom.
enum class Firewall : std::uint64_t {
  kUnknown = 0,
  kOpen = 1,
  kConsistent = 2,
  kRandom = 3,
};

const char* to_string(Firewall firewall);
/// Whether one address reaches the node, from wherever a datagram comes that it expects.
inline bool is_consistent(Firewall firewall) {
  return firewall == Firewall::kOpen || firewall == Firewall::kConsistent;
}

}  // namespace hsfwd::hyperdht
