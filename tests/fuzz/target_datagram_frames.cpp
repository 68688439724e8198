// SPDX-License-Identifier: Apache-2.0
// What a stock peer may send on the stream of a UDP flow, cut anywhere, against the simplest way of reading it; and
// packets of flows.
#include <vector>

#include "forward/datagram_frames.hpp"
#include "forward/flow_datagram.hpp"
#include "fuzz/input.hpp"
#include "net/udp.hpp"
#include "util/check.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

/// The datagrams ahead of the first frame that is too long; `ok`: there is none.
std::vector<Bytes> read_all(ByteView stream, bool& ok) {
  std::vector<Bytes> out;
  while (stream.size() >= kFrameHeader) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < kFrameHeader; ++i) size = size << 8 | stream[i];
    if (size > net::kMaxUdpPayload) {
      ok = false;
      return out;
    }
    if (stream.size() < kFrameHeader + size) break;
    out.push_back(to_bytes(stream.subspan(kFrameHeader, size)));
    stream = stream.subspan(kFrameHeader + size);
  }
  ok = true;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  FrameReader reader;
  Bytes stream;
  std::vector<Bytes> found;
  bool understood = true;
  while (!input.empty() && understood) {
    const Bytes piece = to_bytes(input.take(input.u8()));
    append(stream, piece);
    understood = reader.feed(piece, [&](ByteView bytes) { found.push_back(to_bytes(bytes)); });
    HSFWD_CHECK(reader.held() <= kFrameHeader + net::kMaxUdpPayload);
  }
  bool expected = true;
  HSFWD_CHECK(found == read_all(stream, expected));
  HSFWD_CHECK(understood == expected);
  if (const auto datagram = read_flow({data, size})) {
    HSFWD_CHECK(datagram->bytes.size() + kFlowHeader == size);
  }
  return 0;
}
