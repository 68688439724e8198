// SPDX-License-Identifier: Apache-2.0
// The stream of a nospoon peer, in any pieces: its packets are those that lie in it whole, no larger than what is
// wanted, up to a length that no packet has.
//
//   input   largest packet u16 | pieces, each behind its length u16
#include <algorithm>

#include "fuzz/input.hpp"
#include "ip/network_order.hpp"
#include "net/packet_tunnel.hpp"
#include "overlay/nospoon_frames.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay::nospoon;

namespace {

struct Expected {
  std::vector<Bytes> packets;
  std::uint64_t passed_over = 0;
  bool broken = false;
};

/// The same of the whole.
Expected packets_in(ByteView stream, std::size_t max_packet) {
  Expected out;
  while (stream.size() >= kLengthSize) {
    const std::size_t length = ip::load_be32(stream.data());
    out.broken = length > kMaxLength;
    if (out.broken) break;
    if (length > max_packet) ++out.passed_over;
    stream = stream.subspan(kLengthSize);
    if (stream.size() < length) break;
    if (length > 0 && length <= max_packet) out.packets.push_back(to_bytes(stream.first(length)));
    stream = stream.subspan(length);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t max_packet = input.u16();
  FrameReader reader(max_packet);
  Bytes stream;
  std::vector<Bytes> packets;
  while (!input.empty()) {
    ByteView piece = input.chunk();
    append(stream, piece);
    while (!piece.empty() && !reader.broken()) {
      const std::size_t taken = reader.feed(piece);
      HSFWD_CHECK(taken > 0 && taken <= piece.size());
      piece = piece.subspan(taken);
      for (const MutableBytes packet : reader.packets()) {
        packets.push_back(to_bytes(packet));
        std::fill_n(packet.data() - net::kTunnelWriteHeadroom,
                    net::kTunnelWriteHeadroom + packet.size(), std::uint8_t{0});
      }
    }
  }
  const Expected expected = packets_in(stream, max_packet);
  HSFWD_CHECK(packets == expected.packets);
  HSFWD_CHECK(reader.passed_over() == expected.passed_over);
  HSFWD_CHECK(reader.broken() == expected.broken);
  return 0;
}
