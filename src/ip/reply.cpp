// SPDX-License-Identifier: Apache-2.0
#include "ip/reply.hpp"

#include <algorithm>

#include "ip/header.hpp"
#include "ip/icmp.hpp"
#include "ip/network_order.hpp"

namespace hsfwd::ip {

namespace {

constexpr std::size_t kEchoHeaderSize = 8;
constexpr std::uint8_t kEchoV4 = 8;
constexpr std::uint8_t kEchoReplyV4 = 0;
constexpr std::uint8_t kEchoV6 = 128;
constexpr std::uint8_t kEchoReplyV6 = 129;

bool may_reply(const Packet& about) {
  return !about.fragment && is_single_host(about.source) && is_single_host(about.destination);
}

MutableBytes begin(const Packet& about, std::size_t upper_size, MutableBytes room) {
  return write_header({.from = about.destination, .to = about.source, .protocol = about.protocol},
                      upper_size, room);
}

}  // namespace

MutableBytes udp_reply(const Packet& about, ByteView payload, MutableBytes room) {
  if (!about.is_udp() || !may_reply(about) || about.ports->source == 0) return {};
  const std::size_t size = kUdpHeaderSize + payload.size();
  const MutableBytes out = begin(about, size, room);
  const MutableBytes udp = out.last(size);
  store_be16(&udp[0], about.ports->destination);
  store_be16(&udp[2], about.ports->source);
  store_be16(&udp[4], static_cast<std::uint16_t>(size));
  copy_bytes(payload, udp.subspan(kUdpHeaderSize));
  write_checksum(out, kUdpChecksumAt);
  return out;
}

MutableBytes tcp_reset(const Packet& about, MutableBytes room) {
  if (!about.is_tcp() || !may_reply(about)) return {};
  const std::uint8_t flags = about.tcp_flags;
  if ((flags & tcp_flag::kRst) != 0) return {};
  const MutableBytes out = begin(about, kTcpHeaderSize, room);
  const MutableBytes tcp = out.last(kTcpHeaderSize);
  std::fill(tcp.begin(), tcp.end(), std::uint8_t{0});
  store_be16(&tcp[0], about.ports->destination);
  store_be16(&tcp[2], about.ports->source);
  tcp[12] = kTcpHeaderSize / 4 << 4;
  if ((flags & tcp_flag::kAck) != 0) {
    store_be32(&tcp[4], load_be32(&about.upper()[8]));
    tcp[13] = tcp_flag::kRst;
  } else {
    const auto length = static_cast<std::uint32_t>(about.payload().size());
    const std::uint32_t opening = (flags & tcp_flag::kSyn) != 0 ? 1 : 0;
    const std::uint32_t closing = (flags & tcp_flag::kFin) != 0 ? 1 : 0;
    store_be32(&tcp[8], load_be32(&about.upper()[4]) + length + opening + closing);
    tcp[13] = tcp_flag::kRst | tcp_flag::kAck;
  }
  write_checksum(out, kTcpChecksumAt);
  return out;
}

MutableBytes echo_reply(const Packet& about, MutableBytes room) {
  const bool v4 = about.family() == Family::kIpv4;
  if (about.protocol != (v4 ? protocol::kIcmp : protocol::kIcmpv6) || !may_reply(about)) return {};
  const ByteView asked = about.upper();
  if (asked.size() < kEchoHeaderSize || asked[0] != (v4 ? kEchoV4 : kEchoV6)) return {};
  if ((v4 ? kIpv4HeaderSize : kIpv6HeaderSize) + asked.size() > room.size()) return {};
  const MutableBytes out = begin(about, asked.size(), room);
  const MutableBytes icmp = out.last(asked.size());
  copy_bytes(asked, icmp);
  icmp[0] = v4 ? kEchoReplyV4 : kEchoReplyV6;
  icmp[1] = 0;
  write_checksum(out, kIcmpChecksumAt);
  return out;
}

}  // namespace hsfwd::ip
