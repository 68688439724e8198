// SPDX-License-Identifier: Apache-2.0
// Somebody in a simulated DHT who has as many sockets on a host as wanted, and says what a test
// wants.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "rpc/message.hpp"
#include "sim/host.hpp"

namespace hsfwd::rpc {

/// The ports of a host whose ids are closest to a target.
inline std::vector<std::uint16_t> ports_next_to(const Target& target, net::Ipv4 host,
                                                std::size_t count) {
  std::vector<std::pair<NodeId, std::uint16_t>> ids;
  for (std::uint32_t port = 1024; port < 65536; ++port) {
    const auto number = static_cast<std::uint16_t>(port);
    ids.emplace_back(node_id_of({host, number}), number);
  }
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&](const auto& a, const auto& b) { return closer(target, a.first, b.first); });
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(ids[i].second);
  return out;
}

class Hostile final : public net::UdpObserver {
 public:
  struct Question {
    net::UdpSocket& socket;
    net::Address self;
    net::Address from;
    const RequestMessage& request;

    /// As a member would answer.
    ResponseMessage answer() const {
      return {.tid = request.tid, .to = from, .id = node_id_of(self)};
    }
    void send(const ResponseMessage& message) const { socket.send_one(from, message.encode()); }
  };
  using OnQuestion = std::function<void(const Question&)>;

  Hostile(sim::Host& host, const std::vector<std::uint16_t>& ports, OnQuestion on_question)
      : host_(host), on_question_(std::move(on_question)) {
    for (const std::uint16_t port : ports) {
      sockets_.push_back(*host.env().udp.bind({net::Ipv4::any(), port}, *this));
    }
  }

  net::Address address(std::size_t i = 0) const {
    return {host_.address(), sockets_[i]->local_address().port};
  }
  std::vector<net::Address> addresses() const {
    std::vector<net::Address> out;
    for (std::size_t i = 0; i < sockets_.size(); ++i) out.push_back(address(i));
    return out;
  }
  net::UdpSocket& socket(std::size_t i = 0) { return *sockets_[i]; }
  sim::Host& host() { return host_; }

  /// A ping from each socket, as members send them, that says where the other one is.
  void ping(const net::Address& node, const net::Address& claim) {
    host_.freeze();
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      const RequestMessage message{.tid = static_cast<std::uint16_t>(i),
                                   .to = claim,
                                   .id = node_id_of(address(i)),
                                   .command = InternalCommand::kPing};
      sockets_[i]->send_one(node, message.encode());
    }
  }
  void ping(const net::Address& node) { ping(node, node); }

  int asked = 0;

 private:
  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override {
    for (const net::InboundDatagram& datagram : batch) {
      const auto request = decode_request(datagram.bytes);
      if (!request) continue;
      ++asked;
      const net::Address self{host_.address(), socket.local_address().port};
      on_question_({socket, self, datagram.from, *request});
    }
  }

  sim::Host& host_;
  OnQuestion on_question_;
  std::vector<std::unique_ptr<net::UdpSocket>> sockets_;
};

}  // namespace hsfwd::rpc
