// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "net/address.hpp"

namespace hsfwd::hyperdht {

/// Neither passed nor failed: there was no network, or no relay to try.
struct Reachability {
  std::vector<net::Address> passed;  // relays
  std::vector<net::Address> failed;
  std::vector<net::Address>
      elsewhere;  // relays behind which another program answers for the identity
  /// Another program answers for the identity, and has for a while.
  bool shared = false;
  /// Relays that a search for the key came upon.
  std::size_t found = 0;

  bool reachable() const { return !passed.empty() && found > 0; }
  bool operator==(const Reachability&) const = default;
};

}  // namespace hsfwd::hyperdht
