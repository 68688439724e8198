// SPDX-License-Identifier: Apache-2.0
#include "ip/coalescer.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "ip/network_order.hpp"
#include "sim/random.hpp"
#include "unit/failing_allocator.hpp"
#include "unit/ip/packets.hpp"
#include "unit/ip/round_trip.hpp"

using namespace hsfwd;
using namespace hsfwd::ip;
using ip_test::check_round_trip;
using ip_test::Fields;

namespace {

constexpr std::size_t kSize = 100;

Fields tcp4() {
  return {.payload = ip_test::pattern(kSize)};
}
Fields udp4() {
  return {.protocol = protocol::kUdp, .payload = ip_test::pattern(kSize)};
}
Fields as_v6(Fields fields) {
  fields.v6 = true;
  return fields;
}

/// The next packet of a stream, of the same size.
Fields after(Fields fields) {
  fields.seq += static_cast<std::uint32_t>(fields.payload.size());
  ++fields.id;
  return fields;
}

/// How many writes it takes; what they hold is checked on the way.
std::size_t writes_of(const std::vector<Bytes>& batch, Coalescer::Options options = {}) {
  Coalescer coalescer(options);
  return check_round_trip(coalescer, batch);
}

/// Whether `second`, as `change` makes it of the packet that follows `first`, still joins.
bool joins(const Fields& first, const std::function<void(Fields&)>& change) {
  Fields second = after(first);
  change(second);
  return writes_of({first.build(), second.build()}) == 1;
}

std::vector<Bytes> stream(Fields fields, std::size_t count) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < count; ++i, fields = after(fields)) out.push_back(fields.build());
  return out;
}

struct Bytewise {
  sim::SeededRandom random;
  std::uint8_t u8() { return static_cast<std::uint8_t>(random.below(256)); }
};

const Fields kStreams[] = {tcp4(), as_v6(tcp4()), udp4(), as_v6(udp4())};

}  // namespace

TEST_CASE("a stream becomes one write, for the kernel to cut") {
  for (const Fields& fields : kStreams) {
    const auto batch = stream(fields, 30);
    Coalescer coalescer({});
    for (const Bytes& packet : batch) coalescer.add(*Packet::parse(packet));
    const auto writes = coalescer.finish();
    REQUIRE(writes.size() == 1);
    const VnetHeader& header = writes[0].header;
    const bool tcp = fields.protocol == protocol::kTcp;
    CHECK(header.needs_checksum());
    CHECK(header.gso_type == (!tcp        ? VnetHeader::kUdp
                              : fields.v6 ? VnetHeader::kTcpv6
                                          : VnetHeader::kTcpv4));
    CHECK(header.gso_size == kSize);
    CHECK(header.header_size == (fields.v6 ? 40 : 20) + (tcp ? 20 : 8));
    CHECK(header.checksum_start == (fields.v6 ? 40 : 20));
    CHECK(header.checksum_offset == (tcp ? 16 : 6));
    // Payload is written from where it lies.
    REQUIRE(writes[0].pieces.size() == 1 + batch.size());
    REQUIRE(writes[0].packets.size() == batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      CHECK(writes[0].packets[i].data() == batch[i].data());
      CHECK(writes[0].pieces[i + 1].data() == batch[i].data() + header.header_size);
    }
    coalescer.clear();
    CHECK(check_round_trip(coalescer, batch) == 1);
  }
}

TEST_CASE("a last packet that is shorter ends a write, and a longer one begins another") {
  for (const Fields& fields : kStreams) {
    auto batch = stream(fields, 3);
    Fields next = after(after(after(fields)));
    next.payload.resize(kSize - 1);
    batch.push_back(next.build());
    CHECK(writes_of(batch) == 1);
    next = after(next);
    batch.push_back(next.build());
    CHECK(writes_of(batch) == 2);
    CHECK(!joins(fields, [](Fields& second) { second.payload.push_back(1); }));
    CHECK(!joins(fields, [](Fields& second) { second.payload.clear(); }));
  }
}

