// SPDX-License-Identifier: Apache-2.0
// Numbers and names of HyperDHT, as upstream has them. A number that comes in without having a name
// is kept as a value of its type, and goes out again as it came: so upstream does.
#pragma once

#include "crypto/crypto.hpp"
#include "hyperdht/wire/firewall.hpp"
#include "rpc/node_id.hpp"

namespace hsfwd::hyperdht {

enum class Command : std::uint64_t {
  kPeerHandshake = 0,
  kPeerHolepunch = 1,
  kFindPeer = 2,
  kLookup = 3,
  kAnnounce = 4,
  kUnannounce = 5,
  kMutablePut = 6,
  kMutableGet = 7,
  kImmutablePut = 8,
  kImmutableGet = 9,
  kPlugin = 10,
};

/// Inside Noise and holepunch payloads. Any other number is an error, too.
enum class PayloadError : std::uint64_t {
  kNone = 0,
  kAborted = 1,
  kVersionMismatch = 2,
  kTryLater = 3,
};

/// In the error field of a response.
inline constexpr std::uint64_t kErrorSeqReused = 16;
inline constexpr std::uint64_t kErrorSeqTooLow = 17;
/// hsfwd's own: the sender's host has its share of the store.
inline constexpr std::uint64_t kErrorNotStored = 32;

/// Which leg of its way a handshake or holepunch message is on.
enum class Mode : std::uint64_t {
  kFromClient = 0,
  kFromServer = 1,
  kFromRelay = 2,
  kFromSecondRelay = 3,  // handshakes only
  kReply = 4,
};

/// Namespace of a command: what signatures and derived keys are bound to.
const crypto::Hash32& name_space_of(Command command);

/// Where a peer announces itself and is looked for.
inline rpc::Target target_of_peer(const crypto::PublicKey& key) {
  return rpc::target_of(crypto::blake2b_256(key.view()));
}

/// Upstream's list of nodes that answer and should not be asked.
bool is_acceptable_node(const net::Address& address);

}  // namespace hsfwd::hyperdht
