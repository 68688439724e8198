// SPDX-License-Identifier: Apache-2.0
#include "ip/segmentation.hpp"

#include <algorithm>

#include "ip/checksum.hpp"
#include "ip/network_order.hpp"
#include "util/check.hpp"

namespace hsfwd::ip {

namespace {

constexpr std::size_t kChecksumSize = 2;

std::size_t checksum_at(const Packet& packet) {
  return packet.header_size + (packet.is_tcp() ? kTcpChecksumAt : kUdpChecksumAt);
}

/// Whether the checksum is that of the packet's upper layer, or of something further inside.
bool checksum_fits(const VnetHeader& header, const Packet& packet) {
  const std::size_t at = std::size_t{header.checksum_start} + header.checksum_offset;
  if (!packet.ports) return header.checksum_start >= packet.header_size;
  if (header.checksum_start >= packet.headers_size()) return true;
  return header.checksum_start == packet.header_size && at == checksum_at(packet);
}

Result<void> check_plain(const VnetHeader& header, const Packet& packet) {
  if (!header.needs_checksum()) return {};
  const std::size_t at = std::size_t{header.checksum_start} + header.checksum_offset;
  if (at + kChecksumSize > packet.bytes.size()) return Err(Errc::kMalformed);
  // It would be wrong in each fragment.
  if (packet.fragment || !checksum_fits(header, packet)) return Err(Errc::kMalformed);
  return {};
}

bool type_fits(std::uint8_t type, const Packet& packet) {
  if (type == VnetHeader::kUdp) return packet.is_udp();
  const Family family = type == VnetHeader::kTcpv4 ? Family::kIpv4 : Family::kIpv6;
  return packet.is_tcp() && packet.family() == family;
}

Result<void> check_gso(const VnetHeader& header, std::uint8_t type, const Packet& packet) {
  if (type != VnetHeader::kTcpv4 && type != VnetHeader::kTcpv6 && type != VnetHeader::kUdp) {
    return Err(Errc::kRefused);
  }
  if (!header.needs_checksum()) return Err(Errc::kRefused);
  if (!type_fits(type, packet) || packet.fragment) return Err(Errc::kMalformed);
  if (header.gso_size == 0 || packet.payload().empty()) return Err(Errc::kMalformed);
  if (header.checksum_start != packet.header_size ||
      std::size_t{header.checksum_start} + header.checksum_offset != checksum_at(packet)) {
    return Err(Errc::kMalformed);
  }
  // Each datagram's length is made from the whole one's, which therefore ends with the packet.
  if (packet.is_udp() && load_be16(&packet.upper()[4]) != packet.upper().size()) {
    return Err(Errc::kMalformed);
  }
  return {};
}

}  // namespace

Result<Segmenter> Segmenter::start(const VnetHeader& header, ByteView packet) {
  const auto parsed = Packet::parse(packet);
  if (!parsed) return Err(parsed.error());
  VnetHeader plain = header;
  plain.gso_type = static_cast<std::uint8_t>(header.gso_type & ~VnetHeader::kEcn);
  const auto checked = plain.gso_type == VnetHeader::kNone
                           ? check_plain(plain, *parsed)
                           : check_gso(plain, plain.gso_type, *parsed);
  if (!checked) return Err(checked.error());
  return Segmenter(plain, *parsed);
}

Segmenter::Segmenter(const VnetHeader& header, const Packet& packet)
    : header_(header), packet_(packet) {
  if (header_.gso_type == VnetHeader::kNone) return;
  count_ = (packet_.payload().size() + header_.gso_size - 1) / header_.gso_size;
}

ByteView Segmenter::next_payload() const {
  const ByteView rest = packet_.payload().subspan(next_ * header_.gso_size);
  return rest.first(std::min<std::size_t>(rest.size(), header_.gso_size));
}

std::size_t Segmenter::bytes_left() const {
  if (done()) return 0;
  if (header_.gso_type == VnetHeader::kNone) return packet_.bytes.size();
  return packets_left() * packet_.headers_size() + packet_.payload().size() -
         next_ * header_.gso_size;
}

std::size_t Segmenter::next_size() const {
  HSFWD_CHECK(!done());
  if (header_.gso_type == VnetHeader::kNone) return packet_.bytes.size();
  return packet_.headers_size() + next_payload().size();
}

MutableBytes Segmenter::next(MutableBytes room) {
  const std::size_t size = next_size();
  HSFWD_CHECK(room.size() >= size);
  const MutableBytes out = room.first(size);
  if (header_.gso_type == VnetHeader::kNone) {
    copy_bytes(packet_.bytes, out);
    if (header_.needs_checksum()) complete_checksum(out);
  } else {
    const std::size_t headers = packet_.headers_size();
    copy_bytes(packet_.bytes.first(headers), out);
    copy_bytes(next_payload(), out.subspan(headers));
    cut(out, size - headers);
  }
  ++next_;
  return out;
}

void Segmenter::cut(MutableBytes out, std::size_t payload_size) const {
  cut_ip(out);
  const MutableBytes upper = out.subspan(packet_.header_size);
  if (packet_.is_tcp()) {
    cut_tcp(upper.data());
  } else {
    store_be16(&upper[4], static_cast<std::uint16_t>(kUdpHeaderSize + payload_size));
  }
  // The kernel's sum of the pseudo header, with this packet's length instead of the whole one's. It knows of
  // routing headers, by which the destination is another one than stands in front.
  std::uint8_t* field = &out[checksum_at(packet_)];
  Sum sum;
  sum.add(load_be16(field));
  sum.subtract(static_cast<std::uint16_t>(packet_.upper().size()));
  sum.add(static_cast<std::uint16_t>(upper.size()));
  store_be16(field, 0);
  sum.add(upper);
  const std::uint16_t checksum = sum.checksum();
  // 0 would mean that a datagram has none (RFC 768).
  store_be16(field, checksum == 0 && packet_.is_udp() ? 0xffff : checksum);
}

void Segmenter::cut_ip(MutableBytes out) const {
  std::uint8_t* p = out.data();
  if (packet_.family() == Family::kIpv6) {
    store_be16(p + 4, static_cast<std::uint16_t>(out.size() - kIpv6HeaderSize));
    return;
  }
  store_be16(p + 2, static_cast<std::uint16_t>(out.size()));
  store_be16(p + 4, static_cast<std::uint16_t>(load_be16(p + 4) + next_));
  store_be16(p + 10, 0);
  Sum sum;
  sum.add(ByteView(out).first(packet_.header_size));
  store_be16(p + 10, sum.checksum());
}

void Segmenter::cut_tcp(std::uint8_t* tcp) const {
  const auto ahead = static_cast<std::uint32_t>(next_ * header_.gso_size);
  store_be32(tcp + 4, load_be32(tcp + 4) + ahead);
  std::uint8_t cleared = 0;
  if (next_ + 1 < count_) cleared = tcp_flag::kFin | tcp_flag::kPsh;
  if (next_ > 0) cleared |= tcp_flag::kCwr;
  tcp[13] = static_cast<std::uint8_t>(tcp[13] & ~cleared);
}

void Segmenter::complete_checksum(MutableBytes out) const {
  const MutableBytes covered = out.subspan(header_.checksum_start);
  Sum sum;
  sum.add(covered);
  const std::uint16_t checksum = sum.checksum();
  // As the kernel does, for whichever protocol: both mean the same, save for UDP, where 0 is none.
  store_be16(&covered[header_.checksum_offset], checksum == 0 ? 0xffff : checksum);
}

}  // namespace hsfwd::ip