TEST_CASE("PSH is on the last packet only") {
  Fields pushed = after(tcp4());
  pushed.tcp_flags |= tcp_flag::kPsh;
  CHECK(writes_of({tcp4().build(), pushed.build()}) == 1);
  CHECK(writes_of({tcp4().build(), pushed.build(), after(after(tcp4())).build()}) == 2);
  CHECK(writes_of({pushed.build(), after(pushed).build()}) == 2);
}

TEST_CASE("packets that no cut makes of one do not become one") {
  for (const Fields& fields : {tcp4(), as_v6(tcp4())}) {
    CHECK(joins(fields, [](Fields&) {}));
    for (int flag = 1; flag < 256; flag *= 2) {
      if (flag == tcp_flag::kPsh) continue;
      CHECK(!joins(fields, [flag](Fields& f) { f.tcp_flags ^= static_cast<std::uint8_t>(flag); }));
    }
    CHECK(!joins(fields, [](Fields& f) { f.seq += 1; }));
    CHECK(!joins(fields, [](Fields& f) { f.seq -= 200; }));
    CHECK(!joins(fields, [](Fields& f) { f.ack += 1; }));
    CHECK(!joins(fields, [](Fields& f) { f.window += 1; }));
    CHECK(!joins(fields, [](Fields& f) { f.options = Bytes(4, 1); }));
    Fields with_options = fields;
    with_options.options = Bytes(12, 1);
    CHECK(joins(with_options, [](Fields&) {}));
    CHECK(!joins(with_options, [](Fields& f) { f.options[11] = 0; }));
  }
  for (const Fields& fields : kStreams) {
    CHECK(joins(fields, [](Fields&) {}));
    CHECK(!joins(fields, [](Fields& f) { f.tos = 4; }));
    CHECK(!joins(fields, [](Fields& f) { f.ttl = 63; }));
    CHECK(!joins(fields, [](Fields& f) { f.host = 2; }));
    CHECK(!joins(fields, [](Fields& f) { f.source_port = 1; }));
    CHECK(!joins(fields, [](Fields& f) { f.destination_port = 1; }));
    CHECK(!joins(fields, [](Fields& f) { f.v6 = !f.v6; }));
  }
}

TEST_CASE("ids of IPv4 count on, unless they mean nothing") {
  for (Fields fields : {tcp4(), udp4()}) {
    CHECK(joins(fields, [](Fields& f) { f.id = 0; }));
    CHECK(!joins(fields, [](Fields& f) { f.fragment = 0; }));
    fields.fragment = 0;
    fields.id = 0xffff;
    CHECK(joins(fields, [](Fields&) {}));
    CHECK(!joins(fields, [](Fields& f) { f.id += 1; }));
    CHECK(!joins(fields, [](Fields& f) { f.id -= 1; }));
  }
}

TEST_CASE("flow labels of IPv6 are kept") {
  for (const Fields& fields : {as_v6(tcp4()), as_v6(udp4())}) {
    const Bytes first = fields.build();
    Bytes second = after(fields).build();
    second[3] = 1;
    CHECK(writes_of({first, second}) == 2);
  }
}

TEST_CASE("a packet with a wrong checksum is written as it is, by itself") {
  for (const Fields& fields : kStreams) {
    auto batch = stream(fields, 5);
    for (const std::size_t bad : {0, 2, 4}) {
      auto changed = batch;
      changed[bad].back() ^= 1;
      const std::size_t rest = bad == 2 ? 2 : 1;
      CHECK(writes_of(changed) == rest + 1);
    }
    if (fields.v6) continue;
    batch[2][10] ^= 1;  // of the header
    CHECK(writes_of(batch) == 3);
  }
}

TEST_CASE("the other way to write a checksum of zero comes back as it was, by not being touched") {
  for (Fields fields : kStreams) {
    const std::size_t headers =
        (fields.v6 ? 40 : 20) + (fields.protocol == protocol::kTcp ? 20 : 8);
    const std::size_t at = (fields.v6 ? 40 : 20) + (fields.protocol == protocol::kTcp ? 16 : 6);
    store_be16(&fields.payload[0], 0);
    store_be16(&fields.payload[0], load_be16(&fields.build()[at]));
    Bytes zero = fields.build();
    const std::uint16_t usual = fields.protocol == protocol::kTcp ? 0 : 0xffff;
    REQUIRE(zero.size() == headers + kSize);
    REQUIRE(load_be16(&zero[at]) == usual);
    const Bytes second = after(fields).build();
    CHECK(writes_of({zero, second}) == 1);
    store_be16(&zero[at], static_cast<std::uint16_t>(~usual));
    CHECK(writes_of({zero, second}) == 2);
  }
}

