// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/server_candidates.hpp"

#include "hyperdht/server/context.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kRelayTurnPoll = 100_ms;
}

ClientsRelay::ClientsRelay(PathRace& race, const ServerContext& context, PeerSocket& socket,
                           const RelayThroughInfo& relay, RelayDial& dial, const Terms& terms)
    : RelayCandidate(race, context, socket, relay, RelayIdentity::kAnonymous, false),
      server_context_(context),
      dial_(dial),
      terms_(terms),
      turn_timer_(context.env.scheduler, [this] {
        if (!ask()) race_.lost(*this);
      }) {}

/// Now, or when it is its turn; false if never.
bool ClientsRelay::ask() {
  const auto policy =
      terms_.options.client_relays ? terms_.options.client_relays() : ClientRelayPolicy::kAnonymous;
  identity_ = policy == ClientRelayPolicy::kOpen ? RelayIdentity::kNode : RelayIdentity::kAnonymous;
  if (policy == ClientRelayPolicy::kRefuse ||
      server_context_.client_relays.has_served(terms_.message)) {
    return false;
  }
  const Instant now = context_.env.now();
  if (context_.relay_connections.reach(info_, identity_) ||
      dial_.begin({terms_.client, terms_.host, terms_.alive}, terms_.message, now)) {
    return RelayCandidate::start();
  }
  if (now >= terms_.until) return false;
  turn_timer_.start(kRelayTurnPoll);
  return true;
}

void ClientsRelay::cancel() {
  turn_timer_.stop();
  RelayCandidate::cancel();
}

void ClientsRelay::on_relay_paired(net::UdpSocket& socket, const Address& relay,
                                   udx::StreamId leg) {
  dial_.ended();
  RelayCandidate::on_relay_paired(socket, relay, leg);
}

void ClientsRelay::on_relay_failed() {
  dial_.ended();
  RelayCandidate::on_relay_failed();
}

}  // namespace hsfwd::hyperdht
