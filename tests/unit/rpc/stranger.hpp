// SPDX-License-Identifier: Apache-2.0
// Somebody who speaks the protocol by hand, and under any name: what he gets is written down.
#pragma once

#include "network.hpp"

namespace hsfwd::rpc {

class Stranger final : public net::UdpObserver {
 public:
  Stranger(sim::World& world, net::Ipv4 host)
      : world_(world), host_(world.add_host(host)), socket_(bind(4000)) {}

  net::Address address() const { return {host_.address(), 4000}; }
  net::UdpSocket& socket() { return *socket_; }

  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    for (const auto& datagram : batch) {
      got_bytes += datagram.bytes.size() + kUdpOverhead;
      got.push_back({datagram.from, to_bytes(datagram.bytes)});
    }
  }

  /// Returns what it cost, headers included.
  std::size_t ask(const net::Address& to, RequestMessage request) {
    request.to = to;
    if (request.tid == 0) request.tid = ++tid_;
    const Bytes bytes = request.encode();
    host_.freeze();
    send_message(*socket_, to, bytes);
    host_.schedule_wake();
    return bytes.size() + kUdpOverhead;
  }
  void answer_ping(const net::Address& to, std::uint16_t tid) {
    ResponseMessage pong;
    pong.tid = tid;
    pong.to = to;
    host_.freeze();
    send_message(*socket_, to, pong.encode());
    host_.schedule_wake();
  }

  std::vector<RequestMessage> requests() const {
    std::vector<RequestMessage> out;
    for (const Datagram& datagram : got) {
      if (const auto request = decode_request(datagram.bytes)) out.push_back(*request);
    }
    return out;
  }
  std::vector<ResponseMessage> responses() const {
    std::vector<ResponseMessage> out;
    for (const Datagram& datagram : got) {
      if (const auto response = decode_response(datagram.bytes)) out.push_back(*response);
    }
    return out;
  }
  void forget() {
    got.clear();
    got_bytes = 0;
  }

  struct Datagram {
    net::Address from;
    Bytes bytes;
  };
  std::vector<Datagram> got;
  std::size_t got_bytes = 0;

 private:
  std::unique_ptr<net::UdpSocket> bind(std::uint16_t port) {
    auto socket = host_.bind({net::Ipv4::any(), port}, *this);
    HSFWD_CHECK(socket.ok());
    return std::move(*socket);
  }

  sim::World& world_;
  sim::Host& host_;
  std::unique_ptr<net::UdpSocket> socket_;
  std::uint16_t tid_ = 0;
};

}  // namespace hsfwd::rpc
