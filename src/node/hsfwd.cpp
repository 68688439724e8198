// SPDX-License-Identifier: Apache-2.0
#include "node/hsfwd.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "crypto/crypto.hpp"
#include "hyperdht/dht.hpp"
#include "hyperdht/relay_node.hpp"
#include "node/client_sessions.hpp"
#include "node/internals.hpp"
#include "node/server_sessions.hpp"
#include "node/session_record.hpp"
#include "util/metrics.hpp"

namespace hsfwd {

namespace {

/// Users see of a visitor what they decide by.
std::function<bool(const hyperdht::Visitor&)> translated(
    std::function<bool(const Visitor&)> allow) {
  if (!allow) return nullptr;
  return [allow = std::move(allow)](const hyperdht::Visitor& visitor) {
    return allow({visitor.key, visitor.address, visitor.payload.extension});
  };
}

hyperdht::DhtOptions dht_options(const net::Env& env, Options options) {
  hyperdht::DhtOptions out;
  out.node.bootstrap = std::move(options.bootstrap);
  out.node.nodes = std::move(options.known_nodes);
  out.node.ephemeral = options.ephemeral;
  out.node.firewalled = options.firewalled;
  if (options.own_address && options.own_address->port != 0) {
    out.node.own_address = options.own_address;
  }
  out.bind = {.host = options.host, .port = options.port, .any_port = options.any_port};
  out.key_pair = options.key_pair ? *options.key_pair : KeyPair::generate(env.random);
  out.connection_keepalive = options.keepalive;
  out.stream.receive_window = options.receive_window;
  out.max_buffered = std::max(options.max_buffered, hyperdht::DhtOptions::kLeastBuffered);
  return out;
}

/// As long as nothing punches, the node knows its NAT from what other nodes say of its address.
Firewall nat_of(const rpc::Node& node) {
  if (!node.firewalled()) return Firewall::kOpen;
  if (!node.sampler().host()) return Firewall::kUnknown;
  return node.sampler().randomized() ? Firewall::kRandom : Firewall::kConsistent;
}

std::optional<net::Address> seen_as(const rpc::Node& node) {
  if (const auto remote = node.remote_address()) return remote;
  const auto& sampler = node.sampler();
  if (!sampler.host()) return std::nullopt;
  return net::Address{*sampler.host(), sampler.port()};
}

}  // namespace

std::vector<BootstrapNode> public_bootstrap() {
  return hyperdht::public_bootstrap();
}

// --- Server ---

class Server::Impl {
 public:
  Impl(hyperdht::Dht& dht, hyperdht::ServerOptions options,
       std::function<void(PeerSocket)> on_connection, std::unique_ptr<ServerSessions> s)
      : sessions(std::move(s)),
        server(dht.create_server(
            std::move(options), [this, on_connection = std::move(on_connection)](
                                    std::unique_ptr<hyperdht::PeerSocket> socket) {
              if (sessions && sessions->take(socket)) return;
              Scheduler& scheduler = socket->scheduler();
              on_connection(PeerSocket(scheduler, make_stream(std::move(socket))));
            })) {}
  void cancel() {
    server->cancel();
    if (sessions) sessions->cancel();
  }

  const std::unique_ptr<ServerSessions> sessions;  // where they are wanted
  const std::unique_ptr<hyperdht::Server> server;
  std::function<void(std::size_t)> on_announced;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  Server old(std::move(*this));
  impl_ = std::move(other.impl_);
  return *this;
}

Server::~Server() {
  if (!impl_) return;
  // May be called from inside one of its callbacks.
  Scheduler& scheduler = impl_->server->scheduler();
  scheduler.retire(std::move(impl_));
}

void Server::on_announced(std::function<void(std::size_t)> callback) {
  impl_->on_announced = std::move(callback);
}

Result<void> Server::listen(const KeyPair& keys) {
  return impl_->server->listen(keys, [impl = impl_.get()](std::size_t introducers) {
    if (impl->on_announced) impl->on_announced(introducers);
  });
}

void Server::close(std::function<void()> done) {
  impl_->server->close(std::move(done));
}

const PublicKey& Server::public_key() const {
  return impl_->server->public_key();
}

std::vector<net::Address> Server::introducers() const {
  std::vector<net::Address> out;
  const hyperdht::Announcer* announcer = impl_->server->announcer();
  if (announcer == nullptr) return out;
  for (const hyperdht::RelayInfo& relay : announcer->relays()) out.push_back(relay.relay_address);
  return out;
}

// --- RelayNode ---

struct RelayNode::Impl {
  Impl(hyperdht::Dht& dht, hyperdht::RelayOptions options) : relay(dht, std::move(options)) {}
  hyperdht::RelayNode relay;
};

RelayNode::RelayNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RelayNode::~RelayNode() = default;

Result<void> RelayNode::listen(const KeyPair& keys, std::function<void(std::size_t)> on_announced) {
  return impl_->relay.listen(keys, std::move(on_announced));
}

void RelayNode::close(std::function<void()> done) {
  impl_->relay.close(std::move(done));
}

const PublicKey& RelayNode::public_key() const {
  return impl_->relay.public_key();
}

RelayNode::Status RelayNode::status() const {
  const hyperdht::RelayServer& relay = impl_->relay.relay();
  return {.pairs = relay.active(),
          .pairs_so_far = relay.stats().pairings_matched,
          .bytes_forwarded = relay.stats().bytes_forwarded,
          .refused = relay.stats().pairings_refused};
}

void RelayNode::collect(MetricSink& sink) const {
  impl_->relay.relay().collect(sink);
}

// --- Node ---

struct Node::Impl {
  Impl(const net::Env& env, Options options)
      : relay_through(options.relay_through),
        own_address(options.own_address),
        patience(options.session_patience),
        dht(env, dht_options(env, std::move(options))),
        sessions(dht, records, patience) {
    dht.set_on_network_change([this] { sessions.on_network_change(); });
  }

