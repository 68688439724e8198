// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "net/packet_tunnel.hpp"
#include "platform/loop.hpp"

namespace hsfwd::platform {

/// Interfaces of this machine, see net/packet_tunnel.hpp. `loop` outlives the factory, and all its
/// tunnels.
std::unique_ptr<net::PacketTunnelFactory> make_packet_tunnel_factory(Loop& loop);

}  // namespace hsfwd::platform
