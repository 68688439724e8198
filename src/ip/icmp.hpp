// SPDX-License-Identifier: Apache-2.0
// What a router says to the sender of a packet that it does not pass on (RFC 792, RFC 4443).
//
// Nothing is said of what must not be answered, so that no answer is answered, and none goes to many (RFC 1122,
// section 3.2.2; RFC 4443, section 2.4e): ICMP errors, what went to a group or came from what is no host, and
// later fragments of IPv4. How often something is said is up to the caller, who has to limit it (RFC 4443,
// section 2.4f).
#pragma once

#include "ip/packet.hpp"

namespace hsfwd::ip {

/// Bytes of the largest answer: the smallest packet that every IPv6 link carries.
inline constexpr std::size_t kMaxIcmpSize = 1280;

enum class Unreachable {
  kNoRoute,     // nobody has this address
  kProhibited,  // somebody has, and does not want it
  kPort,        // nobody there listens at the port
};

/// Neither this host, nor several: an answer may go to it.
bool is_single_host(const Ipv6& host);

/// The answer to `packet`, from `from`, which is of the same family, in `room` of kMaxIcmpSize bytes. Empty if there is
/// none to be given.
MutableBytes unreachable(const Packet& packet, Unreachable reason, const Ipv6& from,
                         MutableBytes room);

/// The same for a packet larger than `mtu` bytes. Empty also for an IPv4 packet that routers may cut.
MutableBytes packet_too_big(const Packet& packet, std::size_t mtu, const Ipv6& from,
                            MutableBytes room);

}  // namespace hsfwd::ip
