// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "crypto/keys.hpp"
#include "net/address.hpp"
#include "util/bounded_map.hpp"
#include "util/time.hpp"

namespace hsfwd::hyperdht {

/// Clients that have proven themselves to a server, where that was, and what their clocks said: who
/// comes back from there with a fresh first message is served before the next proof is in. See
/// docs/protocol/forward.md, section 8.
class KnownClients {
 public:
  enum class Message {
    kUnknown,  // nothing is known of the client, or its clock was set, or it sends no stamp
    kFresh,    // written by a client that is known, just now, and seen for the first time
    kStale,    // by a client that is known, but not now
  };

  /// A first message of `client` has come. Each stamp is fresh once.
  Message note_message(const crypto::PublicKey& client, std::optional<std::uint64_t> stamp,
                       Instant now);
  /// The client has proven itself at `at`, nothing if that was a relay, after a first message with
  /// this stamp that had come at `asked_at`.
  void note_proof(const crypto::PublicKey& client, std::optional<std::uint64_t> stamp,
                  Instant asked_at, const std::optional<net::Address>& at, Instant now);
  /// Whether it has proven itself at this very address lately.
  bool was_at(const crypto::PublicKey& client, const net::Address& at, Instant now) const;
  bool knows(const crypto::PublicKey& client) const { return clients_.contains(client); }

  std::size_t size() const { return clients_.size(); }

  static constexpr std::size_t kMaxClients = 1024;
  static constexpr std::size_t kMaxPlaces =
      4;  // of a client: its machine, its phone, their sockets
  // A network that holds a message back for longer than this, or a clock that was set, costs a
  // proof.
  static constexpr Duration kTolerance = Duration::seconds(5);
  // Addresses change hands, those of NATs within minutes.
  static constexpr Duration kLately = Duration::seconds(600);

 private:
  struct Place {
    net::Address address;
    Instant proven_at;
  };
  struct Client {
    std::uint64_t newest = 0;   // stamp of any first message so far
    std::uint64_t stamp = 0;    // of the last one that led to a proof,
    Instant stamp_at;           // which came then
    std::vector<Place> places;  // the last one is the newest
  };

  BoundedMap<crypto::PublicKey, Client> clients_{kMaxClients};  // noted by proofs
};

}  // namespace hsfwd::hyperdht
