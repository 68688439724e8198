// SPDX-License-Identifier: Apache-2.0
// A DHT of simulated hosts without anything on top.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "rpc/node.hpp"
#include "sim/host.hpp"

namespace hsfwd::rpc {

class Member : public net::UdpObserver, public NodeHandler {
 public:
  Member(sim::Host& host, NodeOptions options)
      : host_(host), env_(host.env()), node_(env_, std::move(options), *this) {
    server_ = bind(49737);
    client_ = bind(0);
    node_.start(*server_, *client_);
  }

  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override {
    for (const auto& datagram : batch) node_.on_datagram(socket, datagram.from, datagram.bytes);
  }
  /// A question that says it comes from there.
  void hear(const net::Address& from, RequestMessage request) {
    request.to = address();
    Bytes bytes = request.encode();
    net::InboundDatagram datagram{from, bytes};
    host_.freeze();
    on_datagrams(*server_, {&datagram, 1});
    host_.schedule_wake();
  }
  bool on_request(const IncomingRequest& request) override {
    if (request.origin.command == kLargeAnswer) {
      node_.answer(request, large);
      return true;
    }
    if (request.origin.command != kEcho) return false;
    ++requests;
    if (!silent) node_.reply(request.origin, request.value);
    return true;
  }
  void on_bootstrapped() override { bootstrapped = true; }
  void on_persistent() override { ++persistent; }
  void on_ephemeral() override { ++ephemeral; }
  void on_wake_up() override { ++wake_ups; }
  void on_network_update() override {
    if (network_update) network_update();
  }

  net::Address address() const { return {host_.address(), 49737}; }
  Node& node() { return node_; }
  sim::Host& host() { return host_; }

  static constexpr CommandCode kLargeAnswer{97};
  static constexpr CommandCode kEcho{99};
  Bytes large = Bytes(1900, 7);

  bool bootstrapped = false;
  int persistent = 0;
  int ephemeral = 0;
  int wake_ups = 0;
  int requests = 0;
  bool silent = false;
  std::function<void()> network_update;

 private:
  std::unique_ptr<net::UdpSocket> bind(std::uint16_t port) {
    auto socket = env_.udp.bind({net::Ipv4::any(), port}, *this);
    HSFWD_CHECK(socket.ok());
    return std::move(*socket);
  }

  sim::Host& host_;
  net::Env env_;
  std::unique_ptr<net::UdpSocket> server_;
  std::unique_ptr<net::UdpSocket> client_;
  Node node_;
};

/// Addresses spread over the number space, the first of them the bootstrap node.
class Network {
 public:
  explicit Network(std::uint64_t seed) : world(seed) {
    NodeOptions options;
    const net::Address own{address_of(0), 49737};
    options.own_address = own;
    options.ephemeral = false;
    options.firewalled = false;
    bootstrap_.push_back({own.host.to_string(), std::nullopt, own.port});
    members.push_back(std::make_unique<Member>(world.add_host(own.host), options));
  }

  static net::Ipv4 address_of(std::size_t i) {
    return {0x34000001u + static_cast<std::uint32_t>(i) * 7919u};
  }

  NodeOptions member_options() const {
    NodeOptions options;
    options.bootstrap = bootstrap_;
    options.ephemeral = false;
    options.firewalled = false;
    return options;
  }

  Member& add(const NodeOptions& options, const sim::LinkProfile& link = {}) {
    members.push_back(
        std::make_unique<Member>(world.add_host(address_of(members.size()), link), options));
    return *members.back();
  }

  void grow_to(std::size_t size, const sim::LinkProfile& link = {}) {
    while (members.size() < size) {
      add(member_options(), link);
      // A few join at a time, as they do in the world.
      if (members.size() % 10 == 0) world.run_for(100_ms);
    }
    world.run_for(10_s);
  }

  const std::vector<BootstrapNode>& bootstrap() const { return bootstrap_; }

  sim::World world;
  std::vector<std::unique_ptr<Member>> members;

 private:
  std::vector<BootstrapNode> bootstrap_;
};

}  // namespace hsfwd::rpc
