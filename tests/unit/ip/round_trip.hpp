// SPDX-License-Identifier: Apache-2.0
// A batch of packets coalesced and cut again, held against the batch; for unit tests and the fuzz target.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "ip/coalescer.hpp"
#include "ip/segmentation.hpp"
#include "unit/ip/packets.hpp"
#include "util/check.hpp"

namespace hsfwd::ip_test {

inline Bytes gather(std::span<const ByteView> pieces) {
  Bytes out;
  for (const ByteView piece : pieces) append(out, piece);
  return out;
}

/// All packets of a read, each into a room of exactly its size.
inline std::vector<Bytes> cut(ip::Segmenter segmenter) {
  std::vector<Bytes> out;
  while (!segmenter.done()) {
    Bytes room(segmenter.next_size());
    segmenter.next(room);
    out.push_back(std::move(room));
  }
  return out;
}

/// The id of a packet that routers may not cut means nothing.
inline Bytes without_idle_id(ByteView packet) {
  Bytes out = to_bytes(packet);
  if (out[0] >> 4 == 4 && (out[6] & 0x40) != 0) {
    ip::store_be16(&out[4], 0);
    ip::store_be16(&out[10], 0);
  }
  return out;
}

/// Whether the second of two packets may not overtake the first.
inline bool in_order(const ip::Packet& a, const ip::Packet& b) {
  if (a.source != b.source || a.destination != b.destination) return false;
  if (a.fragment || b.fragment) return true;
  return a.protocol == b.protocol && a.ports == b.ports;
}

inline void check_write(const ip::Coalescer::Write& write) {
  const Bytes written = gather(write.pieces);
  const auto header = ip::VnetHeader::decode(written);
  HSFWD_CHECK(header.ok() && *header == write.header);
  HSFWD_CHECK(!write.packets.empty() && write.packets.size() <= ip::Coalescer::kMaxPackets);
  HSFWD_CHECK(written.size() <= ip::VnetHeader::kSize + ip::kMaxPacket);
  if (write.packets.size() == 1) {
    HSFWD_CHECK(*header == ip::VnetHeader{});
    HSFWD_CHECK(equal(ByteView(written).subspan(ip::VnetHeader::kSize), write.packets[0]));
    return;
  }
  auto segmenter = ip::Segmenter::start(*header, ByteView(written).subspan(ip::VnetHeader::kSize));
  HSFWD_CHECK(segmenter.ok());
  HSFWD_CHECK(segmenter->packet().bytes.size() + ip::VnetHeader::kSize == written.size());
  const auto packets = cut(*segmenter);
  HSFWD_CHECK(packets.size() == write.packets.size());
  for (std::size_t i = 0; i < packets.size(); ++i) {
    HSFWD_CHECK(without_idle_id(packets[i]) == without_idle_id(write.packets[i]));
  }
}

/// Coalesces those of `batch` that parse; every packet is written once, none overtakes another of its flow, and
/// what is cut out of each write is what went in. Returns how many writes there are.
inline std::size_t check_round_trip(ip::Coalescer& coalescer, std::span<const Bytes> batch) {
  std::vector<ip::Packet> added;
  for (const Bytes& bytes : batch) {
    const auto packet = ip::Packet::parse(bytes);
    if (!packet) continue;
    added.push_back(*packet);
    coalescer.add(*packet);
  }
  std::map<const std::uint8_t*, std::size_t> places;
  const auto writes = coalescer.finish();
  for (const auto& write : writes) {
    check_write(write);
    for (const ByteView packet : write.packets) places.emplace(packet.data(), places.size());
  }
  HSFWD_CHECK(places.size() == added.size());
  for (std::size_t i = 0; i < added.size(); ++i) {
    for (std::size_t j = i + 1; j < added.size(); ++j) {
      if (!in_order(added[i], added[j])) continue;
      HSFWD_CHECK(places.at(added[i].bytes.data()) < places.at(added[j].bytes.data()));
    }
  }
  const std::size_t count = writes.size();
  coalescer.clear();
  return count;
}

/// A few flows of packets that mostly continue each other, and sometimes do not, in any way that there is.
/// `Source` has u8().
template <class Source>
class Mix {
 public:
  explicit Mix(Source& source) : source_(source) {
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      flows_[i].v6 = i % 2 == 1;
      if (i >= 2) flows_[i].protocol = ip::protocol::kUdp;
      flows_[i].seq = 0xfffffff0;  // soon around the corner
      flows_[i].id = 0xfffe;
    }
    flows_[0].options = Bytes(4, 1);
    flows_[2].fragment = 0;  // may be cut: ids count
    flows_[4].protocol = ip::protocol::kTcp;
    flows_[4].fragment = 0;
  }

  Bytes next() {
    const std::uint8_t choice = source_.u8();
    Fields& flow = flows_[choice % flows_.size()];
    Fields now = flow;
    const std::uint8_t what = source_.u8();
    now.payload = pattern(what & 1 ? 6 : 7 + (what >> 6), choice);
    if ((what & 0x0e) == 0x0e) vary(now, source_.u8());
    if ((what & 0x3f) == 0x20) now.payload.resize(source_.u8() % 4);
    flow.seq = now.seq + static_cast<std::uint32_t>(now.payload.size());
    flow.id = static_cast<std::uint16_t>(now.id + 1);
    Bytes out = now.build();
    // Anywhere, checksums and lengths as well.
    if ((what & 0x3f) == 0x30) out[source_.u8() % out.size()] ^= source_.u8();
    return out;
  }

 private:
  static void vary(Fields& now, std::uint8_t how) {
    switch (how % 12) {
      case 0:
        now.seq += 1;
        break;
      case 1:
        now.ack += 1;
        break;
      case 2:
        now.tcp_flags = how;
        break;
      case 3:
        now.window += 1;
        break;
      case 4:
        now.options = Bytes(4 * (how >> 6), how);
        break;
      case 5:
        now.tos = how;
        break;
      case 6:
        now.ttl -= 1;
        break;
      case 7:
        now.id += 1;
        break;
      case 8:
        now.fragment = static_cast<std::uint16_t>(how << 8 | how);
        break;
      case 9:
        now.protocol = ip::protocol::kIcmp;
        break;
      case 10:
        now.source_port = how;
        break;
      default:
        now.tcp_flags |= ip::tcp_flag::kPsh;
        break;
    }
  }

  Source& source_;
  std::array<Fields, 5> flows_;
};

}  // namespace hsfwd::ip_test
