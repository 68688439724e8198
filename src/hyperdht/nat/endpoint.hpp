// SPDX-License-Identifier: Apache-2.0
// The sockets of a node, and which layer gets a datagram: UDX streams by their ids, punches by their
// length, the rest is dht-rpc.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <unordered_map>

#include "net/env.hpp"
#include "rpc/node.hpp"
#include "udx/mux.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

struct BindOptions {
  net::Ipv4 host;              // 0.0.0.0: all
  std::uint16_t port = 49737;  // and the four after it, then any
  bool any_port = true;        // false: this port or none
};

class Endpoint;
class PoolSocket;

/// The whole of a datagram that punches.
inline constexpr std::uint8_t kPunchDatagram[] = {0};

/// Waits for punches from hosts that it was told of.
class PunchListener {
 public:
  virtual ~PunchListener() = default;
  /// May stop listening and let go of the socket if it returns true. False: it is not for this one.
  virtual bool on_punch(PoolSocket& socket, const net::Address& from) = 0;
};

/// A socket beside the two main ones, shared by whoever uses it: a punch, then the stream that came
/// out of it. It is closed when nobody holds it any more.
class PoolSocket {
 public:
  PoolSocket(Endpoint& endpoint, std::unique_ptr<net::UdpSocket> socket, Instant now);
  ~PoolSocket();
  PoolSocket(const PoolSocket&) = delete;
  PoolSocket& operator=(const PoolSocket&) = delete;

  net::UdpSocket& socket() { return *socket_; }
  Instant opened_at() const { return opened_at_; }
  /// Punches from `host` are for that listener, among others maybe. All other punches are ignored.
  void listen(net::Ipv4 host, PunchListener& listener) { listeners_.emplace(host, &listener); }
  /// `kNeighbours` in place of a host: all of private networks.
  static constexpr net::Ipv4 kNeighbours = net::Ipv4::any();
  void unlisten(const PunchListener& listener);

 private:
  friend class Endpoint;
  Endpoint& endpoint_;
  std::unique_ptr<net::UdpSocket> socket_;
  const Instant opened_at_;
  std::unordered_multimap<net::Ipv4, PunchListener*> listeners_;
};

struct EndpointStats {
  std::uint64_t datagrams = 0;
  std::uint64_t foreign = 0;  // of no protocol this node speaks
};

class Endpoint final : public net::UdpObserver {
 public:
  Endpoint(const net::Env& env, udx::Mux& mux);
  ~Endpoint() override;

  /// Binds server and client socket. Errors: kUnavailable.
  Result<void> open(const BindOptions& options);
  bool is_open() const { return server_ != nullptr; }
  /// From now on, what is left over goes to `node`.
  void set_node(rpc::Node* node) { node_ = node; }

  net::UdpSocket& server() { return *server_; }
  const net::UdpSocket& server() const { return *server_; }
  net::UdpSocket& client() { return *client_; }
  /// A fresh socket on a random port. Errors: kUnavailable.
  Result<std::shared_ptr<PoolSocket>> acquire();
  /// The pool socket behind a datagram socket; nothing for the main ones.
  std::shared_ptr<PoolSocket> owner_of(const net::UdpSocket& socket) const;
  /// The socket itself. One of the pool stays open while this is held; the main ones do anyway.
  std::shared_ptr<net::UdpSocket> hold(net::UdpSocket& socket) const {
    return {owner_of(socket), &socket};
  }
  std::size_t pool_size() const { return pool_.size(); }
  /// A datagram to `address` would come back to one of the sockets, no NAT being asked.
  bool is_own(const net::Address& address) const;
  /// One of the sockets is bound to that port.
  bool has_port(std::uint16_t port) const;

  const EndpointStats& stats() const { return stats_; }
  void collect(MetricSink& sink) const;

  // net::UdpObserver
  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override;
  void on_writable(net::UdpSocket& socket) override { mux_.on_writable(socket); }

 private:
  friend class PoolSocket;
  void release(PoolSocket& socket);
  void dispatch(net::UdpSocket& socket, const net::InboundDatagram& datagram);
  void on_punch(net::UdpSocket& socket, const net::Address& from);
  bool is_bound_to(const net::UdpSocket& socket, const net::Address& address) const;

  net::Env env_;
  udx::Mux& mux_;
  rpc::Node* node_ = nullptr;
  net::Ipv4 host_;
  std::unique_ptr<net::UdpSocket> server_;
  std::unique_ptr<net::UdpSocket> client_;
  std::unordered_map<const net::UdpSocket*, std::weak_ptr<PoolSocket>> pool_;
  EndpointStats stats_;
};

}  // namespace hsfwd::hyperdht
