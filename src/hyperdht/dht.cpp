// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/dht.hpp"

#include <algorithm>
#include <optional>

#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

namespace {

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
      context_{{.env = env_,
                .node = node_,
                .endpoint = endpoint_,
                .router = router_,
                .addresses = addresses_,
                .punch_socket = punch_socket_,
                .mappings = mappings_,
                .punch_budget = punch_budget_,
                .punch_limits = punch_limits_,
                .stamps = stamps_,
                .outcomes = outcomes_},
               mux_,
               routes_,
               connections_,
               relay_connections_,
               record_pool_,
               large_frames_,
               options_.stream,
               options_.connection_keepalive,
               options_.connection_features},
      client_context_{context_, attempts_, searches_, relay_cache_, options_.key_pair},
      server_context_{context_, servers_, client_relays_},
      record_pool_(kRecordBuffer, kIdleRecordBuffers),
      mux_(env.scheduler, env.random,
           options_.max_buffered - for_large_frames(options_.max_buffered)),
      large_frames_(env.scheduler, for_large_frames(options_.max_buffered)),
      endpoint_(env, mux_),
      node_(env, with_filter(options_.node), *this),
      router_(node_),
      routes_(endpoint_, env.scheduler),
      punch_limits_(env.random),
      mappings_(context_),
      punch_socket_(context_),
      addresses_(env, endpoint_, node_, punch_socket_),
      stamps_(env_),
      relay_connections_(context_, *this),
      attempts_(env.scheduler),
      servers_(context_),
      bootstrapped_task_(env.scheduler, [this] {
        for (const auto& then : std::exchange(on_bootstrapped_, {})) then();
      }) {
  HSFWD_CHECK(options_.max_buffered >= DhtOptions::kLeastBuffered);
}

Dht::~Dht() {
  punch_socket_.close();
  mappings_.cancel();
  relay_connections_.clear();
  env_.scheduler.collect();
  HSFWD_CHECK(servers_.empty() && connections_.empty() && attempts_.empty());
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
  auto socket = std::make_unique<PeerSocket>(context_, keys.public_key, remote, true);
  auto attempt = std::make_unique<Connector>(client_context_, *socket, remote, std::move(options));
  socket->set_path_observer(&attempts_.start(std::move(attempt)));
  return socket;
}

std::unique_ptr<Server> Dht::create_server(ServerOptions options,
                                           Server::OnConnection on_connection) {
  return std::make_unique<Server>(server_context_, std::move(options), std::move(on_connection));
}

std::unique_ptr<PeerSocket> Dht::dial(const crypto::PublicKey& remote,
                                      std::optional<crypto::KeyPair> as) {
  return connect(remote, {.key_pair = std::move(as)});
}

void Dht::on_interfaces_changed() {
  addresses_.invalidate();
  routes_.clear();
  const bool renew = punch_socket_.get() != nullptr;
  mappings_.reset();
  node_.doubt_address();
  if (renew) punch_socket_.renew();
  connections_.check_paths("this machine's network changed");
  relay_connections_.on_interfaces_changed();
  if (!servers_.empty()) addresses_.validated_local();
  servers_.refresh();
  if (on_network_change_) on_network_change_();
}

bool Dht::on_request(const rpc::IncomingRequest& request) {
  switch (request.origin.command.as<Command>()) {
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
  servers_.start_soon();
  bootstrapped_task_.post();
}

void Dht::on_persistent() {
  if (!storage_) storage_ = std::make_unique<Storage>(node_, router_);
}

void Dht::on_network_update() {
  // Another public address: relays forward to the old one.
  const auto now = node_.remote_address();
  const bool moved = std::exchange(last_remote_address_, now) != now;
  if (moved) mappings_.reset();
  if (moved) punch_socket_.renew();
  servers_.prepare_punch_socket();
  if (moved) servers_.refresh();
}

void Dht::on_wake_up() {
  on_interfaces_changed();
}

void Dht::collect(MetricSink& sink) const {
  connections_.collect(sink);
  outcomes_.collect(sink);
  node_.collect(sink);
  endpoint_.collect(sink);
  mux_.collect(sink);
  router_.collect(sink);
  if (storage_) storage_->collect(sink);
  servers_.collect(sink);
}

}  // namespace hsfwd::hyperdht
