// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "net/stream_factory.hpp"

namespace hsfwd::platform {

/// The ports at which somebody listens on this machine, at whatever address, as it was when it was made. To read
/// them takes as long as there are connections on the machine.
class ListeningPorts {
 public:
  ListeningPorts();
  /// Nothing can be said of others than those that are there.
  bool complete(bool udp) const { return (udp ? udp_ : tcp_).complete; }
  bool has(std::uint16_t port, bool udp) const { return (udp ? udp_ : tcp_).ports.contains(port); }

 private:
  struct Ports {
    std::set<std::uint16_t> ports;
    bool complete = false;
  };
  Ports tcp_;
  Ports udp_;
};

/// Why nobody can be listening at an address of this machine, one clause for people; empty if
/// somebody does, if that cannot be known, or if the address may be another machine's. Nobody is
/// connected to: a service need not hear of a question. `ports` of several addresses are read once, when they are needed first.
std::string why_nobody_listens(const net::StreamAddress& address,
                               std::optional<ListeningPorts>& ports);
/// It is a unix socket that this user may not connect to, or not even look for.
bool is_closed_to_user(const net::StreamAddress& address);

}  // namespace hsfwd::platform
