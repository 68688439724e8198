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

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/env.hpp"
#include "node/attempt.hpp"
#include "node/keys.hpp"
#include "node/options.hpp"
#include "node/peer_info.hpp"
#include "node/peer_stream.hpp"
#include "node/session_info.hpp"
#include "node/status.hpp"
#include "util/metrics.hpp"
#include "util/result.hpp"

namespace hsfwd {

/// A connection to a peer, encrypted end to end.
class PeerSocket {
 public:
  PeerSocket(Scheduler& scheduler, std::unique_ptr<PeerStream> stream);
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
  PeerInfo info() const;
  /// The connection has moved to another kind of path: from a relay to a direct one.
  void on_path_changed(std::function<void()> callback);
  /// The same connection as a stream with back-pressure both ways, for pipes. This object is empty
  /// afterwards. Not from inside on_data or on_message.
  std::unique_ptr<PeerStream> release();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

class Server {
 public:
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
  /// The introducers that accepted the last announcement.
  std::vector<net::Address> introducers() const;

 private:
  friend class Node;
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A blind relay, for peers that name its key: it carries what they cannot send each other directly,
/// and cannot read. Silent until it listens.
class RelayNode {
 public:
  ~RelayNode();
  RelayNode(const RelayNode&) = delete;
  RelayNode& operator=(const RelayNode&) = delete;

  struct Status {
    std::size_t pairs = 0;  // carried now
    std::uint64_t pairs_so_far = 0;
    std::uint64_t bytes_forwarded = 0;
    std::uint64_t refused = 0;  // for a limit
  };

  /// As Server::listen. `on_announced` is called as that of Server::on_announced().
  Result<void> listen(const KeyPair& keys, std::function<void(std::size_t relays)> on_announced);
  /// Takes the announcement back and ends all connections, then calls `done`.
  void close(std::function<void()> done);
  const PublicKey& public_key() const;
  Status status() const;
  void collect(MetricSink& sink) const;

 private:
  friend class Node;
  struct Impl;
  explicit RelayNode(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
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
  PeerSocket connect(const PublicKey& key, ConnectOptions options = {});
  /// The same as a stream, for pipes. Set its observer at once.
  std::unique_ptr<PeerStream> connect_stream(const PublicKey& key, ConnectOptions options = {});

  std::unique_ptr<RelayNode> create_relay(RelayOptions options = {});

  /// One of its sockets is bound to that UDP port.
  bool has_port(std::uint16_t port) const;

  /// The interfaces or addresses of this machine changed.
  void on_network_change();

  const KeyPair& key_pair() const;
  NodeStatus status() const;
  /// The sessions with peers at the moment, those that nobody uses among them, from the oldest on.
  std::vector<SessionInfo> sessions() const;
  /// Up to `most` other nodes that have answered, for Options::known_nodes of a later run.
  std::vector<net::Address> known_nodes(std::size_t most) const;
  /// All that the node and its servers count; docs/metrics.md lists it.
  void collect(MetricSink& sink) const;
  /// How much longer the node should stay, so that a peer whose last acknowledgement got lost can
  /// ask again.
  Duration owed_for() const;

 private:
  friend struct Internals;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hsfwd
