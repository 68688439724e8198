// SPDX-License-Identifier: Apache-2.0
// Packets between a peer and this host, for tests of what may come in.
#pragma once

#include <algorithm>
#include <vector>

#include "crypto/keys.hpp"
#include "ip/address.hpp"
#include "unit/ip/packets.hpp"

namespace hsfwd::overlay_test {

// Last bytes of addresses; that of this host is the one that ip_test::Fields has as destination.
inline constexpr std::uint8_t kPeerHost = 1;
inline constexpr std::uint8_t kOtherHost = 2;

inline const crypto::PublicKey kPeer = crypto::PublicKey::from(Bytes(32, 0x11));
inline const crypto::PublicKey kOther = crypto::PublicKey::from(Bytes(32, 0x22));

inline ip::Prefix single(bool v6, std::uint8_t host) {
  ip::Ipv6 address = ip::Ipv6::mapped(0x0a000000u | host);
  if (v6) {
    address = {};
    address.bytes[0] = 0xfd;
    address.bytes[15] = host;
  }
  return ip::Prefix::around(address, 128);
}

/// The packet as this host sends it: addresses and ports the other way round.
inline Bytes mirrored(Bytes packet, bool v6) {
  const std::size_t at = v6 ? 8 : 12;
  const std::ptrdiff_t size = v6 ? 16 : 4;
  const auto begin = packet.begin() + static_cast<std::ptrdiff_t>(at);
  std::swap_ranges(begin, begin + size, begin + size);
  return packet;
}
inline Bytes mirrored(const ip_test::Fields& fields) {
  ip_test::Fields turned = fields;
  std::swap(turned.source_port, turned.destination_port);
  return mirrored(turned.build(), fields.v6);
}

/// From the peer. `rest`: behind type, code and checksum.
inline Bytes icmp(bool v6, std::uint8_t type, const Bytes& rest) {
  Bytes upper = {type, 0, 0, 0};
  append(upper, rest);
  return ip_test::Fields{.v6 = v6,
                         .protocol = v6 ? ip::protocol::kIcmpv6 : ip::protocol::kIcmp,
                         .host = kPeerHost,
                         .payload = upper}
      .build();
}

inline Bytes echo(bool v6, bool request, std::uint16_t id = 1) {
  const int type = v6 ? (request ? 128 : 129) : (request ? 8 : 0);
  return icmp(v6, static_cast<std::uint8_t>(type),
              {static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id), 0, 1, 1, 2, 3});
}

inline Bytes error(bool v6, std::uint8_t type, const Bytes& about) {
  Bytes rest(4);
  append(rest, about);
  return icmp(v6, type, rest);
}

/// Unreachable, and what else hosts take.
inline std::vector<std::uint8_t> error_types(bool v6) {
  return v6 ? std::vector<std::uint8_t>{1, 2, 3, 4} : std::vector<std::uint8_t>{3, 11, 12};
}

/// A first or a later piece of a datagram to `port`.
inline Bytes fragment(bool v6, std::uint16_t port, std::uint16_t id, bool first) {
  ip_test::Fields fields{.v6 = v6,
                         .protocol = ip::protocol::kUdp,
                         .host = kPeerHost,
                         .id = id,
                         .fragment = first ? std::uint16_t{0x2000} : std::uint16_t{3},
                         .destination_port = port,
                         .payload = Bytes(16)};
  if (!v6) return fields.build();
  Bytes upper = {17,
                 0,
                 0,
                 static_cast<std::uint8_t>(first ? 1 : 24),
                 0,
                 0,
                 static_cast<std::uint8_t>(id >> 8),
                 static_cast<std::uint8_t>(id)};
  append(upper, fields.upper());
  fields.protocol = 44;
  fields.payload = upper;
  return fields.build();
}

}  // namespace hsfwd::overlay_test
