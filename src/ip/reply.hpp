// SPDX-License-Identifier: Apache-2.0
// What the host that a packet goes to says to its sender, from the address that it went to. Empty if there is
// nothing to be said: to a piece of a packet, to or from what is no single host. Checksums of
// what is answered are not verified.
#pragma once

#include "ip/packet.hpp"

namespace hsfwd::ip {

/// `payload` to the port that a datagram came from. Empty for port 0, which wants no answer (RFC 768).
MutableBytes udp_reply(const Packet& about, ByteView payload, MutableBytes room);

/// That there is no such connection (RFC 9293, section 3.10.7.1). Empty for a reset.
MutableBytes tcp_reset(const Packet& about, MutableBytes room);

/// To an echo request. Empty if it is larger than `room`.
MutableBytes echo_reply(const Packet& about, MutableBytes room);

}  // namespace hsfwd::ip
