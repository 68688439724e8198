// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "crypto/keys.hpp"
#include "hyperdht/peer/packet_drops.hpp"
#include "net/address.hpp"

namespace hsfwd::hyperdht {

class PeerConnection;

/// All connections of a node, from the wish for one on; a connection adds and removes itself.
class PeerConnections {
 public:
  void add(PeerConnection& connection) { connections_.push_back(&connection); }
  void remove(PeerConnection& connection) { std::erase(connections_, &connection); }
  std::size_t size() const { return connections_.size(); }
  bool empty() const { return connections_.empty(); }

  /// The peer has a connection that has proven itself at this address.
  bool is_connected_at(const crypto::PublicKey& peer, const net::Address& address) const;
  /// The peer of `proven` has proven its key from `now_at`: its other connections may be dead ends
  /// if they lead elsewhere.
  void doubt_other_paths(const PeerConnection& proven, const net::Address& now_at);
  /// See PeerConnection::check_path.
  void check_paths(const char* reason);

  PacketDrops& drops() { return drops_; }
  void collect(MetricSink& sink) const;

 private:
  std::vector<PeerConnection*> connections_;  // in the order in which they were made
  PacketDrops drops_;
};

}  // namespace hsfwd::hyperdht
