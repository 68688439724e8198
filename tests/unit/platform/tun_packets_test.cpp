// SPDX-License-Identifier: Apache-2.0
// What becomes of packets between the seam and a TUN device's descriptor, in front of kernels that are told what
// to say.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <deque>
#include <functional>
#include <vector>

#include "ip/checksum.hpp"
#include "platform/linux/tun_reader.hpp"
#include "platform/linux/tun_writer.hpp"
#include "sim/random.hpp"
#include "tunnel_place.hpp"
#include "unit/failing_allocator.hpp"
#include "unit/ip/round_trip.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;
using ip::VnetHeader;
using ip_test::Fields;

namespace {

constexpr Instant kNow = Instant() + 1_h;
constexpr std::uint64_t kSecret = 0x1234567890abcdef;
constexpr TunWriter::Offload kAll{.vnet = true, .tcp = true, .udp = true};

/// A descriptor: what is read from it is put in before, and what is written is judged and kept.
class ScriptedFile final : public TunFile {
 public:
  int read(MutableBytes room) override {
    if (reads.empty()) return -EAGAIN;
    const Bytes bytes = std::move(reads.front());
    reads.pop_front();
    if (bytes.empty()) return -error;
    const std::size_t size = std::min(bytes.size(), room.size());
    copy_bytes(ByteView(bytes).first(size), room);
    return static_cast<int>(size);
  }
  int write(std::span<const ByteView> pieces) override {
    const Bytes bytes = ip_test::gather(pieces);
    const int result = judge ? judge(bytes) : 0;
    if (result < 0) return result;
    writes.push_back(bytes);
    return static_cast<int>(bytes.size());
  }

  /// Of a file with vnet headers: the packets that the kernel makes of what was written.
  std::vector<Bytes> arrived() const {
    std::vector<Bytes> out;
    for (const Bytes& bytes : writes) {
      for (Bytes& packet : cut_of(bytes)) out.push_back(std::move(packet));
    }
    return out;
  }
  static std::vector<Bytes> cut_of(ByteView bytes) {
    const ByteView packet = bytes.subspan(VnetHeader::kSize);
    const VnetHeader header = *VnetHeader::decode(bytes);
    if (header == VnetHeader{}) return {to_bytes(packet)};
    const auto large = ip::Segmenter::start(header, packet);
    REQUIRE(large.ok());
    return ip_test::cut(*large);
  }

  std::deque<Bytes> reads;  // an empty one is `error`
  int error = EINVAL;
  std::vector<Bytes> writes;
  std::function<int(ByteView)> judge;  // negative: what is refused, and why
};

bool is_large(ByteView write) {
  return VnetHeader::decode(write)->gso_type != VnetHeader::kNone;
}

/// Packets that go on from each other.
std::vector<Bytes> flow_of(Fields fields, std::size_t count, std::size_t size = 100) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < count; ++i) {
    fields.payload = ip_test::pattern(size, i);
    out.push_back(fields.build());
    fields.seq += static_cast<std::uint32_t>(size);
    fields.id = static_cast<std::uint16_t>(fields.id + 1);
  }
  return out;
}
Fields udp_fields(std::uint8_t host = 1) {
  return {.protocol = ip::protocol::kUdp, .host = host, .fragment = 0};
}
Fields tcp_fields(std::uint8_t host = 1) {
  return {.host = host, .fragment = 0};
}

/// One of each in turns.
std::vector<Bytes> in_turns(const std::vector<std::vector<Bytes>>& flows) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < flows[0].size(); ++i) {
    for (const auto& flow : flows) out.push_back(flow[i]);
  }
  return out;
}

/// Whether the same packets, and those of each source in their order.
bool same_flows(std::vector<Bytes> a, std::vector<Bytes> b) {
  const auto by_source = [](const Bytes& x, const Bytes& y) { return x[15] < y[15]; };
  std::stable_sort(a.begin(), a.end(), by_source);
  std::stable_sort(b.begin(), b.end(), by_source);
  return a == b;
}

