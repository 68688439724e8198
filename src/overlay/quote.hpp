// SPDX-License-Identifier: Apache-2.0
// Of which packet an ICMP error is.
#pragma once

#include <optional>

#include "ip/packet.hpp"

namespace hsfwd::overlay {

struct Echo {
  std::uint16_t id = 0;
  bool is_reply = false;
};
/// Of what stands behind the header of IP, which may be cut off; nothing for all but echoes.
std::optional<Echo> echo_of(std::uint8_t protocol, ByteView upper);

/// What can be read of a packet whose beginning an error quotes.
struct Quote {
  ip::Ipv6 source;
  ip::Ipv6 destination;
  std::uint8_t protocol = 0;
  /// Of TCP and UDP; of a first fragment as well.
  std::optional<ip::Packet::Ports> ports;
  std::optional<Echo> echo;
};

/// Whether it is an ICMP error; what may be one is. Of later fragments that cannot be told: they are
/// none here.
bool is_error(const ip::Packet& packet);

/// The packet that `error` is about. Nothing if it quotes none, or is of a kind that no host should
/// take from another: a redirect, a source quench (RFC 6633), one that nobody has defined.
std::optional<Quote> quote_of(const ip::Packet& error);

}  // namespace hsfwd::overlay
