// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/relay_connections.hpp"

#include <algorithm>
#include <optional>

#include "hyperdht/peer/context.hpp"

namespace hsfwd::hyperdht {

// --- One pairing ---

RelayPairing::RelayPairing(RelayConnections& connections, const RelayThroughInfo& relay,
                           RelayIdentity identity, bool initiator, udx::StreamId stream,
                           Observer& observer)
    : connection_(&connections.to(relay, identity)),
      token_(relay.token),
      initiator_(initiator),
      stream_(stream),
      observer_(observer) {
  connection_->add(*this);
}

void RelayPairing::cancel() {
  if (RelayConnection* const connection = std::exchange(connection_, nullptr)) {
    connection->remove(*this);
  }
}

void RelayPairing::on_paired(udx::StreamId leg) {
  paired_ = true;
  PeerSocket& relay = connection_->socket();
  observer_.on_relay_paired(*relay.udp_socket(), relay.remote_address(), leg, relay.stats().rtt);
}

void RelayPairing::on_gone() {
  if (connection_ == nullptr) return;
  cancel();
  observer_.on_relay_gone();
}

// --- One connection ---

namespace {
std::optional<crypto::KeyPair> keys_of(RelayIdentity identity, Random& random) {
  if (identity == RelayIdentity::kNode) return std::nullopt;
  return crypto::KeyPair::generate(random);
}
}  // namespace

RelayConnection::RelayConnection(RelayConnections& owner, const crypto::PublicKey& relay,
                                 RelayIdentity identity)
    : owner_(owner),
      relay_(relay),
      identity_(identity),
      mux_(owner.dialer_.dial(relay, keys_of(identity, owner.context_.env.random)),
           [this] { on_over(); }),
      gone_task_(owner.context_.env.scheduler, [this] { on_closed(); }) {
  mux_.socket().set_on_open([this] {
    client_ = std::make_unique<RelayClient>(mux_.mux(), mux_.socket().local_key(),
                                            [this] { gone_task_.post(); });
    for (RelayPairing* pairing : pairings_) ask(*pairing);
  });
}

void RelayConnection::add(RelayPairing& pairing) {
  pairings_.push_back(&pairing);
  if (client_) ask(pairing);
}

bool RelayConnection::takes(const RelayToken& token) const {
  return !leaving_ && joinable_ &&
         std::none_of(pairings_.begin(), pairings_.end(),
                      [&](RelayPairing* pairing) { return pairing->token_ == token; });
}

void RelayConnection::ask(RelayPairing& pairing) {
  PairingObserver& observer = pairing;
  // Refused only on a closed channel, of which everybody here is about to hear.
  static_cast<void>(client_->pair(pairing.initiator_, pairing.token_, pairing.stream_, observer));
}

void RelayConnection::remove(RelayPairing& pairing) {
  std::erase(pairings_, &pairing);
  if (client_ && !leaving_) client_->unpair(pairing.token_);
  if (pairings_.empty()) leave();
}

/// The relay has closed the channel: pairs that forward are over as well.
void RelayConnection::on_closed() {
  leaving_ = true;
  while (!pairings_.empty()) pairings_.front()->on_gone();
  leave();
}

void RelayConnection::leave() {
  leaving_ = true;
  if (client_) {
    mux_.end();
  } else {
    // Not even open: there is nothing to end.
    mux_.close();
    owner_.forget(*this);
  }
}

void RelayConnection::on_over() {
  leaving_ = true;
  while (!pairings_.empty()) pairings_.front()->on_gone();
  owner_.forget(*this);
}

// --- All of them ---

/// Who connects to a server of its own node plays both roles of a token, each over a connection of
/// its own.
RelayConnection* RelayConnections::find(const RelayThroughInfo& relay,
                                        RelayIdentity identity) const {
  for (const auto& connection : connections_) {
    if (connection->leads_to(relay.public_key, identity) && connection->takes(relay.token)) {
      return connection.get();
    }
  }
  return nullptr;
}

RelayConnection& RelayConnections::to(const RelayThroughInfo& relay, RelayIdentity identity) {
  if (RelayConnection* const known = find(relay, identity)) return *known;
  connections_.push_back(std::make_unique<RelayConnection>(*this, relay.public_key, identity));
  return *connections_.back();
}

void RelayConnections::forget(RelayConnection& connection) {
  const auto at = std::find_if(connections_.begin(), connections_.end(),
                               [&](const auto& other) { return other.get() == &connection; });
  if (at == connections_.end()) return;
  context_.env.scheduler.retire(std::move(*at));
  connections_.erase(at);
}

void RelayConnections::on_interfaces_changed() {
  for (const auto& connection : connections_) connection->keep_to_itself();
}

void RelayConnections::clear() {
  connections_.clear();
}

}  // namespace hsfwd::hyperdht
