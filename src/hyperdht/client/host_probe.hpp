// SPDX-License-Identifier: Apache-2.0
// The shortcut to a peer by an address of one of its interfaces, a host candidate as ICE calls it: one on
// the local network, if both sides are behind the same public address, or one that is public itself.
#pragma once

#include <memory>
#include <optional>

#include "hyperdht/client/peer_search.hpp"
#include "hyperdht/nat/attempt_log.hpp"
#include "hyperdht/peer/path_race.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// Differs from upstream, which does not know the public kind, and takes any answer to a ping for the
/// peer's: any node answers one, and private addresses are the same everywhere. Only the peer answers a
/// copy of the handshake as it did before. Where the relay sees the peer at that very host, a ping does.
class HostProbe final : public PathCandidate {
 public:
  /// `peer` is its target in the DHT, `first_message` of the handshake that got `answer`. The
  /// references outlive this. `local_connection`: addresses of the local network may be tried.
  HostProbe(PathRace& race, const Context& context, const rpc::Target& peer,
            const Bytes& first_message, const PeerAnswer& answer, bool local_connection,
            const AttemptLog& log);

  // PathCandidate
  /// False when the peer told no address that fits.
  bool start() override;
  void cancel() override;
  bool active() const override { return call_ && call_->active(); }

 private:
  bool same_network() const;
  std::optional<Address> lan_candidate() const;
  std::optional<Address> public_candidate() const;
  void ask();
  void on_result(const rpc::CallResult& result);
  AttemptStep step() const;
  bool is_peer(const rpc::CallResult& result) const;

  PathRace& race_;
  const Context& context_;
  const rpc::Target peer_;
  const Bytes& first_message_;
  const PeerAnswer& answer_;
  const bool local_connection_;
  const AttemptLog& log_;
  Address address_;
  std::unique_ptr<rpc::Call> call_;
};

}  // namespace hsfwd::hyperdht
