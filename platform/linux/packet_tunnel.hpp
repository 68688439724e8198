// SPDX-License-Identifier: Apache-2.0
// A TUN interface on the loop, whose network need not be the one that the process is in.
#pragma once

#include <memory>
#include <string>

#include "net/packet_tunnel.hpp"
#include "platform/loop.hpp"
#include "platform/unique_fd.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

/// What a tunnel is made of. Each is of the network of whoever has opened it, wherever it is used:
/// who has the rights there (the owner of its user namespace has) makes the interface and sets it up
/// from outside.
struct TunnelParts {
  UniqueFd device;   // TunDevice::open_descriptor
  UniqueFd netlink;  // open_netlink_socket
  UniqueFd news;     // open_link_news
};

/// In the network of the calling process. The error is one line for people.
Result<TunnelParts, std::string> open_tunnel_parts();

/// See net::PacketTunnelFactory::open. A firewall mark is the loop's datagrams' as well: for a tunnel of the network
/// that they go out to.
Result<std::unique_ptr<net::PacketTunnel>, net::TunnelError> make_packet_tunnel(
    Loop& loop, TunnelParts parts, const net::TunnelSettings& settings,
    net::PacketTunnelObserver& observer);

}  // namespace hsfwd::platform
