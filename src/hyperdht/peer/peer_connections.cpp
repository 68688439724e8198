// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/peer_connections.hpp"

#include <algorithm>

#include "hyperdht/peer/peer_connection.hpp"
#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

bool PeerConnections::is_connected_at(const crypto::PublicKey& peer,
                                      const net::Address& address) const {
  return std::any_of(connections_.begin(), connections_.end(), [&](const PeerConnection* other) {
    return other->remote_key() == peer && other->established() &&
           other->remote_address() == address;
  });
}

void PeerConnections::doubt_other_paths(const PeerConnection& proven, const net::Address& now_at) {
  for (PeerConnection* other : connections_) {
    if (other == &proven) continue;
    if (other->remote_key() == proven.remote_key() && other->remote_address() != now_at) {
      other->check_path("the peer is at another address now");
    }
  }
}

void PeerConnections::check_paths(const char* reason) {
  for (PeerConnection* connection : connections_) connection->check_path(reason);
}

void PeerConnections::collect(MetricSink& sink) const {
  sink.gauge("hsfwd_connections", "Connections to peers, those under way included", size());
  drops_.collect(sink);
}

}  // namespace hsfwd::hyperdht
