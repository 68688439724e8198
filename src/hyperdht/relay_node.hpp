// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "hyperdht/peer/mux_socket.hpp"
#include "hyperdht/relay/relay_server.hpp"
#include "hyperdht/server/server.hpp"

namespace hsfwd::hyperdht {

class Dht;

struct RelayOptions {
  RelayLimits limits;
  /// Who may use the relay; everybody if unset.
  std::function<bool(const Visitor&)> allow;
};

/// A blind relay in the DHT: an ordinary server under a key of its own, whose connections speak the
/// relay's protocol.
class RelayNode {
 public:
  RelayNode(Dht& dht, RelayOptions options);
  ~RelayNode();
  RelayNode(const RelayNode&) = delete;
  RelayNode& operator=(const RelayNode&) = delete;

  /// As Server::listen.
  Result<void> listen(const crypto::KeyPair& keys, std::function<void(std::size_t)> on_announced);
  /// Takes the announcement back and ends all connections, which tells the peers at once that their
  /// pairs are over; then calls `done`.
  void close(std::function<void()> done);

  const crypto::PublicKey& public_key() const { return server_->public_key(); }
  const RelayServer& relay() const { return relay_; }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    std::unique_ptr<MuxSocket> mux;
    std::unique_ptr<RelaySession> session;  // goes first
    crypto::PublicKey peer;
    net::Ipv4 host;
  };

  bool may_connect(const crypto::PublicKey& peer, net::Ipv4 host) const;
  void accept(std::unique_ptr<PeerSocket> socket);
  void drop(Connection& connection);
  void sweep();

  Dht& dht_;
  RelayServer relay_;
  std::list<Connection> connections_;
  std::unique_ptr<Server> server_;
  Timer sweep_timer_;
};

}  // namespace hsfwd::hyperdht
