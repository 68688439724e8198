// SPDX-License-Identifier: Apache-2.0
// The part of a blind relay in the life of one connection.
//
//   kPairing ──► kCarrying ──► kMoving ──► kDone
//      └─────────────┴────────────┴──────► (gone)
//
// - kPairing: the relay is dialled and asked for the other side, 15 s at most.
// - kCarrying: the stream runs through the relay, while a direct path is looked for.
// - kMoving: this side sends directly. The relay stays until everything sent through it is
//   acknowledged and the peer is known to send directly as well: nothing is lost on the way.
#pragma once

#include <optional>
#include <vector>

#include "hyperdht/peer/relay_connections.hpp"

namespace hsfwd::hyperdht {

struct PeerContext;

/// One of the relays at random, and a token for one connection through it; nothing if there is
/// none.
std::optional<RelayThroughInfo> choose_relay(const std::vector<crypto::PublicKey>& relays,
                                             Random& random);

class RelayedPath final : public PathCarrier, private RelayPairing::Observer {
 public:
  /// Who wants the relay, until it carries or will not.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The connection can be opened along this; take it over with PeerConnection::open_carried.
    virtual void on_relay_paired(net::UdpSocket& socket, const Address& relay,
                                 udx::StreamId leg) = 0;
    /// The relay brings no path.
    virtual void on_relay_failed() = 0;
  };

  /// Begins; events come later. Must not outlive `socket`.
  RelayedPath(const PeerContext& context, PeerSocket& socket, const RelayThroughInfo& relay,
              RelayIdentity identity, bool initiator, Owner& owner);
  ~RelayedPath() override { cancel(); }

  bool pairing() const { return state_ == State::kPairing; }

  // PathCarrier
  void cancel() override;
  bool carrying() const override { return state_ == State::kCarrying; }
  bool is_from_carrier(const net::UdpSocket& socket, const Address& from) const override {
    return &socket == route_socket_ && from == route_address_;
  }
  void on_leaving() override { state_ = State::kMoving; }
  void on_remote_changed() override;
  void on_path_proven() override;

 private:
  enum class State { kPairing, kCarrying, kMoving, kDone };

  void on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg,
                       Duration rtt) override;
  void on_relay_gone() override;
  void finish_if_moved();

  PeerSocket& socket_;
  Owner& owner_;
  State state_ = State::kPairing;
  const net::UdpSocket* route_socket_ = nullptr;
  Address route_address_;
  bool sent_is_acked_ = false;
  bool peer_has_moved_ = false;
  RelayPairing pairing_;
  Timer pairing_timer_;
};

}  // namespace hsfwd::hyperdht