  const std::vector<PublicKey> relay_through;
  const std::optional<net::Address> own_address;
  const Duration patience;
  SessionRecords records;
  hyperdht::Dht dht;
  ClientSessions sessions;
};

hyperdht::Dht& Internals::dht(Node& node) {
  return node.impl_->dht;
}
const hyperdht::Dht& Internals::dht(const Node& node) {
  return node.impl_->dht;
}

Node::Node(const net::Env& env, Options options) {
  crypto::initialize();
  impl_ = std::make_unique<Impl>(env, std::move(options));
}

Node::~Node() = default;

Result<void> Node::start() {
  const auto started = impl_->dht.start();
  const auto& own = impl_->own_address;
  if (started && own && own->port == 0) {
    const std::uint16_t port = impl_->dht.endpoint().server().local_address().port;
    impl_->dht.node().force_persistent({own->host, port});
  }
  return started;
}

void Node::when_ready(std::function<void()> then) {
  impl_->dht.when_bootstrapped(std::move(then));
}

bool Node::online() const {
  return impl_->dht.heard_of_network();
}

bool Node::answered() const {
  return online() || impl_->dht.node().call_stats().stray_responses > 0;
}

Server Node::create_server(std::function<void(PeerSocket)> on_connection, ServerOptions options) {
  Scheduler& scheduler = impl_->dht.env().scheduler;
  std::unique_ptr<ServerSessions> sessions;
  if (options.sessions && options.extension) {
    sessions = std::make_unique<ServerSessions>(
        scheduler, impl_->records, impl_->patience,
        ServerSessions::Callbacks{
            .allow = options.allow,
            .extension = options.extension,
            .on_stream = [&scheduler, on_connection](std::unique_ptr<PeerStream> stream) {
              on_connection(PeerSocket(scheduler, std::move(stream)));
            }});
    options.extension = [sessions = sessions.get()](const PublicKey& client,
                                                    const std::optional<Extension>& block) {
      return sessions->answer(client, block);
    };
  }
  hyperdht::ServerOptions out;
  out.allow = translated(std::move(options.allow));
  out.share_local_addresses = options.share_local_addresses;
  out.extension = std::move(options.extension);
  out.client_relays = std::move(options.client_relays);
  out.holepunch = options.holepunch;
  if (options.relay_through.empty()) options.relay_through = impl_->relay_through;
  out.relay_through = std::move(options.relay_through);
  out.on_reachability = std::move(options.on_reachability);
  return Server(std::make_unique<Server::Impl>(impl_->dht, std::move(out), std::move(on_connection),
                                               std::move(sessions)));
}

PeerSocket Node::connect(const PublicKey& key, ConnectOptions options) {
  return PeerSocket(impl_->dht.env().scheduler, connect_stream(key, std::move(options)));
}

std::unique_ptr<PeerStream> Node::connect_stream(const PublicKey& key, ConnectOptions options) {
  hyperdht::ConnectOptions out;
  out.key_pair = std::move(options.key_pair);
  out.relay_addresses = std::move(options.introducers);
  out.local_connection = options.local_connection;
  out.holepunch = options.holepunch;
  out.extension = std::move(options.extension);
  out.leave_plain = options.leave_plain;
  if (options.relay_through.empty()) options.relay_through = impl_->relay_through;
  out.relay_through = std::move(options.relay_through);
  out.timeline = std::move(options.timeline);
  const bool shared = options.session && out.extension &&
                      (out.extension->wants_service() || out.extension->wants_packets());
  if (shared) return impl_->sessions.connect(key, std::move(out));
  return make_stream(impl_->dht.connect(key, std::move(out)));
}

std::unique_ptr<RelayNode> Node::create_relay(RelayOptions options) {
  hyperdht::RelayOptions out{.limits = options.limits,
                             .allow = translated(std::move(options.allow))};
  return std::unique_ptr<RelayNode>(
      new RelayNode(std::make_unique<RelayNode::Impl>(impl_->dht, std::move(out))));
}

bool Node::has_port(std::uint16_t port) const {
  return impl_->dht.endpoint().is_open() && impl_->dht.endpoint().has_port(port);
}

void Node::on_network_change() {
  impl_->dht.on_interfaces_changed();
}

const KeyPair& Node::key_pair() const {
  return impl_->dht.options().key_pair;
}

NodeStatus Node::status() const {
  hyperdht::Dht& dht = impl_->dht;
  rpc::Node& node = dht.node();
  return {.online = online() && node.health().online(),
          .heard_at = node.calls().heard_at(),
          .persistent = !node.ephemeral(),
          .firewalled = node.firewalled(),
          .nat = nat_of(node),
          .local = dht.endpoint().server().local_address(),
          .seen_as = seen_as(node),
          .reachable_as = node.remote_address(),
          .connections = dht.open_sockets()};
}

std::vector<SessionInfo> Node::sessions() const {
  return impl_->records.list();
}

void Node::collect(MetricSink& sink) const {
  impl_->dht.collect(sink);
  sink.gauge("hsfwd_sessions", "Sessions with peers that this node has begun",
             impl_->sessions.size());
}

std::vector<net::Address> Node::known_nodes(std::size_t most) const {
  return impl_->dht.node().known_nodes(most);
}

Duration Node::owed_for() const {
  return impl_->dht.mux().owed_for();
}

}  // namespace hsfwd