/// A read: a TCP packet that stands for as many as its payload has of `gso_size`.
Bytes large_read(const Fields& fields, std::uint16_t gso_size) {
  Bytes packet = fields.build();
  const auto parsed = *ip::Packet::parse(packet);
  const bool tcp = parsed.is_tcp();
  const auto offset = static_cast<std::uint16_t>(tcp ? ip::kTcpChecksumAt : ip::kUdpChecksumAt);
  const std::uint16_t sum =
      ip::pseudo_header(parsed.addresses(), parsed.protocol, parsed.upper().size()).folded();
  ip::store_be16(&packet[parsed.header_size + offset], sum);
  const std::uint8_t tcp_type = fields.v6 ? VnetHeader::kTcpv6 : VnetHeader::kTcpv4;
  const VnetHeader header{.flags = VnetHeader::kNeedsChecksum,
                          .gso_type = gso_size == 0 ? VnetHeader::kNone
                                      : tcp         ? tcp_type
                                                    : VnetHeader::kUdp,
                          .gso_size = gso_size,
                          .checksum_start = parsed.header_size,
                          .checksum_offset = offset};
  Bytes out = to_bytes(header.encode());
  append(out, packet);
  return out;
}
Bytes plain_read(ByteView packet) {
  Bytes out(VnetHeader::kSize);
  append(out, packet);
  return out;
}

/// All that comes, batch by batch; each packet has its room for itself.
std::vector<Bytes> receive_all(TunReader& reader, TunFile& file) {
  std::vector<Bytes> out;
  do {
    const auto received = reader.receive(file, kNow);
    CHECK(received.error == 0);
    CHECK(received.packets.size() <= net::kMaxTunnelBatch);
    std::uint8_t number = 0;
    for (const MutableBytes packet : received.packets) out.push_back(to_bytes(packet));
    for (const MutableBytes packet : received.packets) TunnelRecorder::fill_room(packet, ++number);
    number = 0;
    const std::size_t before = out.size() - received.packets.size();
    for (std::size_t i = 0; i < received.packets.size(); ++i) {
      const MutableBytes packet = received.packets[i];
      CHECK(equal(packet, out[before + i]));
      CHECK(TunnelRecorder::has_room(packet, ++number));
    }
  } while (reader.has_more());
  return out;
}

}  // namespace

TEST_CASE("packets of a flow are one write, those of others their own") {
  for (const bool v6 : {false, true}) {
    Fields tcp = tcp_fields();
    Fields udp = udp_fields(2);
    tcp.v6 = udp.v6 = v6;
    const auto packets = in_turns({flow_of(tcp, 20), flow_of(udp, 20)});
    ScriptedFile file;
    TunWriter writer(kAll);
    const auto sent = writer.send(file, Outbound(packets).packets());
    CHECK(sent.taken == packets.size());
    CHECK(!sent.full);
    CHECK(file.writes.size() == 2);
    const auto arrived = file.arrived();
    CHECK(arrived.size() == packets.size());
    for (const Bytes& packet : packets) {
      CHECK(std::count(arrived.begin(), arrived.end(), packet) == 1);
    }
  }
}

TEST_CASE(
    "without offload each packet is a write, with the header that the device was opened for") {
  const auto packets = flow_of(tcp_fields(), 300);
  ScriptedFile bare;
  TunWriter plain({});
  CHECK(plain.send(bare, Outbound(packets).packets()).taken == packets.size());
  CHECK(bare.writes == packets);
  ScriptedFile file;
  TunWriter with_header({.vnet = true});
  CHECK(with_header.send(file, Outbound(packets).packets()).taken == packets.size());
  CHECK(file.writes.size() == packets.size());
  CHECK(file.arrived() == packets);
}

TEST_CASE("UDP alone goes packet by packet where it is not to be put together") {
  const auto packets = in_turns({flow_of(tcp_fields(), 20), flow_of(udp_fields(2), 20)});
  ScriptedFile file;
  TunWriter writer({.vnet = true, .tcp = true, .udp = false});
  writer.send(file, Outbound(packets).packets());
  CHECK(file.writes.size() == 21);
  CHECK(same_flows(file.arrived(), packets));
}

