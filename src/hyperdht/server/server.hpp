// SPDX-License-Identifier: Apache-2.0
// Listens on a key pair: announces it, answers handshakes, hands over connections.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/peer/peer_socket.hpp"
#include "hyperdht/server/announcer.hpp"
#include "hyperdht/server/client_relay_policy.hpp"
#include "hyperdht/server/eviction_order.hpp"
#include "hyperdht/server/handshake_gate.hpp"
#include "hyperdht/server/known_clients.hpp"
#include "hyperdht/server/self_test.hpp"
#include "hyperdht/store/router.hpp"
#include "util/slot_map.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

struct ServerContext;
class ServerSession;

/// A client that asks to be let in.
struct Visitor {
  crypto::PublicKey key;  // authenticated
  Address address;        // as its relay sees it
  const NoisePayload& payload;
};

struct ServerOptions {
  /// Whether a client may connect; everybody may if unset. A refused client hears nothing.
  std::function<bool(const Visitor&)> allow;
  bool share_local_addresses = true;
  bool holepunch = true;
  bool reusable_socket = true;
  /// Blind relays, one of which carries a connection until, or unless, there is a direct path.
  std::vector<crypto::PublicKey> relay_through;
  /// kAnonymous if unset.
  std::function<ClientRelayPolicy()> client_relays;
  /// The extension block of the answer, from the client's key and that of the request; stock clients
  /// have none.
  std::function<std::optional<Extension>(const crypto::PublicKey& client,
                                         const std::optional<Extension>&)>
      extension;
  /// If set, the server tests again and again whether it can be reached, and replaces relays through
  /// which it cannot. Called after each test.
  SelfTest::OnReport on_reachability;
};

struct ServerStats {
  std::uint64_t handshakes = 0;
  std::uint64_t refused = 0;      // by the allow function
  std::uint64_t invalid = 0;      // did not open
  std::uint64_t turned_away = 0;  // not opened: useless before, or too many of the source
  std::uint64_t dropped = 0;      // because there were too many
  std::uint64_t connections = 0;
  std::uint64_t early = 0;      // of these, before the proof: the client is known there
  std::uint64_t abandoned = 0;  // no proof came within the time
};

class Server final : public RoutedServer {
 public:
  using OnConnection = std::function<void(std::unique_ptr<PeerSocket>)>;

  Server(const ServerContext& context, ServerOptions options, OnConnection on_connection);
  ~Server() override;

  /// Starts announcing. `on_announced` is called after every cycle with the number of relays.
  /// Errors: kRefused when this node listens on the key already.
  Result<void> listen(const crypto::KeyPair& keys, std::function<void(std::size_t)> on_announced);
  /// Unannounces, then calls `done`. Connections that were handed over live on.
  void close(std::function<void()> done);
  /// Ends everything without a word; nobody is called any more. For retiring it from inside one of
  /// its own callbacks.
  void cancel();
  bool cancelled() const { return cancelled_; }
  Scheduler& scheduler();
  /// The node is bootstrapped: announcing may begin.
  void start_soon() { start_task_.post(); }
  /// The network changed: announce again soon.
  void refresh();

  const crypto::PublicKey& public_key() const { return keys_.public_key; }
  const Announcer* announcer() const { return announcer_.get(); }
  const ServerStats& stats() const { return stats_; }
  void collect(MetricSink& sink) const;
  std::size_t sessions() const { return sessions_.size(); }
  const KnownClients& known_clients() const { return clients_; }

  // RoutedServer
  std::optional<HandshakeAnswer> on_handshake(const HandshakeMessage& message,
                                              const rpc::RequestOrigin& origin) override;
  void on_holepunch(const HolepunchMessage& message, const rpc::RequestOrigin& origin) override;
  const Bytes& record() const override { return announcer_->record(); }
  bool is_relay(const Address& node) const override { return announcer_->is_relay(node); }

 private:
  friend class ServerSession;

  void start();
  void hand_over(std::unique_ptr<PeerSocket> socket);
  void hand_over_ready();
  void forget(ServerSession& session);
  void make_room();
  std::optional<HandshakeAnswer> open(const HandshakeMessage& message,
                                      const rpc::RequestOrigin& origin, const Address& source);
  void wait(const HandshakeMessage& message, const rpc::RequestOrigin& origin,
            const Address& source);
  void next_turn();
  Address source_of(const HandshakeMessage& message, const rpc::RequestOrigin& origin) const;

  struct Waiting {
    HandshakeMessage message;
    rpc::RequestOrigin origin;
    Address source;
  };

  const ServerContext& context_;
  ServerOptions options_;
  OnConnection on_connection_;
  crypto::KeyPair keys_;
  rpc::Target target_;
  std::unique_ptr<Announcer> announcer_;
  std::unique_ptr<SelfTest> self_test_;
  SlotMap<ServerSession> sessions_;
  std::map<Bytes, std::size_t> by_noise_;  // first handshake messages that are being served
  EvictionOrder order_;                    // all sessions but those whose client a relay carries
  HandshakeGate gate_;
  std::deque<Waiting> waiting_;  // for the next turns
  int opened_ = 0;               // in this turn
  KnownClients clients_;
  std::vector<std::unique_ptr<PeerSocket>> ready_;
  std::function<void()> on_closed_;
  bool cancelled_ = false;
  Timer turn_timer_;
  Task start_task_;
  Task hand_over_task_;
  Task closed_task_;
  ServerStats stats_;
};

}  // namespace hsfwd::hyperdht
