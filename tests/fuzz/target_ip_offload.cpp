// SPDX-License-Identifier: Apache-2.0
// The large packets of a TUN device: what is read behind any vnet header is cut into packets that parse, and
// what is coalesced and cut again is what it was.
//
//   input   even | vnet header (10) | packet
//           odd  | choices of a mix of flows, see unit/ip/round_trip.hpp
#include "fuzz/input.hpp"
#include "unit/ip/round_trip.hpp"

using namespace hsfwd;

namespace {

constexpr std::size_t kBatch = 80;

void check_read(ByteView read) {
  const auto header = ip::VnetHeader::decode(read);
  if (!header) return;
  auto segmenter = ip::Segmenter::start(*header, read.subspan(ip::VnetHeader::kSize));
  if (!segmenter) return;
  const std::size_t whole = segmenter->packet().payload().size();
  std::size_t payload = 0;
  for (const Bytes& bytes : ip_test::cut(*segmenter)) {
    const auto packet = ip::Packet::parse(bytes);
    HSFWD_CHECK(packet.ok() && packet->bytes.size() == bytes.size());
    payload += packet->payload().size();
  }
  HSFWD_CHECK(payload == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  if (input.u8() % 2 == 0) {
    check_read(input.rest());
    return 0;
  }
  static ip::Coalescer coalescer({});
  ip_test::Mix mix(input);
  std::vector<Bytes> batch;
  while (!input.empty() && batch.size() < kBatch) batch.push_back(mix.next());
  ip_test::check_round_trip(coalescer, batch);
  return 0;
}