TEST_CASE("what a kernel refuses in one piece is written packet by packet, and soon always") {
  const auto packets = in_turns({flow_of(tcp_fields(), 10), flow_of(udp_fields(2), 10)});
  ScriptedFile file;
  int refused = 0;
  // It takes UDP.
  file.judge = [&](ByteView write) {
    const std::uint8_t type = VnetHeader::decode(write)->gso_type;
    if (type != VnetHeader::kTcpv4) return 0;
    ++refused;
    return -EINVAL;
  };
  TunWriter writer(kAll);
  for (int round = 1; round <= TunWriter::kMaxRefusals + 2; ++round) {
    file.writes.clear();
    const auto sent = writer.send(file, Outbound(packets).packets());
    CHECK(sent.taken == packets.size());
    CHECK(same_flows(file.arrived(), packets));
    CHECK(file.writes.size() == 11);
    CHECK(refused == std::min(round, TunWriter::kMaxRefusals));
  }
  // Nothing is asked again once the kernel would take it.
  file.judge = {};
  file.writes.clear();
  writer.send(file, Outbound(packets).packets());
  CHECK(file.writes.size() == 11);
}

TEST_CASE("a kernel that refuses some sizes only is not asked for ever") {
  const auto even = flow_of(tcp_fields(), 10);
  const auto odd = flow_of(tcp_fields(), 9);
  ScriptedFile file;
  file.judge = [&](ByteView write) { return write.size() > 1000 ? -EINVAL : 0; };
  TunWriter writer(kAll);
  int large = 0;
  for (int round = 0; round < 2 * TunWriter::kMaxRefusals; ++round) {
    for (const auto& batch : {even, odd}) {
      file.writes.clear();
      writer.send(file, Outbound(batch).packets());
      CHECK(file.arrived() == batch);
      large += file.writes.size() == 1 ? 1 : 0;
    }
  }
  CHECK(large == TunWriter::kMaxRefusals - 1);
}

TEST_CASE("packets that are refused one by one as well say nothing of the kernel") {
  const auto packets = flow_of(tcp_fields(), 10);
  ScriptedFile file;
  TunWriter writer(kAll);
  for (const int why : {EINVAL, EIO, EBADFD}) {
    file.judge = [why](ByteView) { return -why; };
    for (int round = 0; round < 2 * TunWriter::kMaxRefusals; ++round) {
      CHECK(writer.send(file, Outbound(packets).packets()).taken == packets.size());
    }
  }
  file.judge = {};
  writer.send(file, Outbound(packets).packets());
  CHECK(file.writes.size() == 1);
}

TEST_CASE("a header is of the packet that it stands ahead of, whatever was there before") {
  auto packets = flow_of(tcp_fields(), 12);
  ScriptedFile file;
  TunWriter writer(kAll);
  writer.send(file, Outbound(packets).packets());
  CHECK(file.writes.size() == 1);
  // Wrong checksums, of the first that others would join, and of one that would join.
  for (const std::size_t wrong : {std::size_t{0}, std::size_t{5}, packets.size() - 1}) {
    auto batch = packets;
    batch[wrong].back() ^= 1;
    const Outbound outbound(batch);
    // What a batch before has left ahead of the packets.
    for (const MutableBytes packet : outbound.packets()) {
      std::fill_n(packet.data() - net::kTunnelWriteHeadroom, net::kTunnelWriteHeadroom, 0xee);
    }
    file.writes.clear();
    writer.send(file, outbound.packets());
    CHECK(file.arrived() == batch);
    const auto alone =
        std::find_if(file.writes.begin(), file.writes.end(), [&](const Bytes& write) {
          return equal(ByteView(write).subspan(VnetHeader::kSize), batch[wrong]);
        });
    REQUIRE(alone != file.writes.end());
    CHECK(*VnetHeader::decode(*alone) == VnetHeader{});
  }
}

