// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/relay_node.hpp"

#include <algorithm>
#include <functional>
#include <memory>

#include "hyperdht/dht.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kIdleSweepInterval = 10_s;
// A connection without a pair; peers ask for one at once and leave when it has ended.
constexpr Duration kIdleExpiry = 60_s;
// Connections, each of which costs its peer nothing but a handshake. Two for each pair that may
// forward, and as many that wait.
constexpr std::size_t kConnectionsPerPair = 4;
}  // namespace

RelayNode::RelayNode(Dht& dht, RelayOptions options)
    : dht_(dht),
      relay_(
          dht.env().scheduler,
          [&dht](udx::RelayLegObserver& observer) { return dht.mux().create_leg(observer); },
          [&dht](net::UdpSocket& socket) { return dht.endpoint().hold(socket); }, options.limits),
      server_(dht.create_server(
          {.allow = std::move(options.allow)},
          [this](std::unique_ptr<PeerSocket> socket) { accept(std::move(socket)); })),
      sweep_timer_(dht.env().scheduler, [this] { sweep(); }) {}

RelayNode::~RelayNode() {
  // Maybe from inside one of its callbacks.
  dht_.env().scheduler.retire(std::move(server_));
  for (Connection& connection : connections_) connection.session.reset();
  connections_.clear();
}

Result<void> RelayNode::listen(const crypto::KeyPair& keys,
                               std::function<void(std::size_t)> on_announced) {
  return server_->listen(keys, std::move(on_announced));
}

void RelayNode::close(std::function<void()> done) {
  for (Connection& connection : connections_) {
    connection.session.reset();
    connection.mux->end();
  }
  server_->close(std::move(done));
}

void RelayNode::accept(std::unique_ptr<PeerSocket> socket) {
  const crypto::PublicKey peer = socket->remote_key();
  const net::Ipv4 host = socket->remote_address().host;
  if (!may_connect(peer, host)) return;
  Connection& connection = connections_.emplace_back();
  connection.peer = peer;
  connection.host = host;
  connection.mux =
      std::make_unique<MuxSocket>(std::move(socket), [this, &connection] { drop(connection); });
  connection.session = std::make_unique<RelaySession>(relay_, connection.mux->mux(), peer, host,
                                                      [&connection] { connection.mux->end(); });
  if (!sweep_timer_.armed()) sweep_timer_.start(kIdleSweepInterval);
}

/// In all, of a key, and of a host, as with pairs.
bool RelayNode::may_connect(const crypto::PublicKey& peer, net::Ipv4 host) const {
  const RelayLimits& limits = relay_.limits();
  if (connections_.size() >= limits.max_pairs * kConnectionsPerPair) return false;
  std::size_t of_key = 0;
  std::size_t of_host = 0;
  for (const Connection& connection : connections_) {
    if (connection.peer == peer) ++of_key;
    if (connection.host == host) ++of_host;
  }
  return of_key < limits.max_sides_of_key &&
         of_host < limits.max_sides_of_host(host) * kConnectionsPerPair / 2;
}

/// From inside the connection's own event.
void RelayNode::drop(Connection& connection) {
  const auto at = std::find_if(connections_.begin(), connections_.end(),
                               [&](const Connection& other) { return &other == &connection; });
  Scheduler& scheduler = dht_.env().scheduler;
  scheduler.retire(std::move(connection.session));
  scheduler.delete_later(std::move(connection.mux));
  connections_.erase(at);
}

void RelayNode::sweep() {
  const Instant now = dht_.env().now();
  for (Connection& connection : connections_) {
    const RelaySession* session = connection.session.get();
    const bool idle =
        session == nullptr || (session->pairs() == 0 && now - session->idle_since() >= kIdleExpiry);
    if (idle) connection.mux->end();
  }
  if (!connections_.empty()) sweep_timer_.start(kIdleSweepInterval);
}

}  // namespace hsfwd::hyperdht
