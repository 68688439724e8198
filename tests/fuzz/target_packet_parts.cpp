// SPDX-License-Identifier: Apache-2.0
// What a peer may send in the channel of packets in parts, against the simplest way of putting them together.
#include <deque>
#include <map>
#include <optional>

#include "fuzz/input.hpp"
#include "hyperdht/peer/packet_parts.hpp"
#include "util/check.hpp"

using namespace hsfwd;
using hyperdht::PacketParts;

namespace {

/// Halves in the order in which they came.
class Naive {
 public:
  std::optional<Bytes> add(ByteView part, Instant now) {
    while (!halves_.empty() && now - halves_.front().at >= PacketParts::kMaxWait)
      halves_.pop_front();
    if (part.size() < 4 || part.size() > 3 + PacketParts::kMaxPart || part[2] > 1)
      return std::nullopt;
    Half half{load_le16(part.data()), part[2], to_bytes(part.subspan(3)), now};
    for (auto other = halves_.begin(); other != halves_.end(); ++other) {
      if (other->id != half.id) continue;
      const Half found = *other;
      halves_.erase(other);
      if (found.number == half.number) break;
      Bytes whole = found.number == 0 ? found.bytes : half.bytes;
      append(whole, found.number == 0 ? half.bytes : found.bytes);
      return whole;
    }
    if (halves_.size() == PacketParts::kMaxHalves) halves_.pop_front();
    halves_.push_back(std::move(half));
    return std::nullopt;
  }
  std::size_t size() const { return halves_.size(); }

 private:
  struct Half {
    std::uint16_t id;
    std::uint8_t number;
    Bytes bytes;
    Instant at;
  };
  std::deque<Half> halves_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  PacketParts parts;
  Naive naive;
  Instant now = Instant() + 100_s;
  while (!input.empty()) {
    // Never twice at one instant, so that there is an oldest.
    now = now + Duration::micros(1 + (input.u8() % 4 == 0 ? input.u16() * 50 : 0));
    const Bytes part = to_bytes(input.take(input.u8()));
    if (parts.full()) parts.release();
    const auto added = parts.add(part, now);
    const auto expected = naive.add(part, now);
    HSFWD_CHECK(added.whole.has_value() == expected.has_value());
    HSFWD_CHECK(!expected || equal(*added.whole, *expected));
    HSFWD_CHECK(parts.halves() == naive.size());
    // What is ahead is the receiver's.
    if (added.whole) added.whole->data()[-1] = added.whole->data()[-16] = 0;
  }
  return 0;
}