TEST_CASE("what is no packet goes as it is, in its place") {
  auto packets = flow_of(udp_fields(), 3);
  packets.insert(packets.begin() + 1, Bytes{0x45});
  packets.push_back(Bytes(40, 0));
  ScriptedFile file;
  TunWriter writer(kAll);
  CHECK(writer.send(file, Outbound(packets).packets()).taken == packets.size());
  REQUIRE(file.writes.size() == 3);
  CHECK(file.writes[1] == plain_read(packets[1]));
  CHECK(file.writes[2] == plain_read(packets.back()));
}

TEST_CASE("a device that is full in the middle of a batch gets each packet once, in its order") {
  const std::vector<std::vector<Bytes>> flows{
      flow_of(tcp_fields(1), 60), flow_of(udp_fields(2), 60), flow_of(tcp_fields(3), 60),
      flow_of(udp_fields(4), 60)};
  const auto packets = in_turns(flows);
  sim::SeededRandom random(1);
  std::size_t held = 0;
  for (int round = 0; round < 300; ++round) {
    ScriptedFile file;
    // A kernel that is right, one that is not, and one without offload.
    const auto kind = random.below(3);
    TunWriter writer(kind == 2 ? TunWriter::Offload{.vnet = true} : kAll);
    std::uint32_t room = random.below(6);
    file.judge = [&](ByteView write) {
      if (room == 0) return -EAGAIN;
      if (kind == 1 && is_large(write)) return -EINVAL;
      --room;
      return 0;
    };
    const Outbound outbound(packets);
    std::span<const MutableBytes> left = outbound.packets();
    while (!left.empty()) {
      const auto sent = writer.send(file, left);
      REQUIRE((sent.full || sent.taken == left.size()));
      left = left.subspan(sent.taken);
      held += file.arrived().size() < packets.size() - left.size() ? 1 : 0;
      room += 1 + random.below(40);
    }
    while (!writer.flush(file)) room += 1;
    REQUIRE(same_flows(file.arrived(), packets));
  }
  CHECK(held > 20);
}

TEST_CASE("a device that stays full takes nothing more, and what it has taken is kept") {
  const auto packets = in_turns({flow_of(tcp_fields(1), 4), flow_of(udp_fields(2), 4)});
  ScriptedFile file;
  TunWriter writer(kAll);
  int room = 1;
  file.judge = [&](ByteView) { return room-- > 0 ? 0 : -EAGAIN; };
  // All of TCP is written; of UDP there are three ahead of the last.
  const Outbound outbound(packets);
  auto sent = writer.send(file, outbound.packets());
  CHECK(sent.taken == 7);
  CHECK(sent.full);
  for (int i = 0; i < 3; ++i) {
    room = 0;
    sent = writer.send(file, outbound.packets().last(1));
    CHECK(sent.taken == 0);
    CHECK(sent.full);
    CHECK(!writer.flush(file));
  }
  room = 100;
  CHECK(writer.flush(file));
  CHECK(writer.send(file, outbound.packets().last(1)).taken == 1);
  CHECK(same_flows(file.arrived(), packets));
}

TEST_CASE("a large packet is cut, with room around each, and checksums that hold") {
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      Fields fields{.v6 = v6, .fragment = 0, .payload = ip_test::pattern(20'500)};
      if (!tcp) fields.protocol = ip::protocol::kUdp;
      ScriptedFile file;
      file.reads.push_back(large_read(fields, 1000));
      TunReader reader(true, kSecret);
      const auto packets = receive_all(reader, file);
      REQUIRE(packets.size() == 21);
      Fields expected = fields;
      for (std::size_t i = 0; i < packets.size(); ++i) {
        const ByteView payload = ByteView(fields.payload).subspan(i * 1000);
        expected.payload = to_bytes(payload.first(std::min<std::size_t>(1000, payload.size())));
        CHECK(packets[i] == expected.build());
        expected.seq += 1000;
        ++expected.id;
      }
    }
  }
}

