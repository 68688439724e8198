// SPDX-License-Identifier: Apache-2.0
#include "overlay/names.hpp"

#include <algorithm>

#include "ip/icmp.hpp"
#include "ip/reply.hpp"
#include "node/key_address.hpp"
#include "util/check.hpp"

namespace hsfwd::overlay {

namespace {

constexpr std::uint16_t kDnsPort = 53;

static_assert(ip::kIpv6HeaderSize + ip::kUdpHeaderSize + resolver::kMaxAnswer <= NameServer::kRoom);
static_assert(ip::kMaxIcmpSize <= NameServer::kRoom);

bool is_query(const ip::Packet& packet) {
  return packet.is_udp() && !packet.fragment && packet.ports->destination == kDnsPort;
}

/// Behind the header; what stands behind the datagram's own end is none of it.
ByteView datagram_in(const ip::Packet& packet) {
  const std::size_t size = static_cast<std::size_t>(packet.upper()[4]) << 8 | packet.upper()[5];
  return packet.upper().first(size).subspan(ip::kUdpHeaderSize);
}

}  // namespace

ip::Ipv6 name_server_address() {
  ip::Ipv6 out = network_prefix().host;
  out.bytes.back() = 0x53;
  return out;
}

void NameServer::set_names(std::vector<resolver::NamedPeer> peers,
                           std::vector<ip::Prefix> networks) {
  responder_.emplace(resolver::NameTable(std::move(peers)), std::move(networks));
}

bool NameServer::has_address(const ip::Ipv6& host) const {
  return std::find(addresses_.begin(), addresses_.end(), host) != addresses_.end();
}

MutableBytes NameServer::answer(const ip::Packet& packet, Instant now, MutableBytes room) {
  HSFWD_CHECK(room.size() >= kRoom);
  // It would go to ourselves.
  if (has_address(packet.source)) return {};
  const bool query = is_query(packet);
  TokenBucket& bucket = query ? query_bucket_ : other_bucket_;
  if (!bucket.try_take(now, 1)) {
    ++dropped_;
    return {};
  }
  return query ? answer_query(packet, room) : answer_other(packet, room);
}

MutableBytes NameServer::answer_query(const ip::Packet& packet, MutableBytes room) {
  ++queries_;
  if (!responder_) return {};
  const Bytes answer = responder_->answer(datagram_in(packet));
  return answer.empty() ? MutableBytes() : ip::udp_reply(packet, answer, room);
}

MutableBytes NameServer::answer_other(const ip::Packet& packet, MutableBytes room) {
  if (packet.is_tcp()) return ip::tcp_reset(packet, room);
  if (packet.is_udp()) {
    return ip::unreachable(packet, ip::Unreachable::kPort, packet.destination, room);
  }
  return ip::echo_reply(packet, room);
}

}  // namespace hsfwd::overlay
