// SPDX-License-Identifier: Apache-2.0
// A connection to a peer that is known by its public key, with the one stream that peers of any make
// have: what connect() returns and a server's connection event brings.
#pragma once

#include "hyperdht/peer/peer_connection.hpp"

namespace hsfwd::hyperdht {

/// The two end together: the connection is told first, and goes last.
class PeerSocket final : public PeerConnection, public SecureStream {
 public:
  PeerSocket(const PeerContext& context, const crypto::PublicKey& local,
             const crypto::PublicKey& remote, bool initiator);
  ~PeerSocket() override;

  /// Gives up at once, and calls nobody any more: Scheduler::retire().
  void cancel();
};

}  // namespace hsfwd::hyperdht
