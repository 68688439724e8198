// SPDX-License-Identifier: Apache-2.0
// A HyperDHT node: the layers below joined to one object that connects to keys and listens on them.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "hyperdht/client_relays.hpp"
#include "hyperdht/connector.hpp"
#include "hyperdht/endpoint.hpp"
#include "hyperdht/large_frames.hpp"
#include "hyperdht/local_addresses.hpp"
#include "hyperdht/punch_budget.hpp"
#include "hyperdht/punch_limits.hpp"
#include "hyperdht/punch_socket.hpp"
#include "hyperdht/relay_connections.hpp"
#include "hyperdht/router.hpp"
#include "hyperdht/routes.hpp"
#include "hyperdht/searches.hpp"
#include "hyperdht/server.hpp"
#include "hyperdht/storage.hpp"

namespace hsfwd::hyperdht {

struct DhtOptions {
  rpc::NodeOptions node;
  BindOptions bind;
  crypto::KeyPair key_pair;  // for connections that name no other
  Duration connection_keepalive = 5_s;
  /// A connection that nobody reads holds a sixteenth of the whole window.
  udx::StreamOptions stream{.first_window = 256 * 1024};
  /// What all connections together hold unread and unsent, in bytes, but for the floors of
  /// udx::Budget. From kLeastBuffered on.
  std::size_t max_buffered = udx::Budget::kDefaultLimit;
  static constexpr std::size_t kLeastBuffered = 32 * 1024 * 1024;
};

/// The bootstrap nodes of the public network.
std::vector<rpc::BootstrapNode> public_bootstrap();

class Dht final : private rpc::NodeHandler {
 public:
  Dht(const net::Env& env, DhtOptions options);
  /// Connections and servers are gone by then.
  ~Dht() override;
  Dht(const Dht&) = delete;
  Dht& operator=(const Dht&) = delete;

  /// Binds the sockets and begins to bootstrap. Errors: kUnavailable.
  Result<void> start();
  bool bootstrapped() const { return node_.bootstrapped(); }
  /// Calls `then` when the node is bootstrapped; at the end of this dispatch if it is already.
  void when_bootstrapped(std::function<void()> then);

  /// Events of the socket come later, never from inside.
  std::unique_ptr<PeerSocket> connect(const crypto::PublicKey& remote, ConnectOptions options = {});
  std::unique_ptr<Server> create_server(ServerOptions options, Server::OnConnection on_connection);
  /// The interfaces changed: local addresses are tested anew, the public one is found out anew,
  /// servers announce again, and connections have to show that their path still stands.
  void on_interfaces_changed();

  /// Any node has answered since the start.
  bool heard_of_network() const { return node_.call_stats().responses > 0; }

  // --- The parts ---
  const net::Env& env() const { return env_; }
  const DhtOptions& options() const { return options_; }
  rpc::Node& node() { return node_; }
  const rpc::Node& node() const { return node_; }
  udx::Mux& mux() { return mux_; }
  const udx::Mux& mux() const { return mux_; }
  Endpoint& endpoint() { return endpoint_; }
  Router& router() { return router_; }
  Storage* storage() { return storage_.get(); }
  Routes& routes() { return routes_; }
  Searches& searches() { return searches_; }
  RelayConnections& relay_connections() { return relay_connections_; }
  ClientRelays& client_relays() { return client_relays_; }
  PunchBudget& punch_budget() { return punch_budget_; }
  PunchLimits& punch_limits() { return punch_limits_; }
  /// From which servers punch; nothing while none of them needs one.
  const PunchSocket* punch_socket() const { return punch_socket_.get(); }
  /// Buffers for records that have come in and were not taken yet.
  BufferPool& record_pool() { return record_pool_; }
  LargeFrames& large_frames() { return large_frames_; }
  std::size_t open_sockets() const { return sockets_.size(); }

  std::vector<Address> all_local_addresses() const;
  std::vector<Address> validated_local_addresses();
  /// What is sent there comes back to this node, as far as it knows.
  bool is_own(const Address& address) const;
  /// What to call the path to an address, if nothing else is known about it.
  PathKind path_kind_of(const Address& address) const;
  std::vector<Address> relay_cache(const crypto::PublicKey& peer) const;
  void remember_relays(const crypto::PublicKey& peer, std::vector<Address> relays);
  /// The wall clock in microseconds, but each time more: what dates a first message.
  std::uint64_t next_stamp();
  /// The peer has a connection that has proven itself at this address.
  bool is_connected_at(const crypto::PublicKey& peer, const Address& address) const;
  /// The peer of `proven` has proven its key from `now_at`: its other connections may be dead ends
  /// if they lead elsewhere.
  void doubt_other_paths(const PeerSocket& proven, const Address& now_at);

 private:
  friend class Server;
  friend class PeerSocket;

  // rpc::NodeHandler
  bool on_request(const rpc::IncomingRequest& request) override;
  void on_bootstrapped() override;
  void on_persistent() override;
  void on_network_update() override;
  void on_wake_up() override;

  void add_server(Server& server) { servers_.push_back(&server); }
  void remove_server(Server& server);
  void prepare_punch_socket();
  void add_socket(PeerSocket& socket) { sockets_.push_back(&socket); }
  void remove_socket(PeerSocket& socket) { std::erase(sockets_, &socket); }

  net::Env env_;
  const DhtOptions options_;
  BufferPool record_pool_;
  udx::Mux mux_;
  LargeFrames large_frames_;
  Endpoint endpoint_;
  rpc::Node node_;
  Router router_;
  Routes routes_;
  Searches searches_;
  std::unique_ptr<Storage> storage_;  // once the node has been persistent
  PunchBudget punch_budget_;
  PunchLimits punch_limits_;
  std::unique_ptr<PunchSocket> punch_socket_;
  LocalAddresses local_addresses_;
  RelayConnections relay_connections_;
  ClientRelays client_relays_;
  std::uint64_t last_stamp_ = 0;
  std::vector<Server*> servers_;
  std::map<crypto::PublicKey, std::vector<Address>> relay_cache_;
  std::vector<std::function<void()>> on_bootstrapped_;
  Task bootstrapped_task_;
  std::optional<Address> last_remote_address_;
  std::vector<PeerSocket*> sockets_;  // in the order in which they were made
};

}  // namespace hsfwd::hyperdht
