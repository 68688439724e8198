// SPDX-License-Identifier: Apache-2.0
// Connections of this node to blind relays, shared by all that is relayed through them.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/peer/mux_socket.hpp"
#include "hyperdht/relay/relay_client.hpp"

namespace hsfwd::hyperdht {

struct Context;
class RelayConnections;

/// Makes connections to keys, for who does not know how.
class PeerDialer {
 public:
  virtual ~PeerDialer() = default;
  /// Events of the socket come later, never from inside. `as`: the node's own key if unset.
  virtual std::unique_ptr<PeerSocket> dial(const crypto::PublicKey& remote,
                                           std::optional<crypto::KeyPair> as) = 0;
};

/// As whom this node shows itself to a relay.
enum class RelayIdentity {
  kNode,       // the own relays may let in whom they know only
  kAnonymous,  // a key for this connection alone: who named the relay may be anybody
};

/// One stream's part in a relay, from the wish to be paired until it is not needed any more;
/// destroying it takes it back.
class RelayPairing final : private PairingObserver {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    /// The stream may be connected now: over `socket` to `relay`, as `leg`. `rtt` is the relay's.
    virtual void on_relay_paired(net::UdpSocket& socket, const Address& relay, udx::StreamId leg,
                                 Duration rtt) = 0;
    /// There will be no pair, or it is over. The last event.
    virtual void on_relay_gone() = 0;
  };

  /// Events come later, never from inside the constructor. `stream` is the own stream.
  RelayPairing(RelayConnections& connections, const RelayThroughInfo& relay, RelayIdentity identity,
               bool initiator, udx::StreamId stream, Observer& observer);
  ~RelayPairing() { cancel(); }
  RelayPairing(const RelayPairing&) = delete;
  RelayPairing& operator=(const RelayPairing&) = delete;

  void cancel();
  bool paired() const { return paired_; }

 private:
  friend class RelayConnections;
  friend class RelayConnection;

  void on_paired(udx::StreamId leg) override;
  void on_pairing_failed() override { on_gone(); }
  void on_gone();

  class RelayConnection* connection_;
  const RelayToken token_;
  const bool initiator_;
  const udx::StreamId stream_;
  Observer& observer_;
  bool paired_ = false;
};

class RelayConnection {
 public:
  RelayConnection(RelayConnections& owner, const crypto::PublicKey& relay, RelayIdentity identity);

  void add(RelayPairing& pairing);
  void remove(RelayPairing& pairing);
  void cancel() { gone_task_.cancel(); }
  bool leads_to(const crypto::PublicKey& relay, RelayIdentity identity) const {
    return relay == relay_ && identity == identity_;
  }
  PeerSocket& socket() { return mux_.socket(); }
  /// Whether another pairing may join, under this token.
  bool takes(const RelayToken& token) const;
  /// No other pairing joins from now on.
  void keep_to_itself() { joinable_ = false; }

 private:
  void ask(RelayPairing& pairing);
  void on_closed();
  void on_over();
  void leave();

  RelayConnections& owner_;
  const crypto::PublicKey relay_;
  const RelayIdentity identity_;
  MuxSocket mux_;
  std::unique_ptr<RelayClient> client_;  // once the connection is open
  std::vector<RelayPairing*> pairings_;
  bool leaving_ = false;
  bool joinable_ = true;
  Task gone_task_;
};

class RelayConnections {
 public:
  RelayConnections(const Context& context, PeerDialer& dialer)
      : context_(context), dialer_(dialer) {}
  /// Ends all connections at once.
  void clear();
  /// The addresses of this host are others. The paths of the connections that there are may lead nowhere, so that what comes
  /// next has one of its own; what is paired keeps its connection while that lives.
  void on_interfaces_changed();
  std::size_t size() const { return connections_.size(); }
  /// Whether another pairing needs no dialling.
  bool reach(const RelayThroughInfo& relay, RelayIdentity identity) const {
    return find(relay, identity) != nullptr;
  }

 private:
  friend class RelayConnection;
  friend class RelayPairing;

  RelayConnection* find(const RelayThroughInfo& relay, RelayIdentity identity) const;
  RelayConnection& to(const RelayThroughInfo& relay, RelayIdentity identity);
  void forget(RelayConnection& connection);

  const Context& context_;
  PeerDialer& dialer_;
  std::list<std::unique_ptr<RelayConnection>> connections_;
};

}  // namespace hsfwd::hyperdht
