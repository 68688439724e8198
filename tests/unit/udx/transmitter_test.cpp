// SPDX-License-Identifier: Apache-2.0
// Transmitter on a socket that takes as much as it is told to.
#include "udx/transmitter.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

struct ScriptedSocket final : net::UdpSocket {
  struct Sent {
    net::Address to;
    Bytes bytes;
    bool may_fragment;
  };
  void cancel() override {}
  net::Address local_address() const override { return {}; }
  std::size_t send(std::span<const net::OutboundDatagram> batch) override {
    ++calls;
    const std::size_t taken = std::min(room, batch.size());
    room -= taken;
    for (const net::OutboundDatagram& datagram : batch.first(taken)) {
      Bytes bytes;
      for (const ByteView part : datagram.parts) append(bytes, part);
      sent.push_back({datagram.to, bytes, datagram.may_fragment});
    }
    return taken;
  }
  /// The numbers of the packets that were sent, in order.
  std::vector<std::uint32_t> numbers() const {
    std::vector<std::uint32_t> out;
    for (const Sent& one : sent) out.push_back(Packet::parse(one.bytes)->header.seq.value);
    return out;
  }

  std::size_t room = std::numeric_limits<std::size_t>::max();
  int calls = 0;
  std::vector<Sent> sent;
};

struct Transmission {
  Transmitter::Target target() { return {&socket, {net::Ipv4::of(10, 0, 0, 1), 7}, false}; }
  static Header header(std::uint32_t seq) {
    return {.flags = kData, .stream = {0x11223344}, .window = 5, .seq = {seq}, .ack = {9}};
  }
  void add(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      transmitter.add(target(), header(first + i), 0, {ByteView(payload), ByteView()});
    }
  }
  static std::vector<std::uint32_t> range(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> out;
    for (std::uint32_t i = 0; i < count; ++i) out.push_back(first + i);
    return out;
  }

  Transmitter transmitter;
  ScriptedSocket socket;
  ScriptedSocket other;
  Bytes payload = Bytes(1000, 7);
};

}  // namespace

TEST_CASE("Transmitter sends in batches of 64") {
  Transmission run;
  run.add(0, 64);
  CHECK(run.socket.calls == 0);
  run.transmitter.flush();
  CHECK(run.socket.calls == 1);
  run.transmitter.flush();
  CHECK(run.socket.calls == 1);
  run.add(64, 65);
  CHECK(run.socket.calls == 2);
  run.transmitter.flush();
  CHECK(run.socket.calls == 3);
  CHECK(run.socket.numbers() == Transmission::range(0, 129));
}

TEST_CASE("Transmitter sends what it has before it turns to another socket") {
  Transmission run;
  run.add(0, 2);
  run.transmitter.add_copy({&run.other, {}, false}, Transmission::header(2), {}, {});
  CHECK(run.socket.numbers() == Transmission::range(0, 2));
  CHECK(run.other.calls == 0);
  run.transmitter.flush();
  CHECK(run.other.numbers() == Transmission::range(2, 1));
}

TEST_CASE("Transmitter puts a packet together from its parts") {
  Transmission run;
  const Bytes extension(16, 1), body(30, 2), first(40, 3), second(50, 4);
  auto target = run.target();
  target.may_fragment = true;
  run.transmitter.add_copy(target, Transmission::header(1), extension, body);
  run.transmitter.add(run.target(), Transmission::header(2), 12, {first, second});
  run.transmitter.flush();

  Bytes wanted(kHeaderSize);
  Transmission::header(1).write(wanted.data());
  append(wanted, extension);
  append(wanted, body);
  REQUIRE(run.socket.sent.size() == 2);
  CHECK(run.socket.sent[0].bytes == wanted);
  CHECK(run.socket.sent[0].may_fragment);
  CHECK(run.socket.sent[0].to == run.target().to);

  wanted.assign(kHeaderSize, 0);
  Transmission::header(2).write(wanted.data());
  append(wanted, Bytes(12, 0));
  append(wanted, first);
  append(wanted, second);
  CHECK(run.socket.sent[1].bytes == wanted);
  CHECK(!run.socket.sent[1].may_fragment);
}

TEST_CASE("Transmitter forwards a packet under another id") {
  Transmission run;
  Bytes datagram(kHeaderSize);
  Transmission::header(3).write(datagram.data());
  append(datagram, run.payload);
  run.transmitter.add_forwarded(run.target(), datagram, {0xaabbccdd});
  Bytes wanted = datagram;
  store_le32(wanted.data() + 4, 0xaabbccdd);
  datagram.assign(datagram.size(), 0);  // it was copied
  run.transmitter.flush();
  REQUIRE(run.socket.sent.size() == 1);
  CHECK(run.socket.sent[0].bytes == wanted);
}

TEST_CASE("Transmitter keeps in order what a full socket does not take") {
  Transmission run;
  run.socket.room = 3;
  run.add(0, 5);
  run.transmitter.flush();
  CHECK(run.transmitter.blocked(run.socket));
  CHECK(!run.transmitter.blocked(run.other));
  const Bytes before = run.payload;
  run.payload.assign(run.payload.size(), 0);  // what waits was copied

  // It does not overtake, and the socket is not asked.
  run.socket.room = 100;
  run.add(5, 5);
  run.transmitter.flush();
  CHECK(run.socket.calls == 1);

  run.socket.room = 4;
  CHECK(!run.transmitter.on_writable(run.socket));
  CHECK(run.transmitter.blocked(run.socket));
  run.socket.room = 100;
  CHECK(run.transmitter.on_writable(run.socket));
  CHECK(!run.transmitter.blocked(run.socket));
  CHECK(run.socket.numbers() == Transmission::range(0, 10));
  CHECK(run.socket.sent[4].to == run.target().to);
  CHECK(to_bytes(Packet::parse(run.socket.sent[4].bytes)->payload) == before);
  CHECK(run.transmitter.on_writable(run.socket));
}

TEST_CASE("Transmitter keeps 256 packets for a full socket") {
  Transmission run;
  run.socket.room = 0;
  run.add(0, 400);
  run.transmitter.flush();
  run.socket.room = 1000;
  CHECK(run.transmitter.on_writable(run.socket));
  CHECK(run.socket.numbers() == Transmission::range(0, 256));
}

TEST_CASE("Transmitter has nothing left for a socket that is gone") {
  Transmission run;
  run.socket.room = 1;
  run.add(0, 2);
  run.transmitter.flush();
  run.add(2, 2);  // gathered, and kept from before
  run.transmitter.forget(run.socket);
  CHECK(!run.transmitter.blocked(run.socket));
  run.transmitter.flush();
  CHECK(run.transmitter.on_writable(run.socket));
  CHECK(run.socket.calls == 1);
}
