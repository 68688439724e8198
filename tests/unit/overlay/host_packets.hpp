// SPDX-License-Identifier: Apache-2.0
// Packets between hosts, and peers of a network, for tests of the whole of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ip/header.hpp"
#include "ip/packet.hpp"
#include "unit/overlay/members.hpp"

namespace hsfwd::overlay {

/// Of the family that both are of.
inline Bytes ip_packet(const ip::Ipv6& from, const ip::Ipv6& to, std::uint8_t protocol,
                       const Bytes& upper) {
  Bytes room(ip::kIpv6HeaderSize + upper.size());
  const MutableBytes packet =
      ip::write_header({.from = from, .to = to, .protocol = protocol}, upper.size(), room);
  copy_bytes(upper, packet.last(upper.size()));
  return to_bytes(packet);
}

inline Bytes datagram(const ip::Ipv6& from, const ip::Ipv6& to, const std::string& text,
                      std::uint16_t port = 4000, std::uint16_t from_port = 5000) {
  const std::size_t size = ip::kUdpHeaderSize + text.size();
  Bytes upper = {static_cast<std::uint8_t>(from_port >> 8),
                 static_cast<std::uint8_t>(from_port),
                 static_cast<std::uint8_t>(port >> 8),
                 static_cast<std::uint8_t>(port),
                 static_cast<std::uint8_t>(size >> 8),
                 static_cast<std::uint8_t>(size),
                 0,
                 1};
  append(upper, as_bytes(text));
  return ip_packet(from, to, ip::protocol::kUdp, upper);
}

inline Bytes segment(const ip::Ipv6& from, const ip::Ipv6& to, std::uint16_t from_port,
                     std::uint16_t port, std::uint8_t flags) {
  Bytes upper(ip::kTcpHeaderSize);
  upper[0] = static_cast<std::uint8_t>(from_port >> 8);
  upper[1] = static_cast<std::uint8_t>(from_port);
  upper[2] = static_cast<std::uint8_t>(port >> 8);
  upper[3] = static_cast<std::uint8_t>(port);
  upper[12] = 5 << 4;
  upper[13] = flags;
  return ip_packet(from, to, ip::protocol::kTcp, upper);
}

inline NetworkPeer peer(const Member& member) {
  return {.key = member.key(), .name = {}, .addresses = {}, .networks = {}, .allow = {}};
}

inline NetworkPeer limited_peer(const Member& member, std::vector<std::string> rules) {
  NetworkPeer out = peer(member);
  out.allow = *PortRules::parse(rules);
  return out;
}

}  // namespace hsfwd::overlay
