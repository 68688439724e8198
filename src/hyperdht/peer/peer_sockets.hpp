// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "crypto/keys.hpp"
#include "net/address.hpp"

namespace hsfwd::hyperdht {

class PeerSocket;

/// All connections of a node, from the wish for one on; a connection adds and removes itself.
class PeerSockets {
 public:
  void add(PeerSocket& socket) { sockets_.push_back(&socket); }
  void remove(PeerSocket& socket) { std::erase(sockets_, &socket); }
  std::size_t size() const { return sockets_.size(); }
  bool empty() const { return sockets_.empty(); }

  /// The peer has a connection that has proven itself at this address.
  bool is_connected_at(const crypto::PublicKey& peer, const net::Address& address) const;
  /// The peer of `proven` has proven its key from `now_at`: its other connections may be dead ends
  /// if they lead elsewhere.
  void doubt_other_paths(const PeerSocket& proven, const net::Address& now_at);
  /// See PeerSocket::check_path.
  void check_paths(const char* reason);

 private:
  std::vector<PeerSocket*> sockets_;  // in the order in which they were made
};

}  // namespace hsfwd::hyperdht
