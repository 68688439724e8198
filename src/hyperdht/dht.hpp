// SPDX-License-Identifier: Apache-2.0
// A HyperDHT node: the layers below joined to one object that connects to keys and listens on them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/client/connector.hpp"
#include "hyperdht/client/context.hpp"
#include "hyperdht/nat/mapping_watch.hpp"
#include "hyperdht/nat/outcomes.hpp"
#include "hyperdht/nat/punch_socket.hpp"
#include "hyperdht/peer/peer_connections.hpp"
#include "hyperdht/peer/relay_connections.hpp"
#include "hyperdht/server/client_relays.hpp"
#include "hyperdht/server/context.hpp"
#include "hyperdht/server/server.hpp"
#include "hyperdht/server/servers.hpp"
#include "hyperdht/store/storage.hpp"
#include "hyperdht/wire/extension.hpp"

namespace hsfwd::hyperdht {

struct DhtOptions {
  rpc::NodeOptions node;
  BindOptions bind;
  crypto::KeyPair key_pair;  // for connections that name no other
  Duration connection_keepalive = 5_s;
  /// What they do by themselves, in bits of Extension; an earlier hsfwd had fewer.
  std::uint64_t connection_features = Extension::kOfConnections;
  /// A connection that nobody reads holds a sixteenth of the whole window.
  udx::StreamOptions stream{.first_window = 256 * 1024};
  /// What all connections together hold unread and unsent, in bytes, but for the floors of
  /// udx::Budget. From kLeastBuffered on.
  std::size_t max_buffered = udx::Budget::kDefaultLimit;
  static constexpr std::size_t kLeastBuffered = 32 * 1024 * 1024;
};

/// The bootstrap nodes of the public network.
std::vector<rpc::BootstrapNode> public_bootstrap();

class Dht final : private rpc::NodeHandler, private PeerDialer {
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

  /// Called after on_interfaces_changed(), and after the host has slept.
  void set_on_network_change(std::function<void()> on_network_change) {
    on_network_change_ = std::move(on_network_change);
  }

  /// Any node has answered since the start.
  bool heard_of_network() const { return node_.has_been_answered(); }

  // --- The parts ---
  const PeerContext& context() const { return context_; }
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
  StampClock& stamps() { return stamps_; }
  RelayConnections& relay_connections() { return relay_connections_; }
  PunchBudget& punch_budget() { return punch_budget_; }
  /// From which servers punch; nothing while none of them needs one.
  const PunchSocket* punch_socket() const { return punch_socket_.get(); }
  BufferPool& record_pool() { return record_pool_; }
  LargeFrames& large_frames() { return large_frames_; }
  std::size_t open_sockets() const { return connections_.size(); }

  /// All that this node counts.
  void collect(MetricSink& sink) const;

 private:
  // rpc::NodeHandler
  bool on_request(const rpc::IncomingRequest& request) override;
  void on_bootstrapped() override;
  void on_persistent() override;
  void on_network_update() override;
  void on_wake_up() override;

  // PeerDialer
  std::unique_ptr<PeerSocket> dial(const crypto::PublicKey& remote,
                                   std::optional<crypto::KeyPair> as) override;

  net::Env env_;
  const DhtOptions options_;
  // Refer to what stands below.
  const PeerContext context_;
  const ClientContext client_context_;
  const ServerContext server_context_;
  BufferPool record_pool_;
  udx::Mux mux_;
  LargeFrames large_frames_;
  Endpoint endpoint_;
  rpc::Node node_;
  Router router_;
  Routes routes_;
  std::unique_ptr<Storage> storage_;  // once the node has been persistent
  PunchBudget punch_budget_;
  PunchLimits punch_limits_;
  MappingWatch mappings_;
  SharedPunchSocket punch_socket_;
  OwnAddresses addresses_;
  StampClock stamps_;
  Outcomes outcomes_;
  PeerConnections connections_;
  RelayConnections relay_connections_;
  Attempts attempts_;
  Searches searches_;
  RelayCache relay_cache_;
  Servers servers_;
  ClientRelays client_relays_;
  std::vector<std::function<void()>> on_bootstrapped_;
  Task bootstrapped_task_;
  std::optional<Address> last_remote_address_;
  std::function<void()> on_network_change_;
};

}  // namespace hsfwd::hyperdht
