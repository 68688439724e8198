// SPDX-License-Identifier: Apache-2.0
// The peer's side of the blind relay, for one connection to a relay.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "hyperdht/relay/blind_relay.hpp"
#include "secret_stream/protomux.hpp"

namespace hsfwd::hyperdht {

/// Hears once of a pairing it asked for, with one of the two.
class PairingObserver {
 public:
  virtual ~PairingObserver() = default;
  /// Packets to the relay carry `leg`.
  virtual void on_paired(udx::StreamId leg) = 0;
  /// The channel is closed: the relay refuses, or is no relay, or the connection is gone.
  virtual void on_pairing_failed() = 0;
};

/// Shared by all pairings over its connection.
class RelayClient final : private secret_stream::ChannelObserver {
 public:
  /// `on_closed`: nothing more goes through this relay, pairs that forward included.
  RelayClient(secret_stream::Protomux& mux, const crypto::PublicKey& own,
              std::function<void()> on_closed);

  /// Asks to be joined with whoever names the token in the other role. `own` is the stream that is
  /// going to be relayed. Errors: kRefused when the token is being paired already (upstream:
  /// ALREADY_PAIRING) or the channel is closed.
  Result<void> pair(bool initiator, const RelayToken& token, udx::StreamId own,
                    PairingObserver& observer);
  /// Takes it back, whether it was answered or not; the observer is not told.
  void unpair(const RelayToken& token);

  bool closed() const { return channel_->closed(); }

 private:
  struct Request {
    bool initiator = false;
    PairingObserver* observer = nullptr;
  };

  bool on_message(std::uint64_t type, ByteView payload) override;
  void on_closed() override;

  std::function<void()> on_closed_;
  std::unique_ptr<secret_stream::Channel> channel_;
  std::map<RelayToken, Request> requests_;
};

}  // namespace hsfwd::hyperdht
