// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "crypto/keys.hpp"
#include "net/address.hpp"

namespace hsfwd::hyperdht {

/// The introducers through which peers were reached, which the next attempt asks first.
class RelayCache {
 public:
  std::vector<net::Address> find(const crypto::PublicKey& peer) const {
    const auto found = entries_.find(peer);
    return found != entries_.end() ? found->second : std::vector<net::Address>();
  }
  void remember(const crypto::PublicKey& peer, std::vector<net::Address> relays) {
    if (entries_.size() >= kMax && !entries_.contains(peer)) entries_.erase(entries_.begin());
    entries_[peer] = std::move(relays);
  }

 private:
  static constexpr std::size_t kMax = 512;  // peers
  std::map<crypto::PublicKey, std::vector<net::Address>> entries_;
};

}  // namespace hsfwd::hyperdht