TEST_CASE("no more in a write than there may be") {
  for (const Fields& fields : kStreams) {
    CHECK(writes_of(stream(fields, Coalescer::kMaxPackets)) == 1);
    CHECK(writes_of(stream(fields, Coalescer::kMaxPackets + 1)) == 2);
    Fields large = fields;
    large.payload = ip_test::pattern(16'000);
    CHECK(writes_of(stream(large, 4)) == 1);
    CHECK(writes_of(stream(large, 5)) == 2);
  }
}

TEST_CASE("flows that take turns become a write each") {
  std::vector<Bytes> batch;
  for (std::uint32_t i = 0; i < 8; ++i) {
    for (Fields fields : kStreams) {
      for (std::uint32_t n = 0; n < i; ++n) fields = after(fields);
      batch.push_back(fields.build());
    }
  }
  CHECK(writes_of(batch) == 4);
  CHECK(writes_of(batch, {.udp = false}) == 2 + 16);
  CHECK(writes_of(batch, {.tcp = false}) == 2 + 16);
  CHECK(writes_of(batch, {.tcp = false, .udp = false}) == 32);
}

TEST_CASE("more flows than are kept in mind cost writes, and nothing else") {
  std::vector<Bytes> batch;
  for (std::uint8_t round = 0; round < 2; ++round) {
    for (std::size_t flow = 0; flow <= Coalescer::kMaxFlows; ++flow) {
      Fields fields = udp4();
      fields.source_port = static_cast<std::uint16_t>(flow);
      batch.push_back(fields.build());
    }
  }
  CHECK(writes_of(batch) > Coalescer::kMaxFlows);
  // One that is done makes room.
  std::vector<Bytes> ended;
  for (int round = 0; round < 40; ++round) {
    Fields fields = udp4();
    ended.push_back(fields.build());
    fields.payload.resize(1);
    ended.push_back(fields.build());
    fields = as_v6(udp4());
    ended.push_back(fields.build());
  }
  CHECK(writes_of(ended) == 41);
}

TEST_CASE("a packet that goes by itself is not overtaken by its flow") {
  // Acknowledgements, resets and fragments stand in the way; packets of other flows do not.
  for (const Fields& fields : kStreams) {
    auto batch = stream(fields, 4);
    Fields ping = fields;
    ping.protocol = protocol::kIcmp;
    batch.insert(batch.begin() + 2, ping.build());
    CHECK(writes_of(batch) == 2);
    Fields ack = after(after(fields));
    ack.payload.clear();
    batch[2] = ack.build();
    CHECK(writes_of(batch) == 3);
    if (fields.v6) continue;
    Fields fragment = fields;
    fragment.fragment = 0x2020;
    batch[2] = fragment.build();
    CHECK(writes_of(batch) == 3);
  }
}

TEST_CASE("a datagram without a checksum, or one that ends before its packet, is left alone") {
  Bytes first = udp4().build();
  Bytes second = after(udp4()).build();
  store_be16(&first[26], 0);
  CHECK(writes_of({first, second}) == 2);
  CHECK(writes_of({second, first}) == 2);
  for (Bytes* packet : {&first, &second}) store_be16(&(*packet)[24], kSize + 8 - 2);
  CHECK(writes_of({first, second}) == 2);
}

TEST_CASE("options of IPv4 and extension headers of IPv6 are left alone") {
  for (const Fields& fields : {tcp4(), as_v6(tcp4())}) {
    auto batch = stream(fields, 2);
    for (Bytes& packet : batch) {
      const Bytes inserted = fields.v6 ? Bytes{protocol::kTcp, 0, 1, 4, 0, 0, 0, 0} : Bytes(4, 1);
      const std::size_t header = fields.v6 ? 40 : 20;
      const std::size_t length_at = fields.v6 ? 4 : 2;
      store_be16(&packet[length_at],
                 static_cast<std::uint16_t>(load_be16(&packet[length_at]) + inserted.size()));
      if (fields.v6) packet[6] = 60;
      if (!fields.v6) packet[0] = 0x46;
      packet.insert(packet.begin() + static_cast<std::ptrdiff_t>(header), inserted.begin(),
                    inserted.end());
      REQUIRE(Packet::parse(packet)->is_tcp());
    }
    CHECK(writes_of(batch) == 2);
  }
}

TEST_CASE("nothing of one batch is left in the next") {
  Coalescer coalescer({});
  const auto batch = stream(tcp4(), 4);
  CHECK(check_round_trip(coalescer, std::span(batch).first(2)) == 1);
  CHECK(check_round_trip(coalescer, std::span(batch).subspan(2, 1)) == 1);
  CHECK(check_round_trip(coalescer, std::span(batch).subspan(3, 1)) == 1);
  CHECK(check_round_trip(coalescer, {}) == 0);
}

TEST_CASE("what is no packet is a write of its own, in its place, and parts no flow") {
  Coalescer coalescer({});
  const auto batch = stream(tcp4(), 4);
  const Bytes others[] = {{0x45}, {}, Bytes(2000, 0xff)};
  for (std::size_t i = 0; i < 3; ++i) {
    coalescer.add(*Packet::parse(batch[i]));
    coalescer.add_unread(others[i]);
  }
  coalescer.add(*Packet::parse(batch[3]));
  const auto writes = coalescer.finish();
  REQUIRE(writes.size() == 4);
  CHECK(writes[0].packets.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(writes[i + 1].header == VnetHeader{});
    REQUIRE(writes[i + 1].packets.size() == 1);
    CHECK(equal(writes[i + 1].packets[0], others[i]));
    Bytes plain = to_bytes(Coalescer::kPlainHeader);
    append(plain, others[i]);
    CHECK(ip_test::gather(writes[i + 1].pieces) == plain);
  }
}

TEST_CASE("a batch like the one before allocates nothing, neither put together nor cut again") {
  std::vector<Bytes> batch;
  for (const Fields& fields : kStreams) {
    for (Bytes& packet : stream(fields, 20)) batch.push_back(std::move(packet));
  }
  std::vector<Packet> packets;
  for (const Bytes& bytes : batch) packets.push_back(*Packet::parse(bytes));
  Coalescer coalescer({});
  Bytes written(VnetHeader::kSize + kMaxPacket);
  Bytes room(kMaxPacket);
  const auto run = [&] {
    for (const Packet& packet : packets) coalescer.add(packet);
    std::size_t count = 0;
    for (const auto& write : coalescer.finish()) {
      std::size_t size = 0;
      for (const ByteView piece : write.pieces) {
        copy_bytes(piece, MutableBytes(written).subspan(size));
        size += piece.size();
      }
      const ByteView read = ByteView(written).first(size);
      auto segmenter = Segmenter::start(write.header, read.subspan(VnetHeader::kSize));
      for (; segmenter && !segmenter->done(); ++count) segmenter->next(room);
    }
    coalescer.clear();
    return count;
  };
  CHECK(run() == batch.size());
  std::size_t count = 0;
  {
    const FailingAllocator none(0);
    count = run();
  }
  CHECK(count == batch.size());
  CHECK(!FailingAllocator::has_failed());
}

TEST_CASE(
    "any mix of packets is written once, in the order of each flow, and cut into what it was") {
  Bytewise source{sim::SeededRandom(11)};
  Coalescer coalescer({});
  std::size_t packets = 0;
  std::size_t writes = 0;
  for (int i = 0; i < 3000; ++i) {
    ip_test::Mix mix(source);
    std::vector<Bytes> batch;
    for (std::uint32_t n = source.random.below(64); n > 0; --n) batch.push_back(mix.next());
    packets += batch.size();
    writes += check_round_trip(coalescer, batch);
  }
  // Much is put together, and much is not.
  CHECK(writes < packets * 3 / 4);
  CHECK(writes > packets / 4);
}
