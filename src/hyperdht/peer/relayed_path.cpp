// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/relayed_path.hpp"

#include <optional>
#include <vector>

#include "hyperdht/peer/context.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kPairingWait = 15_s;  // from the start of dialling; upstream's
}

std::optional<RelayThroughInfo> choose_relay(const std::vector<crypto::PublicKey>& relays,
                                             Random& random) {
  if (relays.empty()) return std::nullopt;
  const std::uint32_t chosen = random.below(static_cast<std::uint32_t>(relays.size()));
  return RelayThroughInfo{.public_key = relays[chosen], .token = random.fixed<RelayToken>()};
}

RelayedPath::RelayedPath(const PeerContext& context, PeerSocket& socket,
                         const RelayThroughInfo& relay, RelayIdentity identity, bool initiator,
                         Owner& owner)
    : socket_(socket),
      owner_(owner),
      pairing_(context.relay_connections, relay, identity, initiator, socket.raw().id(), *this),
      pairing_timer_(context.env.scheduler, [this] {
        cancel();
        owner_.on_relay_failed();
      }) {
  pairing_timer_.start(kPairingWait);
}

void RelayedPath::cancel() {
  state_ = State::kDone;
  pairing_timer_.stop();
  pairing_.cancel();
}

void RelayedPath::on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg,
                                  Duration rtt) {
  if (state_ != State::kPairing) return;
  state_ = State::kCarrying;
  pairing_timer_.stop();
  route_socket_ = &socket;
  route_address_ = relay;
  // The way to the peer is about twice that to the relay. The relay knows where the peer is once that
  // has sent something, and a relay of upstream's drops what comes before.
  socket_.raw().set_rtt_hint(rtt * 2);
  socket_.raw().repeat_on_first_arrival();
  owner_.on_relay_paired(socket, relay, leg);
}

void RelayedPath::on_relay_gone() {
  const State before = std::exchange(state_, State::kDone);
  pairing_timer_.stop();
  if (before == State::kPairing) {
    owner_.on_relay_failed();
  } else if (before == State::kCarrying) {
    // The stream would find out by itself, after many seconds of repeats.
    socket_.fail(ConnectError::kRelayAborted, "the relay closed the connection");
  }
}

void RelayedPath::on_remote_changed() {
  if (state_ != State::kMoving) return;
  // Shows the peer the direct path, even when there is nothing to say.
  socket_.raw().send_message({});
  sent_is_acked_ = true;
  finish_if_moved();
}

void RelayedPath::on_path_proven() {
  if (state_ != State::kMoving) return;
  peer_has_moved_ = true;
  finish_if_moved();
}

void RelayedPath::finish_if_moved() {
  if (sent_is_acked_ && peer_has_moved_) cancel();
}

}  // namespace hsfwd::hyperdht
