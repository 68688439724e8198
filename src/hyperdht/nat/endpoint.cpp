// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/endpoint.hpp"

#include <algorithm>
#include <span>

#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr int kPortTries = 5;
}

PoolSocket::PoolSocket(Endpoint& endpoint, std::unique_ptr<net::UdpSocket> socket, Instant now)
    : endpoint_(endpoint), socket_(std::move(socket)), opened_at_(now) {}

PoolSocket::~PoolSocket() {
  endpoint_.release(*this);
}

void PoolSocket::unlisten(const PunchListener& listener) {
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second == &listener; });
}

Endpoint::Endpoint(const net::Env& env, udx::Mux& mux) : env_(env), mux_(mux) {}

Endpoint::~Endpoint() {
  HSFWD_CHECK(pool_.empty());
  if (server_) mux_.forget_socket(*server_);
  if (client_) mux_.forget_socket(*client_);
}

Result<void> Endpoint::open(const BindOptions& options) {
  host_ = options.host;
  const int tries = options.any_port ? kPortTries : 1;
  for (int i = 0; i < tries && !server_ && options.port != 0; ++i) {
    const auto port = static_cast<std::uint16_t>(options.port + i);
    auto socket = env_.udp.bind({host_, port}, *this);
    if (socket) server_ = std::move(*socket);
  }
  if (!server_ && (options.any_port || options.port == 0)) {
    auto socket = env_.udp.bind({host_, 0}, *this);
    if (socket) server_ = std::move(*socket);
  }
  if (!server_) return Err(Errc::kUnavailable);
  auto client = env_.udp.bind({host_, 0}, *this);
  if (!client) {
    server_.reset();
    return Err(client.error());
  }
  client_ = std::move(*client);
  return {};
}

Result<std::shared_ptr<PoolSocket>> Endpoint::acquire() {
  auto bound = env_.udp.bind({host_, 0}, *this);
  if (!bound) return Err(bound.error());
  const net::UdpSocket* key = bound->get();
  auto socket = std::make_shared<PoolSocket>(*this, std::move(*bound), env_.now());
  pool_[key] = socket;
  return socket;
}

std::shared_ptr<PoolSocket> Endpoint::owner_of(const net::UdpSocket& socket) const {
  const auto found = pool_.find(&socket);
  return found != pool_.end() ? found->second.lock() : nullptr;
}

void Endpoint::release(PoolSocket& socket) {
  mux_.forget_socket(*socket.socket_);
  if (node_ != nullptr) node_->forget_socket(*socket.socket_);
  pool_.erase(socket.socket_.get());
  env_.scheduler.retire(std::move(socket.socket_));
}

void Endpoint::on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) {
  stats_.datagrams += batch.size();
  for (const net::InboundDatagram& datagram : batch) dispatch(socket, datagram);
  mux_.end_batch();
}

void Endpoint::dispatch(net::UdpSocket& socket, const net::InboundDatagram& datagram) {
  if (mux_.on_datagram(socket, datagram)) return;
  if (datagram.bytes.size() <= 1) {
    on_punch(socket, datagram.from);
  } else if (rpc::message_kind(datagram.bytes) == rpc::MessageKind::kNone) {
    ++stats_.foreign;
  } else if (node_ != nullptr) {
    node_->on_datagram(socket, datagram.from, datagram.bytes);
  }
}

void Endpoint::on_punch(net::UdpSocket& socket, const net::Address& from) {
  // The main sockets ignore punches. Whoever listens may stop to, or let go of the socket, from
  // inside.
  const auto owner = owner_of(socket);
  if (!owner || from.port == 0 || net::is_reserved(from.host)) return;
  const auto tell = [&](net::Ipv4 host) {
    auto [at, end] = owner->listeners_.equal_range(host);
    for (; at != end; ++at) {
      if (at->second->on_punch(*owner, from)) return true;
    }
    return false;
  };
  const bool neighbour = net::is_private(from.host) && !from.host.is_loopback();
  if (!tell(from.host) && neighbour) tell(PoolSocket::kNeighbours);
}

bool Endpoint::is_bound_to(const net::UdpSocket& socket, const net::Address& address) const {
  const net::Address local = socket.local_address();
  if (local.port != address.port) return false;
  if (!local.host.is_any()) return local.host == address.host;
  if (address.host.is_any() || address.host.is_loopback()) return true;
  const auto interfaces = env_.interfaces.list();
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const net::Interface& interface) {
    return interface.host == address.host;
  });
}

bool Endpoint::has_port(std::uint16_t port) const {
  const auto is_it = [&](const net::UdpSocket& socket) {
    return socket.local_address().port == port;
  };
  return is_it(*server_) || is_it(*client_) ||
         std::any_of(pool_.begin(), pool_.end(),
                     [&](const auto& entry) { return is_it(*entry.first); });
}

bool Endpoint::is_own(const net::Address& address) const {
  return is_bound_to(*server_, address) || is_bound_to(*client_, address) ||
         std::any_of(pool_.begin(), pool_.end(),
                     [&](const auto& entry) { return is_bound_to(*entry.first, address); });
}

void Endpoint::collect(MetricSink& sink) const {
  sink.counter("hsfwd_datagrams", "Datagrams that came in", stats_.datagrams);
  sink.counter("hsfwd_foreign_datagrams", "Of these, dropped: of no protocol that is spoken here",
               stats_.foreign);
  sink.gauge("hsfwd_pool_sockets", "UDP sockets beside the two main ones", pool_.size());
}

}  // namespace hsfwd::hyperdht
