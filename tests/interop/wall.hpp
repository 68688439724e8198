// SPDX-License-Identifier: Apache-2.0
// A firewall around the nodes of a process: a socket hears only whom it has spoken to. Closed, it lets
// nothing through either way but to and from some ports, so that others find no direct path until it is
// opened.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "net/udp.hpp"

namespace hsfwd {

class Wall final : public net::UdpFactory {
 public:
  explicit Wall(net::UdpFactory& outside) : outside_(outside) {}

  void stand() { stands_ = true; }
  void close(std::set<std::uint16_t> but_for) {
    closed_ = true;
    but_for_ = std::move(but_for);
  }
  void open() { closed_ = false; }

  Result<std::unique_ptr<net::UdpSocket>> bind(net::Address local,
                                               net::UdpObserver& observer) override {
    auto socket = std::make_unique<Socket>(*this, observer);
    auto inner = outside_.bind(local, *socket);
    if (!inner) return Err(inner.error());
    socket->inner = std::move(*inner);
    return std::unique_ptr<net::UdpSocket>(std::move(socket));
  }
  Result<std::unique_ptr<net::UdpSocket>, std::string> bind_for_programs(
      net::Address local, net::UdpObserver& observer, net::UdpLoad load) override {
    return outside_.bind_for_programs(local, observer, load);
  }

 private:
  struct Socket final : net::UdpSocket, net::UdpObserver {
    Socket(const Wall& w, net::UdpObserver& o) : wall(w), observer(o) {}

    void cancel() override { inner->cancel(); }
    net::Address local_address() const override { return inner->local_address(); }
    std::size_t path_mtu(net::Address to) const override { return inner->path_mtu(to); }

    std::size_t send(std::span<const net::OutboundDatagram> batch) override {
      if (!wall.stands_) return inner->send(batch);
      std::size_t taken = 0;
      for (const net::OutboundDatagram& datagram : batch) {
        if (wall.passes(datagram.to)) {
          spoken_to.insert(datagram.to);
          if (inner->send({&datagram, 1}) == 0) break;
        }
        ++taken;  // what is held back is lost, as the network may lose any
      }
      return taken;
    }

    void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
      if (!wall.stands_) {
        observer.on_datagrams(*this, batch);
        return;
      }
      std::vector<net::InboundDatagram> heard;
      std::copy_if(batch.begin(), batch.end(), std::back_inserter(heard),
                   [this](const auto& datagram) {
                     return wall.passes(datagram.from) && spoken_to.contains(datagram.from);
                   });
      if (!heard.empty()) observer.on_datagrams(*this, heard);
    }

    void on_writable(net::UdpSocket&) override { observer.on_writable(*this); }

    const Wall& wall;
    net::UdpObserver& observer;
    std::set<net::Address> spoken_to;
    std::unique_ptr<net::UdpSocket> inner;
  };

  bool passes(const net::Address& address) const {
    return !closed_ || but_for_.contains(address.port);
  }

  net::UdpFactory& outside_;
  bool stands_ = false;
  bool closed_ = false;
  std::set<std::uint16_t> but_for_;
};

}  // namespace hsfwd
