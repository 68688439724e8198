// SPDX-License-Identifier: Apache-2.0
#include "overlay/names.hpp"

#include <algorithm>

#include "ip/icmp.hpp"
#include "ip/reply.hpp"
#include "node/key_address.hpp"
#include "resolver/protocol.hpp"
#include "util/check.hpp"

namespace hsfwd::overlay {

namespace {

static_assert(ip::kIpv6HeaderSize + ip::kUdpHeaderSize + resolver::kMaxAnswer <= NameServer::kRoom);
static_assert(ip::kMaxIcmpSize <= NameServer::kRoom);

bool is_query(const ip::Packet& packet) {
  return packet.is_udp() && !packet.fragment && packet.ports->destination == resolver::kPort;
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

void NameServer::set_forwarding(std::vector<ip::Ipv6> servers, std::vector<ip::Ipv6> own) {
  forwarder_.set_servers(std::move(servers), std::move(own));
}

NameServer::Reply NameServer::answer(const ip::Packet& packet, Instant now, MutableBytes room) {
  HSFWD_CHECK(room.size() >= kRoom);
  // It would go to ourselves.
  if (has_address(packet.source)) return {};
  const bool query = is_query(packet);
  TokenBucket& bucket = query ? query_bucket_ : other_bucket_;
  if (!bucket.try_take(now, 1)) {
    ++dropped_;
    return {};
  }
  return query ? answer_query(packet, now, room) : Reply{answer_other(packet, room)};
}

NameServer::Reply NameServer::answer_query(const ip::Packet& packet, Instant now,
                                           MutableBytes room) {
  ++queries_;
  if (!responder_) return {};
  const ByteView message = datagram_in(packet);
  if (forwarder_.has_servers() && responder_->is_foreign(message)) {
    return {forwarder_.ask(packet, message, now, room), true};
  }
  const Bytes answer = responder_->answer(message);
  if (answer.empty()) return {};
  return {ip::udp_reply(packet, answer, room)};
}

MutableBytes NameServer::answer_other(const ip::Packet& packet, MutableBytes room) {
  if (packet.is_tcp()) return ip::tcp_reset(packet, room);
  if (packet.is_udp()) {
    return ip::unreachable(packet, ip::Unreachable::kPort, packet.destination, room);
  }
  return ip::echo_reply(packet, room);
}

}  // namespace hsfwd::overlay
