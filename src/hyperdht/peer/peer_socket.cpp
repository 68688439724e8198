// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/peer_socket.hpp"

namespace hsfwd::hyperdht {

PeerSocket::PeerSocket(const PeerContext& context, const crypto::PublicKey& local,
                       const crypto::PublicKey& remote, bool initiator)
    : PeerConnection(context, *this, local, remote, initiator), SecureStream(context, *this) {
  join_node();
}

PeerSocket::~PeerSocket() {
  leave_node();
}

void PeerSocket::cancel() {
  set_observer(nullptr);
  silence();
  reset();
}

}  // namespace hsfwd::hyperdht
