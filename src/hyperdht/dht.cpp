// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/dht.hpp"

#include <algorithm>

namespace hsfwd::hyperdht {

namespace {

constexpr std::size_t kMaxRelayCache = 512;            // peers
constexpr std::size_t kRecordBuffer = 64 * 1024 + 64;  // a full record of ours and of upstream's
constexpr std::size_t kIdleRecordBuffers = 64;

/// Of the memory for what is unread and unsent, the part for messages that no window holds: one of
/// the largest at least.
std::size_t for_large_frames(std::size_t max_buffered) {
  return std::max(max_buffered / 16, secret_stream::kMaxBody);
}

rpc::NodeOptions with_filter(rpc::NodeOptions options) {
  options.filter = is_acceptable_node;
  return options;
}

}  // namespace

std::vector<rpc::BootstrapNode> public_bootstrap() {
  std::vector<rpc::BootstrapNode> out;
  for (const char* text :
       {"88.99.3.86@node1.hyperdht.org:49737", "142.93.90.113@node2.hyperdht.org:49737",
        "138.68.147.8@node3.hyperdht.org:49737"}) {
    out.push_back(*rpc::BootstrapNode::parse(text));
  }
  return out;
}

Dht::Dht(const net::Env& env, DhtOptions options)
    : env_(env),
      options_(std::move(options)),
      record_pool_(kRecordBuffer, kIdleRecordBuffers),
      mux_(env.scheduler, env.random,
           options_.max_buffered - for_large_frames(options_.max_buffered)),
      large_frames_(env.scheduler, for_large_frames(options_.max_buffered)),
      endpoint_(env, mux_),
      node_(env, with_filter(options_.node), *this),
      router_(node_),
      routes_(endpoint_, env.scheduler),
      punch_limits_(env.random),
      local_addresses_(env),
      relay_connections_(*this),
      bootstrapped_task_(env.scheduler, [this] {
        for (const auto& then : std::exchange(on_bootstrapped_, {})) then();
      }) {
  HSFWD_CHECK(options_.max_buffered >= DhtOptions::kLeastBuffered);
}

Dht::~Dht() {
  punch_socket_.reset();
  relay_connections_.clear();
  env_.scheduler.collect();
  HSFWD_CHECK(servers_.empty() && sockets_.empty());
  routes_.clear();
  env_.scheduler.collect();
  endpoint_.set_node(nullptr);
}

Result<void> Dht::start() {
  const auto opened = endpoint_.open(options_.bind);
  if (!opened) return opened;
  endpoint_.set_node(&node_);
  node_.start(endpoint_.server(), endpoint_.client());
  return {};
}

void Dht::when_bootstrapped(std::function<void()> then) {
  on_bootstrapped_.push_back(std::move(then));
  if (bootstrapped()) bootstrapped_task_.post();
}

std::unique_ptr<PeerSocket> Dht::connect(const crypto::PublicKey& remote, ConnectOptions options) {
  const crypto::KeyPair& keys = options.key_pair ? *options.key_pair : options_.key_pair;
  auto socket = std::make_unique<PeerSocket>(*this, keys.public_key, true);
  socket->set_remote_key(remote);
  auto connector = std::make_unique<Connector>(*this, *socket, remote, std::move(options));
  Connector& started = *connector;
  socket->own_controller(std::move(connector));
  started.start();
  return socket;
}

std::unique_ptr<Server> Dht::create_server(ServerOptions options,
                                           Server::OnConnection on_connection) {
  return std::make_unique<Server>(*this, std::move(options), std::move(on_connection));
}

void Dht::on_interfaces_changed() {
  local_addresses_.invalidate();
  routes_.clear();
  const bool renew = punch_socket_ != nullptr;
  node_.doubt_address();
  if (renew) punch_socket_->renew();
  for (PeerSocket* socket : sockets_) socket->check_path("this machine's network changed");
  if (!servers_.empty()) validated_local_addresses();
  for (Server* server : servers_) server->refresh();
}

std::uint64_t Dht::next_stamp() {
  last_stamp_ = std::max(last_stamp_ + 1, env_.wall_clock.unix_millis() * 1000);
  return last_stamp_;
}

bool Dht::is_connected_at(const crypto::PublicKey& peer, const Address& address) const {
  return std::any_of(sockets_.begin(), sockets_.end(), [&](const PeerSocket* socket) {
    return socket->remote_key() == peer && socket->proven() && socket->is_open() &&
           socket->remote_address() == address;
  });
}

void Dht::doubt_other_paths(const PeerSocket& proven, const Address& now_at) {
  for (PeerSocket* socket : sockets_) {
    if (socket == &proven) continue;
    if (socket->remote_key() == proven.remote_key() && socket->remote_address() != now_at) {
      socket->check_path("the peer is at another address now");
    }
  }
}

void Dht::remove_server(Server& server) {
  std::erase(servers_, &server);
  if (servers_.empty()) env_.scheduler.retire(std::move(punch_socket_));
}

void Dht::prepare_punch_socket() {
  const bool wanted = !servers_.empty() && bootstrapped() && node_.firewalled();
  if (!wanted) env_.scheduler.retire(std::move(punch_socket_));
  if (wanted && !punch_socket_) punch_socket_ = std::make_unique<PunchSocket>(*this);
}

std::vector<Address> Dht::all_local_addresses() const {
  return local_addresses_.all(endpoint_.server().local_address());
}

std::vector<Address> Dht::validated_local_addresses() {
  return local_addresses_.validated(endpoint_.server().local_address());
}

bool Dht::is_own(const Address& address) const {
  return endpoint_.is_own(address) || node_.remote_address() == address ||
         (punch_socket_ && punch_socket_->ready() && punch_socket_->nat().was_seen_at(address));
}

PathKind Dht::path_kind_of(const Address& address) const {
  const bool local = net::is_private(address.host) && !address.host.is_loopback();
  return local ? PathKind::kLan : PathKind::kDirect;
}

std::vector<Address> Dht::relay_cache(const crypto::PublicKey& peer) const {
  const auto found = relay_cache_.find(peer);
  return found != relay_cache_.end() ? found->second : std::vector<Address>();
}

void Dht::remember_relays(const crypto::PublicKey& peer, std::vector<Address> relays) {
  if (relay_cache_.size() >= kMaxRelayCache && !relay_cache_.contains(peer)) {
    relay_cache_.erase(relay_cache_.begin());
  }
  relay_cache_[peer] = std::move(relays);
}

bool Dht::on_request(const rpc::IncomingRequest& request) {
  switch (static_cast<Command>(request.origin.command)) {
    case Command::kPeerHandshake:
      router_.on_handshake(request);
      return true;
    case Command::kPeerHolepunch:
      router_.on_holepunch(request);
      return true;
    default:
      // A node that is not persistent right now stores nothing, whatever it stored before.
      return storage_ && node_.id() && storage_->on_request(request);
  }
}

void Dht::on_bootstrapped() {
  for (Server* server : servers_) server->start_soon();
  bootstrapped_task_.post();
}

void Dht::on_persistent() {
  if (!storage_) storage_ = std::make_unique<Storage>(node_, router_);
}

void Dht::on_network_update() {
  // Another public address: relays forward to the old one.
  const auto now = node_.remote_address();
  const bool moved = std::exchange(last_remote_address_, now) != now;
  if (moved && punch_socket_) punch_socket_->renew();
  prepare_punch_socket();
  if (!moved) return;
  for (Server* server : servers_) server->refresh();
}

void Dht::on_wake_up() {
  on_interfaces_changed();
}

}  // namespace hsfwd::hyperdht
