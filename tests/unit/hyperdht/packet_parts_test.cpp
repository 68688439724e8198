// SPDX-License-Identifier: Apache-2.0
// Packets in two parts, cut where they lie and put together from whatever comes.
#include "hyperdht/peer/packet_parts.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

const Instant kPartsStart = Instant() + 100_s;

Bytes made_part(std::uint16_t id, std::uint8_t number, ByteView bytes) {
  Bytes out(kPartHeader);
  store_le16(out.data(), id);
  out[2] = number;
  append(out, bytes);
  return out;
}

Bytes bytes_of_text(const char* bytes) {
  return to_bytes(as_bytes(bytes));
}

}  // namespace

TEST_CASE("a packet is cut in place, with room for all that goes around its parts") {
  for (const std::size_t size : {2u, 3u, 1128u, 1280u, 1281u, 2248u}) {
    CAPTURE(size);
    Bytes memory(net::kTunnelHeadroom + size + net::kTunnelTailroom, 0xee);
    const MutableBytes packet = MutableBytes(memory).subspan(net::kTunnelHeadroom, size);
    for (std::size_t i = 0; i < size; ++i) packet[i] = static_cast<std::uint8_t>(i * 31 >> 2);
    const Bytes before = to_bytes(packet);
    const auto parts = cut_in_two(packet, 0x1234);
    CHECK(parts[0].size() - parts[1].size() <= 1);
    // What each needs ahead and behind is its own, and within the tunnel's room.
    const std::size_t ahead = udx::kHeaderSize + secret_stream::Packets::kHeadroom;
    const std::size_t behind =
        secret_stream::Packets::kOverhead - secret_stream::Packets::kHeadroom;
    CHECK(parts[0].data() - ahead >= memory.data());
    CHECK(parts[0].data() + parts[0].size() + behind <= parts[1].data() - ahead);
    CHECK(parts[1].data() + parts[1].size() + behind <= memory.data() + memory.size());
    for (const bool swapped : {false, true}) {
      PacketParts receiver;
      CHECK(!receiver.add(parts[swapped ? 1 : 0], kPartsStart).whole);
      const auto added = receiver.add(parts[swapped ? 0 : 1], kPartsStart);
      REQUIRE(added.whole);
      CHECK(equal(*added.whole, before));
      CHECK(added.dropped == 0);
      CHECK(receiver.halves() == 0);
    }
  }
}

TEST_CASE("parts of packets in any order belong to their own, and stay until they are released") {
  PacketParts parts;
  for (std::uint16_t id = 0; id < PacketParts::kMaxHalves; ++id) {
    CHECK(!parts.add(made_part(id, id % 2, bytes_of_text("ab")), kPartsStart).whole);
  }
  std::vector<MutableBytes> whole;
  for (std::uint16_t id = PacketParts::kMaxHalves; id-- > 0;) {
    REQUIRE(!parts.full());
    const auto added = parts.add(
        made_part(id, 1 - id % 2, Bytes{'c', static_cast<std::uint8_t>(id)}), kPartsStart);
    REQUIRE(added.whole);
    whole.push_back(*added.whole);
  }
  CHECK(parts.full());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::size_t id = whole.size() - 1 - i;
    const Bytes other{'c', static_cast<std::uint8_t>(id)};
    Bytes wanted = id % 2 == 0 ? bytes_of_text("ab") : other;
    append(wanted, id % 2 == 0 ? other : bytes_of_text("ab"));
    CHECK(equal(whole[i], wanted));
  }
  parts.release();
  CHECK(!parts.full());
}

TEST_CASE("half packets are few, and do not stay") {
  PacketParts parts;
  std::size_t dropped = 0;
  for (std::uint16_t id = 0; id < 100; ++id) {
    dropped +=
        parts.add(made_part(id, 0, bytes_of_text("x")), kPartsStart + Duration::millis(id)).dropped;
  }
  CHECK(parts.halves() == PacketParts::kMaxHalves);
  CHECK(dropped == 100 - PacketParts::kMaxHalves);
  // The oldest gave way.
  CHECK(!parts.add(made_part(83, 1, bytes_of_text("y")), kPartsStart + 100_ms).whole);
  CHECK(parts.add(made_part(99, 1, bytes_of_text("y")), kPartsStart + 100_ms).whole);
  const auto late =
      parts.add(made_part(98, 1, bytes_of_text("y")), kPartsStart + 98_ms + PacketParts::kMaxWait);
  CHECK(!late.whole);
  CHECK(late.dropped >= 14);
}

TEST_CASE("an id that comes round does not complete what is older") {
  PacketParts parts;
  CHECK(!parts.add(made_part(7, 0, bytes_of_text("old")), kPartsStart).whole);
  const auto again = parts.add(made_part(7, 0, bytes_of_text("new ")), kPartsStart + 1_s);
  CHECK(!again.whole);
  CHECK(again.dropped == 1);
  const auto added = parts.add(made_part(7, 1, bytes_of_text("half")), kPartsStart + 2500_ms);
  REQUIRE(added.whole);
  CHECK(as_text(*added.whole) == "new half");
}

TEST_CASE("parts that make no sense are dropped and change nothing") {
  PacketParts parts;
  CHECK(!parts.add(made_part(1, 0, bytes_of_text("a")), kPartsStart).whole);
  const std::vector<Bytes> bad = {Bytes(),
                                  Bytes{1},
                                  Bytes{1, 0},
                                  made_part(1, 1, {}),
                                  made_part(1, 2, bytes_of_text("b")),
                                  made_part(1, 255, bytes_of_text("b")),
                                  made_part(1, 1, Bytes(PacketParts::kMaxPart + 1))};
  for (const Bytes& one : bad) {
    const auto added = parts.add(one, kPartsStart);
    CHECK(!added.whole);
    CHECK(added.dropped == 1);
  }
  CHECK(parts.halves() == 1);
  const Bytes largest(PacketParts::kMaxPart, 'b');
  const auto added = parts.add(made_part(1, 1, largest), kPartsStart);
  REQUIRE(added.whole);
  CHECK(added.whole->size() == 1 + largest.size());
  CHECK(!parts.add(made_part(2, 1, largest), kPartsStart).whole);
  CHECK(parts.add(made_part(2, 0, largest), kPartsStart).whole->size() == 2 * largest.size());
}

TEST_CASE("a peer that sends any parts at all fills no more memory than the places have") {
  PacketParts parts;
  sim::SeededRandom random(5);
  Instant now = kPartsStart;
  for (int i = 0; i < 100'000; ++i) {
    if (parts.full()) parts.release();
    now = now + Duration::micros(random.below(1000));
    Bytes bytes(random.below(64));
    random.fill(bytes);
    if (bytes.size() > 2 && random.below(4) > 0) {
      bytes[1] = 0;
      bytes[2] &= 1;
    }
    parts.add(bytes, now);
  }
  const std::size_t each = net::kTunnelWriteHeadroom + 2 * PacketParts::kMaxPart;
  CHECK(parts.halves() <= PacketParts::kMaxHalves);
  CHECK(parts.memory() <= (PacketParts::kMaxHalves + PacketParts::kMaxWhole) * each);
}
