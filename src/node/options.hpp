// SPDX-License-Identifier: Apache-2.0
// What nodes, connections, servers and relays are told when they are made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "hyperdht/relay/relay_limits.hpp"
#include "hyperdht/server/client_relay_policy.hpp"
#include "hyperdht/server/reachability.hpp"
#include "node/attempt.hpp"
#include "node/peer_info.hpp"
#include "rpc/bootstrap_node.hpp"

namespace hsfwd {

using hyperdht::ClientRelayPolicy;
using hyperdht::Reachability;
using hyperdht::RelayLimits;
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
  /// For the first node of a network: its public address. Port 0: that which it is bound to.
  std::optional<net::Address> own_address;
  std::vector<net::Address> known_nodes;         // from an earlier run
  Duration keepalive = Duration::seconds(5);     // of connections; 0: none
  std::size_t receive_window = 4 * 1024 * 1024;  // bytes a connection may hold unread
  /// Bytes that all connections together may hold unread and unsent. Windows shrink as they fill.
  /// At least 32 MiB.
  std::size_t max_buffered = 256 * 1024 * 1024;
  /// How long a peer that has gone silent is waited for, with the streams of its session; 0: no longer than it takes to
  /// notice.
  Duration session_patience = Duration::seconds(300);
  /// Blind relays for connections that find no direct path, or until they find one. For those of this
  /// node's servers, and to peers that name none themselves.
  std::vector<PublicKey> relay_through;
};

struct ConnectOptions {
  /// The identity to connect with; the node's if unset.
  std::optional<KeyPair> key_pair;
  /// Introducers to ask before the DHT is; those of earlier connections if empty.
  std::vector<net::Address> introducers;
  /// The shortcut on the same network may be taken.
  bool local_connection = true;
  bool holepunch = true;
  /// What an hsfwd peer is told beside the keys, such as the wanted service. Plain ones ignore it.
  std::optional<Extension> extension;
  /// All that connect to the peer share one connection, if that has sessions, and keep it when it moves to another
  /// path. Needs a block that wants a service or packets; there are no messages beside such a stream.
  bool session = false;
  /// Only asks: a plain peer, which would take who asks for a client of its service, is left at its answer, with
  /// ConnectError::kPlainPeer. Not always: it may have a connection by then, and that opens.
  bool leave_plain = false;
  /// Blind relays, one of which carries the connection until, or unless, there is a direct path; the
  /// server's wish comes first. The node's if empty.
  std::vector<PublicKey> relay_through;
  /// The course of the attempt.
  AttemptSink timeline;
};

/// A client that asks to be let in.
struct Visitor {
  PublicKey key;                                      // authenticated
  net::Address address;                               // as its introducer sees it
  std::optional<Extension> extension = std::nullopt;  // what an hsfwd client says of itself
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
  std::function<ClientRelayPolicy()> client_relays;
  /// Our extension block, given the client and its own; nothing for stock behaviour.
  std::function<std::optional<Extension>(const PublicKey& client, const std::optional<Extension>&)>
      extension;
  /// Clients may open many streams over one connection, each of which is handed over as one. Needs `extension`.
  bool sessions = false;
  /// If set, the server repeatedly tests whether it can be reached, and replaces introducers through
  /// which it cannot. Called after each test.
  std::function<void(const Reachability&)> on_reachability;
};

struct RelayOptions {
  RelayLimits limits;
  /// Who may use the relay; everybody if unset.
  std::function<bool(const Visitor&)> allow;
};

}  // namespace hsfwd