TEST_CASE("a batch has many reads, and a read more than a batch") {
  const auto small = flow_of(udp_fields(1), 100, 1300);
  Fields huge = tcp_fields(2);
  huge.payload = ip_test::pattern(65'000);
  ScriptedFile file;
  for (std::size_t i = 0; i < 3; ++i) {
    for (const Bytes& packet : small) file.reads.push_back(plain_read(packet));
    file.reads.push_back(large_read(huge, 100));
    file.reads.push_back(large_read(huge, 1300));
  }
  TunReader reader(true, kSecret);
  auto received = reader.receive(file, kNow);
  CHECK(received.packets.size() > 100);
  CHECK(reader.has_more());
  std::size_t count = received.packets.size();
  std::size_t payload = 0;
  while (!file.reads.empty() || reader.has_more()) {
    for (const Bytes& packet : receive_all(reader, file)) {
      ++count;
      if (packet[15] == 2) payload += packet.size() - 40;
    }
  }
  CHECK(count == 3 * (100 + 650 + 50));
  CHECK(payload > 6 * 65'000 - 128 * 100);
  CHECK(payload <= 6 * 65'000);
}

TEST_CASE("a read whose pieces are as small as can be comes whole, batch by batch") {
  Fields fields = tcp_fields();
  fields.payload = ip_test::pattern(65'000);
  ScriptedFile file;
  file.reads.push_back(large_read(fields, 1));
  TunReader reader(true, kSecret);
  const auto packets = receive_all(reader, file);
  REQUIRE(packets.size() == 65'000);
  Bytes payload;
  for (const Bytes& packet : packets) append(payload, ByteView(packet).subspan(40));
  CHECK(payload == fields.payload);
}

TEST_CASE("a checksum that was left to us is made, and a packet that is whole not looked into") {
  for (const bool v6 : {false, true}) {
    const Fields fields{.v6 = v6, .payload = ip_test::pattern(1000)};
    ScriptedFile file;
    file.reads.push_back(large_read(fields, 0));
    file.reads.push_back(plain_read(Bytes{1, 2, 3}));
    file.reads.push_back(plain_read(Bytes(net::kMaxMtu, 7)));
    TunReader reader(true, kSecret);
    CHECK(receive_all(reader, file) ==
          std::vector<Bytes>{fields.build(), {1, 2, 3}, Bytes(net::kMaxMtu, 7)});
  }
}

TEST_CASE("a read that is not what its header says is lost, and no other") {
  Fields fields = tcp_fields();
  fields.payload = ip_test::pattern(3000);
  const Bytes good = large_read(fields, 1000);
  Bytes without_checksum = good;
  without_checksum[0] = 0;
  Bytes of_another_type = good;
  of_another_type[1] = VnetHeader::kUdp;
  Bytes cut_off = good;
  cut_off.resize(1500);
  Bytes nowhere = large_read(fields, 0);
  nowhere[6] = nowhere[7] = 0xff;
  ScriptedFile file;
  for (const Bytes& bad : {without_checksum, of_another_type, cut_off, nowhere, Bytes{1, 2},
                           Bytes(VnetHeader::kSize), Bytes{}}) {
    file.reads.push_back(bad);
    file.reads.push_back(good);
  }
  TunReader reader(true, kSecret);
  CHECK(receive_all(reader, file).size() == 7 * 3);
  CHECK(file.reads.empty());
}

TEST_CASE(
    "a small flow does not wait behind a large one that the kernel has handed over before it") {
  Fields bulk = tcp_fields();
  bulk.payload = ip_test::pattern(60'000);
  Fields small = udp_fields(2);
  small.payload = ip_test::pattern(50);
  const Bytes packet = small.build();
  ScriptedFile file;
  for (int i = 0; i < 20; ++i) file.reads.push_back(large_read(bulk, 1400));
  TunReader reader(true, kSecret);
  REQUIRE(reader.receive(file, kNow).packets.size() > 100);
  file.reads.push_back(plain_read(packet));
  const auto next = reader.receive(file, kNow).packets;
  CHECK(equal(next.front(), packet));
  CHECK(reader.drops().late == 0);
}

TEST_CASE("a large flow that stays late loses a packet of a read, not the read") {
  Fields bulk = tcp_fields();
  bulk.payload = ip_test::pattern(42'000);
  const Bytes read = large_read(bulk, 1400);
  ScriptedFile file;
  TunReader reader(true, kSecret);
  std::size_t received = 0;
  std::size_t read_packets = 0;
  // 600 packets stand ahead of one, and 128 leave in 2 ms, as many as come.
  Instant now = kNow;
  for (int i = 0; i < 20; ++i) file.reads.push_back(read);
  for (int turn = 0; reader.drops().late == 0 && turn < 500; ++turn) {
    read_packets += 30 * file.reads.size();
    received += reader.receive(file, now).packets.size();
    for (int i = 0; i < (turn % 4 == 0 ? 5 : 4); ++i) file.reads.push_back(read);
    now = now + 2_ms;
  }
  CHECK(reader.drops().late == 1);
  while (reader.has_more()) {
    read_packets += 30 * file.reads.size();
    received += reader.receive(file, now).packets.size();
  }
  CHECK(received + reader.drops().late + reader.drops().full == read_packets);
}

TEST_CASE("however much a host sends, what waits for this program is bounded") {
  Fields bulk = udp_fields();
  bulk.payload = ip_test::pattern(60'000);
  const Bytes large = large_read(bulk, 1400);
  Fields small = udp_fields(2);
  ScriptedFile file;
  TunReader reader(true, kSecret);
  const Bytes read = plain_read(small.build());
  std::size_t packets = 0;
  for (int turn = 0; turn < 200; ++turn) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < TunReader::kMaxReads / 2; ++i) {
      file.reads.push_back(large);
      file.reads.push_back(read);
      bytes += large.size() + read.size();
    }
    packets += reader.receive(file, kNow).packets.size();
    CHECK(reader.waiting_memory() <= TunReader::kLimits.memory);
    for (const Bytes& left : file.reads) bytes -= left.size();
    CHECK(bytes < TunReader::kMaxReadBytes + large.size());
    file.reads.clear();
  }
  CHECK(packets == 200 * net::kMaxTunnelBatch);
  CHECK(reader.drops().full > 0);
  // And no more than so many are asked for at once.
  for (std::size_t i = 0; i < TunReader::kMaxReads + 10; ++i) file.reads.push_back(read);
  reader.receive(file, kNow);
  CHECK(file.reads.size() == 10);
}

TEST_CASE("a device that is gone says so behind what came before") {
  for (const bool vnet : {false, true}) {
    const Bytes packet = udp_fields().build();
    ScriptedFile file;
    file.error = EBADFD;
    file.reads = {vnet ? plain_read(packet) : packet, Bytes{}};
    TunReader reader(vnet, kSecret);
    const auto received = reader.receive(file, kNow);
    CHECK(received.error == EBADFD);
    REQUIRE(received.packets.size() == 1);
    CHECK(equal(received.packets[0], packet));
  }
}

namespace {

/// A descriptor that allocates nothing itself: always the same read, and every write is taken.
class IdleFile final : public TunFile {
 public:
  explicit IdleFile(const Bytes& read) : read_(read) {}
  int read(MutableBytes room) override {
    if (left == 0) return -EAGAIN;
    --left;
    copy_bytes(read_, room);
    return static_cast<int>(read_.size());
  }
  int write(std::span<const ByteView>) override { return 1; }
  int left = 0;

 private:
  const Bytes read_;
};

}  // namespace

TEST_CASE("batches like those before allocate nothing, in either direction") {
  Fields fields = tcp_fields();
  fields.payload = ip_test::pattern(60'000);
  IdleFile file(large_read(fields, 1000));
  const auto packets = in_turns({flow_of(tcp_fields(1), 100), flow_of(udp_fields(2), 100)});
  const Outbound outbound(packets);
  TunReader reader(true, kSecret);
  TunWriter writer(kAll);
  std::size_t count = 0;
  const auto run = [&] {
    count = writer.send(file, outbound.packets()).taken;
    file.left = 5;
    do {
      count += reader.receive(file, kNow).packets.size();
    } while (file.left > 0 || reader.has_more());
  };
  run();
  {
    const FailingAllocator none(0);
    run();
  }
  CHECK(count == 200 + 300);
  CHECK(!FailingAllocator::has_failed());
}
