// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/relay_candidate.hpp"

#include <utility>

#include "hyperdht/peer/context.hpp"

namespace hsfwd::hyperdht {

RelayCandidate::RelayCandidate(PathRace& race, const PeerContext& context, PeerSocket& socket,
                               const RelayThroughInfo& relay, RelayIdentity identity,
                               bool initiator)
    : race_(race),
      context_(context),
      info_(relay),
      identity_(identity),
      socket_(socket),
      initiator_(initiator) {}

bool RelayCandidate::start() {
  RelayedPath::Owner& owner = *this;
  relay_ = std::make_unique<RelayedPath>(context_, socket_, info_, identity_, initiator_, owner);
  return true;
}

void RelayCandidate::cancel() {
  if (relay_) relay_->cancel();
}

void RelayCandidate::on_relay_paired(net::UdpSocket& socket, const Address& relay,
                                     udx::StreamId leg) {
  race_.carried(std::move(relay_), {socket, relay, PathKind::kRelayed}, leg);
}

void RelayCandidate::on_relay_failed() {
  race_.lost(*this);
}

}  // namespace hsfwd::hyperdht
