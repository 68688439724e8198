// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/peer_sockets.hpp"

#include <algorithm>

#include "hyperdht/peer/peer_socket.hpp"

namespace hsfwd::hyperdht {

bool PeerSockets::is_connected_at(const crypto::PublicKey& peer,
                                  const net::Address& address) const {
  return std::any_of(sockets_.begin(), sockets_.end(), [&](const PeerSocket* socket) {
    return socket->remote_key() == peer && socket->proven() && socket->is_open() &&
           socket->remote_address() == address;
  });
}

void PeerSockets::doubt_other_paths(const PeerSocket& proven, const net::Address& now_at) {
  for (PeerSocket* socket : sockets_) {
    if (socket == &proven) continue;
    if (socket->remote_key() == proven.remote_key() && socket->remote_address() != now_at) {
      socket->check_path("the peer is at another address now");
    }
  }
}

void PeerSockets::check_paths(const char* reason) {
  for (PeerSocket* socket : sockets_) socket->check_path(reason);
}

}  // namespace hsfwd::hyperdht
