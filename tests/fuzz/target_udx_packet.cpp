// SPDX-License-Identifier: Apache-2.0
// The one packet form of UDX, and what it says of gaps.
#include "fuzz/input.hpp"
#include "udx/packet.hpp"

using namespace hsfwd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView datagram(data, size);
  const auto packet = udx::Packet::parse(datagram);
  if (!packet) return 0;
  std::uint8_t header[udx::kHeaderSize];
  packet->header.write(header);
  HSFWD_CHECK(equal(header, datagram.first(udx::kHeaderSize)));
  HSFWD_CHECK(packet->body.size() == size - udx::kHeaderSize);
  HSFWD_CHECK(packet->valid ==
              (packet->payload.size() + packet->header.data_offset == packet->body.size()));
  std::size_t ranges = 0;
  packet->for_each_sack([&](udx::SeqRange) { ++ranges; });
  HSFWD_CHECK(ranges * udx::kSackRangeSize <= packet->body.size());
  return 0;
}
