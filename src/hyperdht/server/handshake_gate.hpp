// SPDX-License-Identifier: Apache-2.0
// Which first handshake messages are worth opening. To open one takes two Diffie-Hellmans, some 20
// times as long as any other question, and nobody has to show who he is before.
//
//  - A message that was of no use is not opened again for a while, however often it comes.
//  - Each source has a number of messages that may wait for a proof; they come back with the proof,
//  so
//    that who connects in earnest is not bounded by it.
//  - In one turn of the event loop a few are opened, so that connections move on in between.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/keys.hpp"
#include "net/address.hpp"
#include "util/bytes.hpp"
#include "util/random.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd::hyperdht {

class HandshakeGate {
 public:
  explicit HandshakeGate(Random& random);

  /// Whether the message may be opened at `source`'s cost: who sent it, as far as that is known.
  bool admit(ByteView noise, const net::Address& source, Instant now);
  /// The message was not for this server, or its client is not let in.
  void note_useless(ByteView noise, Instant now);
  /// The client is there.
  void give_back(const net::Address& source, Instant now);

  // 16 ms of work a second, after the first 160. A client that opens a thousand connections a
  // second over a way of half a second has as many waiting.
  static constexpr TokenRate kOfSource{.per_second = 50, .capacity = 512};
  static constexpr int kPerTurn = 8;  // 2.5 ms

 private:
  static constexpr std::size_t kSources = 4096;
  static constexpr std::size_t kUseless = 4096;  // of 16 bytes, with the first
  static constexpr Duration kUselessFor = 10_s;  // a client asks for less

  struct Useless {
    std::uint64_t digest = 0;
    Instant until;
  };
  std::uint64_t digest_of(ByteView noise) const;

  crypto::Key32 secret_;
  TokenBuckets sources_;
  std::vector<Useless> useless_;
};

}  // namespace hsfwd::hyperdht
