// SPDX-License-Identifier: Apache-2.0
// Bare UDP sockets on simulated hosts.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sim/host.hpp"
#include "sim/nat.hpp"

namespace hsfwd::sim {

class TestSocket final : public net::UdpObserver {
 public:
  explicit TestSocket(Host& host, std::uint16_t port = 5000) : host_(host) {
    auto bound = host.env().udp.bind({Ipv4::any(), port}, *this);
    HSFWD_CHECK(bound.ok());
    socket_ = std::move(*bound);
  }
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    for (const auto& datagram : batch) {
      last_from = datagram.from;
      heard[std::string(as_text(datagram.bytes))] = datagram.from;
    }
  }
  void send(const Address& to, std::string_view text, std::uint8_t ttl = 0) {
    socket_->send_one(to, as_bytes(text), ttl);
  }
  Address inside() const { return {host_.address(), socket_->local_address().port}; }
  bool has(const std::string& text) const { return heard.contains(text); }

  std::map<std::string, Address> heard;  // what came, and from where
  std::optional<Address> last_from;

 private:
  Host& host_;
  std::unique_ptr<net::UdpSocket> socket_;
};

}  // namespace hsfwd::sim
