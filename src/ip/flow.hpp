// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ip/packet.hpp"

namespace hsfwd::ip {

/// A number for what a packet belongs to: the same for all packets of a connection in one direction, spread evenly
/// over those of others by `secret`, which who makes the packets does not know. All fragments between two hosts have one.
std::uint64_t flow_number(const Packet& packet, std::uint64_t secret);

}  // namespace hsfwd::ip
