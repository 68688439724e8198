// SPDX-License-Identifier: Apache-2.0
// The shortcut to a peer by an address of one of its interfaces, a host candidate as ICE calls it: one on
// the local network, if both sides are behind the same public address, or one that is public itself.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "hyperdht/client/peer_search.hpp"
#include "hyperdht/nat/attempt_log.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// Differs from upstream, which does not know the public kind, and takes any answer to a ping for the
/// peer's: any node answers one, and private addresses are the same everywhere. Only the peer answers a
/// copy of the handshake as it did before. Where the relay sees the peer at that very host, a ping does.
class HostProbe {
 public:
  /// `found`: the peer is at address().
  using Done = std::function<void(bool found)>;

  /// `peer` is its target in the DHT, `first_message` of the handshake that got `answer`. The
  /// references outlive this.
  HostProbe(const Context& context, const rpc::Target& peer, const Bytes& first_message,
            const PeerAnswer& answer, const AttemptLog& log, Done done);

  /// False when the peer told no address that fits.
  bool start();
  void cancel();
  bool active() const { return call_ && call_->active(); }
  const Address& address() const { return address_; }
  /// The address is one of the local network.
  bool same_network() const;

 private:
  std::optional<Address> lan_candidate() const;
  std::optional<Address> public_candidate() const;
  void ask();
  void on_result(const rpc::CallResult& result);
  AttemptStep step() const;
  bool is_peer(const rpc::CallResult& result) const;

  const Context& context_;
  const rpc::Target peer_;
  const Bytes& first_message_;
  const PeerAnswer& answer_;
  const AttemptLog& log_;
  Done done_;
  Address address_;
  std::unique_ptr<rpc::Call> call_;
};

}  // namespace hsfwd::hyperdht
