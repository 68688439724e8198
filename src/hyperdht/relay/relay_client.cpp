// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/relay/relay_client.hpp"

namespace hsfwd::hyperdht {

RelayClient::RelayClient(secret_stream::Protomux& mux, const crypto::PublicKey& own,
                         std::function<void()> on_closed)
    : on_closed_(std::move(on_closed)),
      channel_(mux.open(kBlindRelayProtocol, own.view(), *this)) {}

Result<void> RelayClient::pair(bool initiator, const RelayToken& token, udx::StreamId own,
                               PairingObserver& observer) {
  if (closed() || requests_.contains(token)) return Err(Errc::kRefused);
  requests_[token] = {initiator, &observer};
  channel_->send(RelayMessage::kPair,
                 PairMessage{.initiator = initiator, .token = token, .id = own}.encode());
  return {};
}

void RelayClient::unpair(const RelayToken& token) {
  requests_.erase(token);
  channel_->send(RelayMessage::kUnpair, UnpairMessage{token}.encode());
}

bool RelayClient::on_message(std::uint64_t type, ByteView payload) {
  if (static_cast<RelayMessage>(type) != RelayMessage::kPair) return true;
  const auto message = PairMessage::decode(payload);
  if (!message) return false;
  const auto found = requests_.find(message->token);
  if (found == requests_.end() || found->second.initiator != message->initiator) return true;
  PairingObserver& observer = *found->second.observer;
  requests_.erase(found);
  observer.on_paired(message->id);
  return true;
}

void RelayClient::on_closed() {
  while (!requests_.empty()) {
    PairingObserver& observer = *requests_.begin()->second.observer;
    requests_.erase(requests_.begin());
    observer.on_pairing_failed();
  }
  on_closed_();
}

}  // namespace hsfwd::hyperdht
