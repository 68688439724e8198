// SPDX-License-Identifier: Apache-2.0
#include "overlay/nospoon_frames.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "net/packet_tunnel.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay::nospoon;

namespace {

Bytes framed(const std::vector<Bytes>& packets) {
  Bytes out;
  for (const Bytes& packet : packets) {
    const std::size_t at = out.size();
    out.resize(at + frame_size(packet));
    write_frame(packet, MutableBytes(out).subspan(at));
  }
  return out;
}

/// Feeds all of it, overwrites what may be overwritten, and adds the packets to `into`.
void feed(FrameReader& reader, ByteView bytes, std::vector<Bytes>& into) {
  while (!bytes.empty()) {
    const std::size_t taken = reader.feed(bytes);
    for (const MutableBytes packet : reader.packets()) {
      into.push_back(to_bytes(packet));
      const MutableBytes room(packet.data() - net::kTunnelWriteHeadroom,
                              net::kTunnelWriteHeadroom + packet.size());
      std::fill(room.begin(), room.end(), 0xee);
    }
    if (reader.broken()) return;
    REQUIRE(taken > 0);
    bytes = bytes.subspan(taken);
  }
}

std::vector<Bytes> some_packets(int number) {
  sim::SeededRandom random(3);
  std::vector<Bytes> out;
  for (int i = 0; i < number; ++i) {
    Bytes packet(random.u64() % 1400 + 1);
    random.fill(packet);
    out.push_back(std::move(packet));
  }
  return out;
}

}  // namespace

TEST_CASE("a frame is a length in network order and the packet") {
  CHECK(framed({Bytes(258, 7)}).at(0) == 0);
  const Bytes frame = framed({Bytes(0x0102, 7)});
  CHECK(Bytes(frame.begin(), frame.begin() + 5) == Bytes{0, 0, 1, 2, 7});
  CHECK(frame.size() == 4 + 0x0102);
}

TEST_CASE("frames that are split anywhere come out whole, and keepalives are nothing") {
  const std::vector<Bytes> packets = {{1}, Bytes(20, 2), Bytes(300, 3)};
  Bytes stream = framed({packets[0]});
  append(stream, kKeepalive);
  append(stream, framed({packets[1]}));
  append(stream, kKeepalive);
  append(stream, kKeepalive);
  append(stream, framed({packets[2]}));
  for (std::size_t at = 0; at <= stream.size(); ++at) {
    FrameReader reader(1400);
    std::vector<Bytes> out;
    feed(reader, ByteView(stream).first(at), out);
    feed(reader, ByteView(stream).subspan(at), out);
    CHECK(out == packets);
    CHECK(!reader.broken());
  }
  FrameReader reader(1400);
  std::vector<Bytes> out;
  for (const std::uint8_t& byte : stream) feed(reader, {&byte, 1}, out);
  CHECK(out == packets);
}

TEST_CASE("many frames in one piece come in batches, in their order") {
  const std::vector<Bytes> packets = some_packets(500);
  const Bytes stream = framed(packets);
  FrameReader reader(1420);
  std::vector<Bytes> out;
  feed(reader, stream, out);
  CHECK(out == packets);
}

TEST_CASE("a packet that is larger than what is wanted is passed over, wherever it is split") {
  std::vector<Bytes> packets = {{1}, Bytes(1421, 2), Bytes(1420, 3), Bytes(65535, 4), {5}};
  const Bytes stream = framed(packets);
  packets.erase(packets.begin() + 3);
  packets.erase(packets.begin() + 1);
  for (const std::size_t piece : {1, 3, 1000, 100000}) {
    FrameReader reader(1420);
    std::vector<Bytes> out;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      feed(reader, ByteView(stream).subspan(at, std::min(piece, stream.size() - at)), out);
    }
    CHECK(out == packets);
    CHECK(reader.passed_over() == 2);
  }
}

TEST_CASE("a length that no packet has breaks the reader, behind what was whole") {
  for (const Bytes& length :
       {Bytes{0, 1, 0, 0}, Bytes{0xff, 0xff, 0xff, 0xff}, Bytes{0x45, 0, 0, 60}}) {
    Bytes stream = framed({{1}, {2, 2}});
    append(stream, length);
    append(stream, framed({{3}}));
    FrameReader reader(1400);
    std::vector<Bytes> out;
    feed(reader, stream, out);
    CHECK(out == std::vector<Bytes>{{1}, {2, 2}});
    CHECK(reader.broken());
    CHECK(reader.feed(stream) == 0);
    CHECK(reader.packets().empty());
  }
}

TEST_CASE("what is wanted may be as large as the wire can say") {
  const std::vector<Bytes> packets = {Bytes(65535, 1), Bytes(65535, 2), {3}};
  FrameReader reader(65535);
  std::vector<Bytes> out;
  feed(reader, framed(packets), out);
  CHECK(out == packets);
}
