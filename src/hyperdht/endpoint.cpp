// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/endpoint.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr int kPortTries = 5;
}

PoolSocket::PoolSocket(Endpoint& endpoint, std::unique_ptr<net::UdpSocket> socket)
    : endpoint_(endpoint), socket_(std::move(socket)) {}

PoolSocket::~PoolSocket() { endpoint_.release(*this); }

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
  auto socket = std::make_shared<PoolSocket>(*this, std::move(*bound));
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
  if (!owner || !owner->on_punch_ || from.port == 0) return;
  const auto on_punch = owner->on_punch_;
  on_punch(from);
}

}  // namespace hsfwd::hyperdht
