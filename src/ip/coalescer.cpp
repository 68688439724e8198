// SPDX-License-Identifier: Apache-2.0
#include "ip/coalescer.hpp"

#include <algorithm>

#include "ip/checksum.hpp"
#include "ip/network_order.hpp"
#include "util/check.hpp"

namespace hsfwd::ip {

namespace {

std::size_t plain_header_size(Family family) {
  return family == Family::kIpv4 ? kIpv4HeaderSize : kIpv6HeaderSize;
}

/// The value that a sum of zero stands for was chosen by each protocol; a packet with the other one would come
/// back changed.
bool has_exact_checksums(const Packet& packet) {
  const ByteView upper = packet.upper();
  Sum sum = pseudo_header(packet.addresses(), packet.protocol, upper.size());
  sum.add(upper);
  if (sum.folded() != 0xffff) return false;
  const std::uint16_t field = load_be16(&upper[packet.is_tcp() ? kTcpChecksumAt : kUdpChecksumAt]);
  if (field == (packet.is_tcp() ? 0xffff : 0)) return false;
  if (packet.family() == Family::kIpv6) return true;
  Sum header;
  header.add(packet.bytes.first(packet.header_size));
  return header.folded() == 0xffff && load_be16(&packet.bytes[10]) != 0xffff;
}

bool is_tcp_candidate(const Packet& packet) {
  return packet.is_tcp() && (packet.tcp_flags & ~tcp_flag::kPsh) == tcp_flag::kAck;
}

bool is_udp_candidate(const Packet& packet) {
  return packet.is_udp() && load_be16(&packet.upper()[4]) == packet.upper().size() &&
         load_be16(&packet.upper()[kUdpChecksumAt]) != 0;
}

bool same_hosts(const Packet& a, const Packet& b) {
  return a.protocol == b.protocol && a.source == b.source && a.destination == b.destination;
}

bool same_bytes(ByteView a, ByteView b, std::size_t from, std::size_t to) {
  return equal(a.subspan(from, to - from), b.subspan(from, to - from));
}

/// Whether a header of IP is what the group's would be in its next packet; both have no options.
bool ip_continues(const Packet& first, std::size_t count, const Packet& packet) {
  const ByteView a = first.bytes;
  const ByteView b = packet.bytes;
  if (first.family() == Family::kIpv6) {
    return same_bytes(a, b, 0, 4) && a[7] == b[7];  // traffic class, flow label; hop limit
  }
  const auto next_id = static_cast<std::uint16_t>(load_be16(&a[4]) + count);
  return a[1] == b[1] && same_bytes(a, b, 6, 9) &&  // type of service; flags, time to live
         (dont_fragment(first) || load_be16(&b[4]) == next_id);
}

bool tcp_continues(const Packet& first, std::size_t payload, const Packet& packet) {
  const ByteView a = first.upper();
  const ByteView b = packet.upper();
  const std::uint32_t next = load_be32(&a[4]) + static_cast<std::uint32_t>(payload);
  return load_be32(&b[4]) == next && first.transport_size == packet.transport_size &&
         same_bytes(a, b, 8, 13) &&                    // acknowledgement, size of the header
         same_bytes(a, b, 14, 16) &&                   // window
         same_bytes(a, b, 18, packet.transport_size);  // urgent pointer, options
}

}  // namespace

bool Coalescer::is_candidate(const Packet& packet) const {
  if (packet.fragment || packet.header_size != plain_header_size(packet.family())) return false;
  if (packet.transport_size == 0 || packet.payload().empty()) return false;
  return (options_.tcp && is_tcp_candidate(packet)) || (options_.udp && is_udp_candidate(packet));
}

Coalescer::Group* Coalescer::open_group_of(const Packet& packet) {
  for (std::size_t i = 0; i < flow_count_; ++i) {
    Group& group = groups_[flows_[i]];
    if (group.open && group.first.ports == packet.ports && same_hosts(group.first, packet)) {
      return &group;
    }
  }
  return nullptr;
}

/// Which of the flows between its hosts it belongs to cannot be told.
void Coalescer::close_flows_of_fragment(const Packet& packet) {
  for (std::size_t i = 0; i < flow_count_; ++i) {
    Group& group = groups_[flows_[i]];
    if (group.first.source == packet.source && group.first.destination == packet.destination) {
      group.open = false;
    }
  }
}

void Coalescer::add(const Packet& packet) {
  packets_.push_back({.bytes = packet.bytes, .headers_size = packet.headers_size()});
  if (packet.fragment) close_flows_of_fragment(packet);
  const bool candidate = is_candidate(packet);
  if (packet.ports) {
    if (Group* group = open_group_of(packet)) {
      if (candidate && try_join(*group, packet)) return;
      group->open = false;
    }
  }
  begin_group(packet, candidate);
}

void Coalescer::add_unread(ByteView bytes) {
  packets_.push_back({.bytes = bytes});
  begin_group(Packet{}, false);
}

bool Coalescer::try_join(Group& group, const Packet& packet) {
  const std::size_t size = packet.payload().size();
  if (group.count == kMaxPackets || size > group.gso_size) return false;
  if (group.first.headers_size() + group.payload + size > kMaxPacket) return false;
  if (!ip_continues(group.first, group.count, packet)) return false;
  if (packet.is_tcp() && !tcp_continues(group.first, group.payload, packet)) return false;
  // Not before there is a second one: most packets that go alone are verified by the kernel only.
  if (!group.verified && !has_exact_checksums(group.first)) return false;
  group.verified = true;
  if (!has_exact_checksums(packet)) return false;
  const std::size_t index = packets_.size() - 1;
  packets_[group.last_index].next = index;
  group.last_index = index;
  ++group.count;
  group.payload += size;
  group.push = (packet.tcp_flags & tcp_flag::kPsh) != 0;
  group.open = size == group.gso_size && !group.push;
  return true;
}

void Coalescer::begin_group(const Packet& packet, bool candidate) {
  const std::size_t index = packets_.size() - 1;
  Group& group = groups_.emplace_back();
  group.first = packet;
  group.first_index = group.last_index = index;
  // Behind PSH nothing can follow.
  if (!candidate || (packet.tcp_flags & tcp_flag::kPsh) != 0) return;
  group.gso_size = group.payload = packet.payload().size();
  group.open = true;
  free_flow() = groups_.size() - 1;
}

/// The place of a group that is not open, or of the oldest.
std::size_t& Coalescer::free_flow() {
  for (std::size_t i = 0; i < flow_count_; ++i) {
    if (!groups_[flows_[i]].open) return flows_[i];
  }
  if (flow_count_ < kMaxFlows) return flows_[flow_count_++];
  return *std::min_element(flows_.begin(), flows_.end());
}

std::span<const Coalescer::Write> Coalescer::finish() {
  // All the room that is needed at once: the spans point into it.
  pieces_.reserve(packets_.size() + groups_.size() * 2);
  originals_.reserve(packets_.size());
  for (Group& group : groups_) lay_out(group);
  return writes_;
}

void Coalescer::lay_out(Group& group) {
  const std::size_t first_piece = pieces_.size();
  const std::size_t first_original = originals_.size();
  VnetHeader header;
  if (group.count == 1) {
    pieces_.push_back(kPlainHeader);
  } else {
    header = write_headers(group);
    const std::size_t size = VnetHeader::kSize + group.first.headers_size();
    pieces_.push_back(ByteView(group.headers).first(size));
  }
  std::size_t index = group.first_index;
  for (std::size_t i = 0; i < group.count; ++i) {
    const Entry& entry = packets_[index];
    originals_.push_back(entry.bytes);
    pieces_.push_back(group.count == 1 ? entry.bytes : entry.bytes.subspan(entry.headers_size));
    index = entry.next;
  }
  writes_.push_back({
      .header = header,
      .pieces = std::span(pieces_).subspan(first_piece),
      .packets = std::span(originals_).subspan(first_original),
  });
}

/// Into the group's own room: the first packet's, for the payload of all.
VnetHeader Coalescer::write_headers(Group& group) {
  const Packet& first = group.first;
  const std::size_t upper_size = first.transport_size + group.payload;
  const std::size_t total = first.header_size + upper_size;
  const MutableBytes ip = MutableBytes(group.headers).subspan(VnetHeader::kSize);
  copy_bytes(first.bytes.first(first.headers_size()), ip);
  if (first.family() == Family::kIpv6) {
    store_be16(&ip[4], static_cast<std::uint16_t>(upper_size));
  } else {
    store_be16(&ip[2], static_cast<std::uint16_t>(total));
    store_be16(&ip[10], 0);
    Sum sum;
    sum.add(ByteView(ip).first(first.header_size));
    store_be16(&ip[10], sum.checksum());
  }
  std::uint8_t* upper = &ip[first.header_size];
  const std::size_t checksum_offset = first.is_tcp() ? kTcpChecksumAt : kUdpChecksumAt;
  if (first.is_tcp()) {
    if (group.push) upper[13] |= tcp_flag::kPsh;
  } else {
    store_be16(upper + 4, static_cast<std::uint16_t>(upper_size));
  }
  store_be16(upper + checksum_offset,
             pseudo_header(first.addresses(), first.protocol, upper_size).folded());
  const std::uint8_t tcp_type =
      first.family() == Family::kIpv4 ? VnetHeader::kTcpv4 : VnetHeader::kTcpv6;
  const VnetHeader header{
      .flags = VnetHeader::kNeedsChecksum,
      .gso_type = first.is_tcp() ? tcp_type : VnetHeader::kUdp,
      .header_size = static_cast<std::uint16_t>(first.headers_size()),
      .gso_size = static_cast<std::uint16_t>(group.gso_size),
      .checksum_start = first.header_size,
      .checksum_offset = static_cast<std::uint16_t>(checksum_offset),
  };
  copy_bytes(header.encode(), group.headers);
  return header;
}

void Coalescer::clear() {
  packets_.clear();
  groups_.clear();
  flow_count_ = 0;
  pieces_.clear();
  originals_.clear();
  writes_.clear();
}

}  // namespace hsfwd::ip
