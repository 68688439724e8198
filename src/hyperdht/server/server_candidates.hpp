// SPDX-License-Identifier: Apache-2.0
// A server's ways to a client that has been answered. The path itself is the client's first packet.
#pragma once

#include <memory>

#include "hyperdht/nat/server_punch.hpp"
#include "hyperdht/peer/relay_candidate.hpp"
#include "hyperdht/server/client_relays.hpp"
#include "hyperdht/server/server.hpp"

namespace hsfwd::hyperdht {

struct ServerContext;

/// The client is to come, or to say what it wants.
class AwaitedClient final : public PathCandidate {
 public:
  AwaitedClient(PathRace& race, Scheduler& scheduler, Duration wait)
      : wait_(wait), timer_(scheduler, [this, &race] { race.lost(*this); }) {}

  bool start() override {
    timer_.start(wait_);
    return true;
  }
  /// From now on.
  void extend(Duration wait) { timer_.start(wait); }
  bool active() const override { return timer_.armed(); }
  void cancel() override { timer_.stop(); }
  void on_carried() override { timer_.stop(); }

 private:
  const Duration wait_;
  Timer timer_;
};

/// A punch, for which the client asks; until it does, this brings nothing.
class AnsweredPunch final : public PathCandidate {
 public:
  explicit AnsweredPunch(std::unique_ptr<ServerPunch> punch) : punch_(std::move(punch)) {}

  bool start() override { return punch_->usable(); }
  bool active() const override { return punching_; }
  void cancel() override { punch_->cancel(); }

  void set_punching(bool punching) { punching_ = punching; }
  ServerPunch& punch() { return *punch_; }

 private:
  const std::unique_ptr<ServerPunch> punch_;
  bool punching_ = false;
};

/// The relay that the client named, when it is its turn; see ClientRelays.
class ClientsRelay final : public RelayCandidate {
 public:
  struct Terms {
    const ServerOptions& options;
    crypto::PublicKey client;
    net::Ipv4 host;          // to which the client is put down
    const bool& alive;       // the client has shown a sign of life
    crypto::Hash32 message;  // the first, for which the relay is dialled once
    Instant until;
  };

  ClientsRelay(PathRace& race, const ServerContext& context, PeerSocket& socket,
               const RelayThroughInfo& relay, RelayDial& dial, const Terms& terms);

  // PathCandidate
  bool start() override { return ask(); }
  bool active() const override { return turn_timer_.armed() || RelayCandidate::active(); }
  void cancel() override;

 private:
  void on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg) override;
  void on_relay_failed() override;
  bool ask();

  const ServerContext& server_context_;
  RelayDial& dial_;
  const Terms terms_;
  Timer turn_timer_;
};

}  // namespace hsfwd::hyperdht
