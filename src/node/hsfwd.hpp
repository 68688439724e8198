// SPDX-License-Identifier: Apache-2.0
// The public interface of libhsfwd: listen on a key pair, connect to a public key.
//
//   hsfwd::Node node(env, {.bootstrap = hsfwd::public_bootstrap()});
//   node.start();
//   auto server = node.create_server([](hsfwd::PeerSocket socket) { ... });
//   server.listen(keys);
//   auto socket = node.connect(remote_public_key);
//
// Everything runs on one thread, that of the env's event loop. Callbacks come from that loop, never
// from inside a call into these classes. Sockets, servers and relays may be moved and destroyed at
// any time, also inside their own callbacks; destroying a socket that has not ended resets the
// connection, destroying a server takes it off the network without a goodbye (close() says one). A
// Node outlives everything it made, and is destroyed while no callback runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hyperdht/dht.hpp"
#include "hyperdht/relay_node.hpp"
#include "hyperdht/store/operations.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "net/env.hpp"

namespace hsfwd {

using crypto::KeyPair;
using crypto::PublicKey;
using crypto::Seed;
using hyperdht::ConnectError;
using hyperdht::Extension;
using hyperdht::PathKind;
using hyperdht::Reachability;
using hyperdht::RelayOptions;
using hyperdht::Visitor;
using rpc::BootstrapNode;

/// The bootstrap nodes of the public network.
std::vector<BootstrapNode> public_bootstrap();

struct Options {
  std::vector<BootstrapNode> bootstrap;
  /// Default identity of connections. Random if unset.
  std::optional<KeyPair> key_pair;
  net::Ipv4 host;              // to bind; 0.0.0.0 for all
  std::uint16_t port = 49737;  // UDP; the four after it and then any are tried
  bool any_port = true;        // false: this port or none
  /// Unset: becomes a persistent member of the DHT once it has proven stable and reachable; true:
  /// never; false: at once.
  std::optional<bool> ephemeral;
  bool firewalled = true;  // false: known to be reachable from anywhere
  /// For the first node of a network: its public address.
  std::optional<net::Address> own_address;
  std::vector<net::Address> known_nodes;         // from an earlier run
  Duration keepalive = Duration::seconds(5);     // of connections; 0: none
  std::size_t receive_window = 4 * 1024 * 1024;  // bytes a connection may hold unread
  /// Bytes that all connections together may hold unread and unsent. Windows shrink as they fill.
  /// At least 32 MiB.
  std::size_t max_buffered = 256 * 1024 * 1024;
  /// Blind relays for connections that find no direct path, or until they find one. For those of this
  /// node's servers, and to peers that name none themselves.
  std::vector<PublicKey> relay_through;
};

/// A connection to a peer, encrypted end to end.
class PeerSocket {
 public:
  explicit PeerSocket(std::unique_ptr<hyperdht::PeerSocket> socket);
  PeerSocket(PeerSocket&&) noexcept;
  PeerSocket& operator=(PeerSocket&&) noexcept;
  ~PeerSocket();

  /// The connection is open. Sockets that a server hands over already are.
  void on_open(std::function<void()> callback);
  /// Bytes from the peer, in order; valid during the call.
  void on_data(std::function<void(ByteView)> callback);
  /// The peer has finished sending. Writing is possible until end().
  void on_end(std::function<void()> callback);
  /// The connection is over. The reason is for people, and empty if both sides ended normally.
  void on_close(std::function<void(const std::string& reason)> callback);
  /// What was written has left this buffer; write more.
  void on_drain(std::function<void()> callback);

  /// Accepts everything, even before the connection is open. False: wait for on_drain first.
  bool write(ByteView bytes);
  bool write(std::string_view text) { return write(as_bytes(text)); }
  /// Ends this direction after everything that was written.
  void end();
  /// Gives up at once; the peer sees a reset.
  void reset();
  /// One message beside the stream: may be lost, duplicated or reordered, and is dropped unless the
  /// connection is open and it has at most max_message() bytes.
  void send(ByteView message);
  std::size_t max_message() const;
  void on_message(std::function<void(ByteView)> callback);
  /// Stops and resumes on_data; the peer is held back meanwhile.
  void pause();
  void resume();

  const PublicKey& remote_key() const;
  bool is_open() const;
  ConnectError error() const;
  PathKind path() const;
  /// The connection has moved to another kind of path: from a relay to a direct one.
  void on_path_changed(std::function<void()> callback);
  /// The same connection as a stream with back-pressure both ways, for pipes. This object is empty
  /// afterwards. Not from inside on_data or on_message.
  std::unique_ptr<hyperdht::PeerSocket> release();
  const hyperdht::PeerSocket& details() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

struct ServerOptions {
  /// Who may connect; everybody if unset. Others get no answer.
  std::function<bool(const Visitor&)> allow;
  /// Tell clients on the same network how to connect directly.
  bool share_local_addresses = true;
  /// Let clients connect directly through NATs. Without this and without relays, none can.
  bool holepunch = true;
  /// The node's if empty.
  std::vector<PublicKey> relay_through;
  /// Whether relays named by clients are dialled, and as whom; anonymously if unset.
  std::function<hyperdht::ClientRelayPolicy()> client_relays;
  /// Our extension block, given the client's; nothing for stock behaviour.
  std::function<std::optional<Extension>(const std::optional<Extension>&)> extension;
  /// If set, the server repeatedly tests whether it can be reached, and replaces introducers through
  /// which it cannot. Called after each test.
  std::function<void(const Reachability&)> on_reachability;
};

class Server {
 public:
  explicit Server(std::unique_ptr<hyperdht::Server> server);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  /// Called after each round of announcing, with the number of introducers that accepted it: from
  /// the first that is not 0 the server can be found.
  void on_announced(std::function<void(std::size_t relays)> callback);
  /// Errors: kRefused if the node already listens on this key.
  Result<void> listen(const KeyPair& keys);
  /// Withdraws the announcement, then calls `done`. Connections continue.
  void close(std::function<void()> done);
  const PublicKey& public_key() const;
  const hyperdht::Server& details() const { return *server_; }

 private:
  std::unique_ptr<hyperdht::Server> server_;
  std::shared_ptr<std::function<void(std::size_t)>> on_announced_;
};

class Node {
 public:
  /// What `env` refers to must outlive the node.
  Node(const net::Env& env, Options options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Binds the sockets and joins the network. Errors: kUnavailable (port, address).
  Result<void> start();
  /// Calls `then` once the node has asked around for its first peers, whether any answered or not.
  void when_ready(std::function<void()> then);
  /// Whether any other node has answered yet.
  bool online() const;
  /// The same, but also for an answer that came too late to be of use.
  bool answered() const;

  Server create_server(std::function<void(PeerSocket)> on_connection, ServerOptions options = {});
  /// Returns at once; the socket opens or closes later.
  PeerSocket connect(const PublicKey& key, hyperdht::ConnectOptions options = {});

  /// A blind relay, for peers that name its key; it carries what they cannot send each other
  /// directly. Silent until it listens.
  std::unique_ptr<hyperdht::RelayNode> create_relay(RelayOptions options = {});
  const std::vector<PublicKey>& relay_through() const { return relay_through_; }

  /// The interfaces or addresses of this machine changed.
  void on_network_change();

  const KeyPair& key_pair() const;
  hyperdht::Dht& dht() { return *dht_; }
  const hyperdht::Dht& dht() const { return *dht_; }

 private:
  std::vector<PublicKey> relay_through_;
  std::unique_ptr<hyperdht::Dht> dht_;
};

}  // namespace hsfwd
