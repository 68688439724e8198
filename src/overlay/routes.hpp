// SPDX-License-Identifier: Apache-2.0
// Which peer an address belongs to: packets to it go there, and only packets of that peer may come
// from it.
#pragma once

#include <cstddef>

#include "crypto/keys.hpp"
#include "ip/address.hpp"
#include "ip/prefix_table.hpp"
#include "util/result.hpp"

namespace hsfwd::overlay {

/// Cryptokey routing as in WireGuard: of the networks that an address is in the longest decides, in
/// both directions. A network is one peer's.
class Routes {
 public:
  /// The error is the peer that has this very network. What its own peer adds again stays as it is.
  Result<void, crypto::PublicKey> add(const ip::Prefix& network, const crypto::PublicKey& peer);
  /// All networks of the peer.
  void remove(const crypto::PublicKey& peer);

  struct Route {
    ip::Prefix network;
    crypto::PublicKey peer;
  };
  /// The longest that leads there. Null for none. Good until the next change.
  const Route* route_to(const ip::Ipv6& host) const { return table_.find(host); }
  /// Whose it is, likewise.
  const crypto::PublicKey* find(const ip::Ipv6& host) const;
  /// Whether packets of `peer` may come from `host`. A part of its network that is another peer's is
  /// not its own.
  bool owns(const crypto::PublicKey& peer, const ip::Ipv6& host) const;
  std::size_t size() const { return table_.size(); }

 private:
  ip::PrefixTable<Route> table_;
};

}  // namespace hsfwd::overlay
