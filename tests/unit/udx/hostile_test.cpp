// SPDX-License-Identifier: Apache-2.0
// Peers that keep to the packet form and to nothing else.
#include "pair.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::size_t kWindow = 1024 * 1024;
// What is let in beyond the window, since it may have been under way when the window closed.
constexpr std::size_t kSlack = 256 * 1024;

/// One stream and its peer, who says what the test makes it say.
struct Victim {
  Victim() {
    recorder.stream = node.mux_.create_stream(recorder, {.receive_window = kWindow});
    recorder.stream->connect(*node.socket_, StreamId{7}, peer);
  }
  ~Victim() { recorder.stream.reset(); }

  void say(std::uint8_t flags, std::uint32_t seq, std::uint32_t ack, ByteView body,
           std::uint8_t data_offset = 0) {
    say_from(peer, flags, seq, ack, body, data_offset);
  }

  void say_from(const net::Address& from, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
                ByteView body, std::uint8_t data_offset = 0) {
    const Header header{.flags = flags,
                        .data_offset = data_offset,
                        .stream = recorder.stream->id(),
                        .window = 1 << 22,
                        .seq = {seq},
                        .ack = {ack}};
    Bytes packet(kHeaderSize);
    header.write(packet.data());
    append(packet, body);
    net::InboundDatagram datagram{from, packet};
    node.on_datagrams(*node.socket_, {&datagram, 1});
  }

  sim::World world{1};
  Node node{world.add_host(net::Ipv4::of(52, 0, 0, 1))};
  Node peer_node{world.add_host(net::Ipv4::of(52, 0, 0, 2))};  // only counts what it gets
  const net::Address peer = peer_node.address();
  const net::Address elsewhere{net::Ipv4::of(52, 0, 0, 9), 1000};
  Recorder recorder;
};

}  // namespace

