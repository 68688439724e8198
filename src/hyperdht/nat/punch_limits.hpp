// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/address.hpp"
#include "util/random.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd::hyperdht {

/// How well it is known that a peer is at a host.
enum class PeerProof {
  kNone,       // somebody says so
  kEchoed,     // it has repeated a token that was sent there through one of our introducers
  kConfirmed,  // and introducers in different networks have seen it there
};

/// How many punches a node sends to one host, and to all of them, at the word of others, over all
/// sessions. A host may be a victim that knows nothing of it.
///
/// Differs from upstream, which has no limits but that of random punches.
class PunchLimits {
 public:
  explicit PunchLimits(Random& random);

  /// One datagram to that host. False: it has to be left out.
  bool take(net::Ipv4 host, PeerProof proof, Instant now);
  /// The host has turned out to be the peer's: these did no harm.
  void give_back(net::Ipv4 host, int datagrams, Instant now);
  /// The answer to a punch that came from there.
  bool take_echo(net::Ipv4 host, Instant now);

  /// A host that is not confirmed: 32 in its first minute, then 8 a minute. A consistent punch that
  /// goes well takes three to six, and gets them back.
  static constexpr TokenRate kUnconfirmed{.per_second = 8.0 / 60, .capacity = 24};
  /// All such hosts together: a hundred and more clients a second.
  static constexpr TokenRate kUnconfirmedSum{.per_second = 128, .capacity = 512};
  /// One that is confirmed: a random punch in full (512 sockets that are opened, 1,750 datagrams
  /// and some forty from the first socket), and one more every five minutes.
  static constexpr TokenRate kConfirmed{.per_second = 8, .capacity = 2500};
  /// Echoes to one host, which may have many clients, and in all.
  static constexpr TokenRate kEcho{.per_second = 8, .capacity = 32};
  static constexpr TokenRate kEchoSum{.per_second = 50, .capacity = 100};

 private:
  TokenBuckets unconfirmed_;
  TokenBucket unconfirmed_sum_{kUnconfirmedSum};
  TokenBuckets confirmed_;
  TokenBuckets echoes_;
  TokenBucket echo_sum_{kEchoSum};
};

}  // namespace hsfwd::hyperdht
