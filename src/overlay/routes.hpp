// SPDX-License-Identifier: Apache-2.0
// Which peer an address belongs to: packets to it go there, and only packets of that peer may come
// from it.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "crypto/keys.hpp"
#include "ip/address.hpp"
#include "util/result.hpp"

namespace hsfwd::overlay {

/// Cryptokey routing as in WireGuard: of the networks that an address is in the longest decides, in
/// both directions. A network is one peer's.
///
/// Sorted arrays, one a length: a look-up compares as often as the number of bits that their sizes
/// have, whatever addresses and keys others choose.
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
  const Route* route_to(const ip::Ipv6& host) const;
  /// Whose it is, likewise.
  const crypto::PublicKey* find(const ip::Ipv6& host) const;
  /// Whether packets of `peer` may come from `host`. A part of its network that is another peer's is
  /// not its own.
  bool owns(const crypto::PublicKey& peer, const ip::Ipv6& host) const;
  std::size_t size() const;

 private:
  /// An address as a number, which compares faster than its bytes.
  struct Number {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    auto operator<=>(const Number&) const = default;
  };
  /// Networks that have so many bits, in order.
  struct Length {
    std::uint8_t bits = 0;
    std::vector<Number> begins;  // of each of `routes`, close together for the search
    std::vector<Route> routes;
  };
  static Number number_of(const ip::Ipv6& host);

  Length& length_of(std::uint8_t bits);

  std::vector<Length> lengths_;  // the longest first; none is empty
};

}  // namespace hsfwd::overlay