TEST_CASE("a byte in every second packet costs no more than the window allows") {
  Victim victim;
  const Bytes byte{1};
  for (std::uint32_t seq = 1; seq < 60'000; seq += 2) victim.say(kData, seq, 0, byte);
  CHECK(victim.node.mux_.packets_kept() > 100);
  CHECK(victim.node.mux_.packets_kept() * net::kMaxDatagram <=
        2 * kWindow + kSlack + net::kMaxDatagram);
  // What was refused is repeated by an honest sender, and everything arrives.
  for (std::uint32_t seq = 0; seq < 60'000; ++seq) victim.say(kData, seq, 0, byte);
  CHECK(victim.recorder.received == 60'000);
  CHECK(victim.node.mux_.packets_kept() == 0);
}

TEST_CASE("data beyond the window is not kept, whether or not it is in order") {
  for (const std::uint32_t first : {0u, 1u}) {
    Victim victim;
    victim.recorder.consume_at_once = false;
    const Bytes payload(1400);
    for (std::uint32_t i = 0; i < 4000; ++i) victim.say(kData, first + i, 0, payload);
    CHECK(victim.recorder.received <= kWindow + kSlack);
    CHECK(victim.node.mux_.packets_kept() * 1400 <= kWindow + kSlack);
    CHECK(victim.recorder.received + victim.node.mux_.packets_kept() * 1400 > kWindow / 2);
    victim.recorder.stream->consume(victim.recorder.received);
  }
}

// Fragments put together by the system are larger than any buffer for early packets.
TEST_CASE("a datagram above what peers can send is none of the stream's, in order or not") {
  for (const std::uint32_t seq : {0u, 1u}) {
    Victim victim;
    for (const std::size_t size : {kMaxPayload + 1, std::size_t{10'000}, std::size_t{65'000}}) {
      victim.say(kData, seq, 0, Bytes(size));
      victim.say(kData | kMessage, seq, 0, Bytes(size));
    }
    CHECK(victim.node.mux_.packets_kept() == 0);
    CHECK(victim.recorder.received == 0);
    victim.say(kData, seq, 0, Bytes(kMaxPayload));
    CHECK(victim.node.mux_.packets_kept() == seq);
    CHECK(victim.recorder.received == (seq == 0 ? kMaxPayload : 0));
  }
}

TEST_CASE("acknowledgements of what was never sent change nothing") {
  Victim victim;
  victim.recorder.send(10'000, false);
  victim.world.run_for(1_s);
  const std::uint64_t sent = victim.recorder.stream->stats().packets_sent;
  CHECK(sent > 0);
  for (const std::uint32_t ack : {1000u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    victim.say(kState, 0, ack, {});
    Bytes ranges(16);
    store_le32(ranges.data(), ack);
    store_le32(ranges.data() + 4, ack + 5);
    store_le32(ranges.data() + 8, 5);
    store_le32(ranges.data() + 12, 2);
    victim.say(kSack, 0, 0, ranges);
  }
  CHECK(!victim.recorder.stream->all_acknowledged());
  // The peer never answered, and in the end counts as gone.
  victim.world.run_for(60_s);
  CHECK(victim.recorder.closed == CloseReason::kTimedOut);
}

TEST_CASE("a range that is in order only across the wrap of the numbers is no range") {
  Victim victim;
  victim.recorder.send(5000, false);
  victim.world.run_for(10_ms);
  for (const auto& [start, end] : {std::pair{0x7fffffffu, 0x80000000u},
                                   {0x7ffffff0u, 0x80000003u},
                                   {1u, 0x80000001u},
                                   {2u, 0x80000000u},
                                   {5u, 0xfffffff0u}}) {
    Bytes range(8);
    store_le32(range.data(), start);
    store_le32(range.data() + 4, end);
    victim.say(kSack, 0, 0, range);
  }
  CHECK(!victim.recorder.stream->all_acknowledged());
  CHECK(!victim.recorder.closed);
}

TEST_CASE("an end before the end, and data behind it, bring no byte too many") {
  Victim victim;
  const Bytes byte{Recorder::byte_at(0)};
  victim.say(kData | kEnd, 3, 0, byte);
  victim.say(kData | kEnd, 1, 0, byte);
  victim.say(kData, 5, 0, byte);
  victim.say(kData, 0, 0, byte);
  CHECK(victim.recorder.received <= 2);
  victim.say(kData, 2, 0, byte);
  victim.say(kData, 4, 0, byte);
  victim.say(kData, 6, 0, byte);
  CHECK(victim.recorder.received <= 4);
  CHECK(victim.recorder.ended);
}

TEST_CASE("a data offset beyond the end, and packets that are all header, are dropped") {
  Victim victim;
  victim.say(kData, 0, 0, Bytes{1, 2}, 3);
  CHECK(victim.recorder.received == 0);
  for (int flags = 0; flags < 256; ++flags) {
    if ((flags & kDestroy) == 0 && (flags & kEnd) == 0) {
      victim.say(static_cast<std::uint8_t>(flags), 0xfffffff0, 0, {});
    }
  }
  CHECK(!victim.recorder.closed);
}

TEST_CASE(
    "who is not on the path is not heard, whatever it says and however well it knows the numbers") {
  Victim victim;
  victim.recorder.accept = false;
  victim.recorder.send(1000, false);
  victim.say(kData, 0, 0, Bytes{Recorder::byte_at(0)});
  victim.world.run_for(10_ms);
  const auto before = victim.recorder.stream->stats();
  const net::Address other_port{victim.peer.host, 1001};
  for (const auto& from : {victim.elsewhere, other_port, net::Address{victim.peer.host, 0}}) {
    for (const std::uint8_t flags : {kData, kEnd, kDestroy, kMessage, kHeartbeat, kState}) {
      victim.say_from(from, flags, 1, 1, Bytes{7});
    }
  }
  Recorder& recorder = victim.recorder;
  CHECK(recorder.received == 1);
  CHECK(!recorder.ended);
  CHECK(!recorder.closed);
  CHECK(recorder.messages.empty());
  CHECK(!recorder.stream->all_acknowledged());
  const auto after = recorder.stream->stats();
  CHECK(after.packets_received == before.packets_received);
  CHECK(after.packets_sent == before.packets_sent);
  CHECK(after.packets_refused == before.packets_refused + 18);
  // The peer itself is.
  victim.say(kEnd, 1, 1, {});
  CHECK(recorder.ended);
}

TEST_CASE("a reset counts within the window, and if it knows what was acknowledged") {
  constexpr std::uint32_t kAhead = ReceiveQueue::kMaxAhead;
  struct Case {
    std::uint32_t seq;
    std::uint32_t ack;
    bool counts;
  };
  // The victim has sent two packets, of which one is acknowledged, and has heard 10.
  for (const auto& [seq, ack, counts] :
       {Case{10, 1, true}, Case{10, 2, true}, Case{10 + kAhead - 1, 1, true},
        Case{10, 1 + kAhead, true}, Case{9, 1, false}, Case{10 + kAhead, 1, false},
        Case{0x7fffffff, 1, false}, Case{0x80000009, 1, false}, Case{10, 0, false},
        Case{10, 2 + kAhead, false}, Case{10, 0x80000000, false}}) {
    CAPTURE(seq, ack);
    Victim victim;
    victim.recorder.send(1500, false);
    victim.world.run_for(1_ms);
    for (std::uint32_t i = 0; i < 10; ++i) victim.say(kData, i, 1, Bytes{Recorder::byte_at(i)});
    victim.say(kDestroy, seq, ack, {});
    CHECK(victim.recorder.closed == (counts ? std::optional(CloseReason::kReset) : std::nullopt));
  }
}

TEST_CASE("an end ahead of the window is none") {
  Victim victim;
  victim.say(kEnd, ReceiveQueue::kMaxAhead, 0, {});
  victim.say(kEnd, 0x7fffffff, 0, {});
  victim.say(kData | kEnd, 0x80000000, 0, Bytes{1});
  CHECK(victim.node.mux_.packets_kept() == 0);
  for (std::uint32_t i = 0; i < 100; ++i) victim.say(kData, i, 0, Bytes{Recorder::byte_at(i)});
  CHECK(victim.recorder.received == 100);
  CHECK(!victim.recorder.ended);
}

TEST_CASE("a stream that has closed answers its peer and nobody else") {
  Victim victim;
  victim.recorder.send(10, true);
  victim.world.run_for(1_ms);
  victim.say(kEnd, 0, 1, {});
  REQUIRE(victim.recorder.closed == CloseReason::kFinished);
  const auto answered = [&](const net::Address& from) {
    const int before = victim.peer_node.foreign_;
    victim.say_from(from, kEnd, 0, 1, {});
    victim.world.run_for(50_ms);
    return victim.peer_node.foreign_ > before;
  };
  CHECK(answered(victim.peer));
  CHECK(!answered(victim.elsewhere));
}
