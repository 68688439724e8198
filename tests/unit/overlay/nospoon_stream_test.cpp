// SPDX-License-Identifier: Apache-2.0
#include "overlay/nospoon_stream.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "unit/forward/streams.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

struct Side final : net::ByteStreamObserver, PacketObserver {
  void on_readable() override { ++readable; }
  void on_writable() override {}
  void on_reset(const std::string& reason) override { resets.push_back(reason); }
  void on_packets(std::span<const MutableBytes> packets) override {
    ++calls;
    for (const MutableBytes packet : packets) received.push_back(to_bytes(packet));
    if (then) then();
  }
  void on_packets_writable() override { ++writable; }
  void on_max_packet() override {}

  int readable = 0;
  int calls = 0;
  int writable = 0;
  std::vector<Bytes> received;
  std::vector<std::string> resets;
  std::function<void()> then;
};

/// With a peer below that does as the test says.
struct Fixture {
  Fixture()
      : stream(scheduler, std::make_unique<forward::ScriptedPeer>(below), 1400,
               [this](std::uint64_t packets) { too_large += packets; }) {
    stream.set_observer(&side);
    stream.set_packet_observer(&side);
  }
  std::size_t send(std::vector<Bytes> packets) {
    std::vector<MutableBytes> views(packets.begin(), packets.end());
    return stream.send_packets(views);
  }

  Scheduler scheduler;
  forward::Script below;
  Side side;
  std::uint64_t too_large = 0;
  NospoonStream stream;
};

const Bytes kFrame = {0, 0, 0, 3, 7, 8, 9};
const Bytes kPacket = {7, 8, 9};

}  // namespace

TEST_CASE("packets go out in frames, as many in a record as there is room for") {
  Fixture it;
  CHECK(it.send({kPacket, {1}}) == 2);
  CHECK(it.below.written == Bytes{0, 0, 0, 3, 7, 8, 9, 0, 0, 0, 1, 1});
  CHECK(it.side.writable == 0);
}

TEST_CASE("a stream that is full takes nothing, and says when it is worth another attempt") {
  Fixture it;
  it.below.room = kFrame.size();
  CHECK(it.send({kPacket, kPacket}) == 1);
  CHECK(it.send({kPacket}) == 0);
  it.below.make_room(100);
  CHECK(it.side.writable == 1);
  it.below.make_room(100);
  CHECK(it.side.writable == 1);
  CHECK(it.send({kPacket}) == 1);
  Bytes both = kFrame;
  append(both, kFrame);
  CHECK(it.below.written == both);
}

TEST_CASE("a packet that is larger than the room goes on when there is more, ahead of all others") {
  Fixture it;
  it.below.room = 500;
  CHECK(it.send({Bytes(1400, 5), kPacket}) == 1);
  CHECK(it.below.written.size() == 500);
  it.below.make_room(500);
  CHECK(it.side.writable == 0);
  it.below.make_room(1000);
  CHECK(it.side.writable == 1);
  CHECK(it.send({kPacket}) == 1);
  Bytes whole = {0, 0, 5, 0x78};
  whole.resize(1404, 5);
  append(whole, kFrame);
  CHECK(it.below.written == whole);
}

TEST_CASE("a keepalive goes every 25 seconds, and none into the middle of a packet") {
  Fixture it;
  it.scheduler.advance_to(it.scheduler.now() + NospoonStream::kKeepalive);
  CHECK(it.below.written == Bytes(4, 0));
  it.below.written.clear();
  it.below.room = 500;
  CHECK(it.send({Bytes(1400, 5)}) == 1);
  it.scheduler.advance_to(it.scheduler.now() + NospoonStream::kKeepalive);
  it.below.make_room(10000);
  CHECK(it.below.written.size() == 1404);
  it.scheduler.advance_to(it.scheduler.now() + NospoonStream::kKeepalive);
  CHECK(it.below.written.size() == 1408);
  // On a stream that is full it waits, and there is one at most.
  it.below.room = 0;
  for (int i = 0; i < 10; ++i) {
    it.scheduler.advance_to(it.scheduler.now() + NospoonStream::kKeepalive);
  }
  it.below.make_room(10000);
  CHECK(it.below.written.size() == 1412);
  it.stream.reset();
  it.scheduler.advance_to(it.scheduler.now() + NospoonStream::kKeepalive);
  CHECK(it.below.written.size() == 1412);
}

TEST_CASE("what comes in is told in packets, a keepalive as none") {
  Fixture it;
  it.below.arrive(kFrame);
  CHECK(it.side.received == std::vector<Bytes>{kPacket});
  it.below.arrive(Bytes(4, 0));
  CHECK(it.side.calls == 2);
  CHECK(it.side.received.size() == 1);
  CHECK(it.below.incoming.empty());
  Bytes large = {0, 0, 5, 0x79};
  large.resize(1405, 1);
  it.below.arrive(large);
  CHECK(it.too_large == 1);
  CHECK(it.side.received.size() == 1);
}

TEST_CASE("a peer that is out of step is reset, and that is told once") {
  Fixture it;
  Bytes bytes = kFrame;
  append(bytes, Bytes(100, 0xff));
  it.below.arrive(bytes);
  CHECK(it.side.received == std::vector<Bytes>{kPacket});
  CHECK(it.below.was_reset);
  REQUIRE(it.side.resets.size() == 1);
  CHECK(it.side.resets[0] == "the peer sends what is not nospoon's framing");
}

TEST_CASE("who gives the stream up because of a packet hears of no further one") {
  Fixture it;
  it.side.then = [&] { it.stream.cancel(); };
  Bytes bytes;
  for (int i = 0; i < 10000; ++i) append(bytes, kFrame);
  it.below.arrive(bytes);
  CHECK(it.side.calls == 1);
  CHECK(it.side.resets.empty());
}

TEST_CASE("the end of the stream, and a reset, are the peer's") {
  Fixture it;
  it.below.arrive_end();
  CHECK(it.side.readable == 1);
  CHECK(it.stream.read_state() == net::ReadState::kEnd);
  it.below.observer->on_reset("gone");
  CHECK(it.side.resets == std::vector<std::string>{"gone"});
}
