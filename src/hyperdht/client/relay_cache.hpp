// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "crypto/keys.hpp"
#include "net/address.hpp"
#include "util/bounded_map.hpp"

namespace hsfwd::hyperdht {

/// The introducers through which peers were reached, which the next attempt asks first.
class RelayCache {
 public:
  std::vector<net::Address> find(const crypto::PublicKey& peer) const {
    const auto* const found = entries_.find(peer);
    return found != nullptr ? *found : std::vector<net::Address>();
  }
  void remember(const crypto::PublicKey& peer, std::vector<net::Address> relays) {
    entries_.note(peer) = std::move(relays);
  }

 private:
  static constexpr std::size_t kMax = 512;  // peers
  BoundedMap<crypto::PublicKey, std::vector<net::Address>> entries_{kMax};
};

}  // namespace hsfwd::hyperdht
