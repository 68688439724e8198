// SPDX-License-Identifier: Apache-2.0
// Messages beside a stream, in batches and where they lie: through a socket that is full, to a peer that is
// unproven, and as probes of the path's size.
#include <catch2/catch.hpp>

#include "pair.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

/// A socket that takes so many datagrams and no more.
struct NarrowSocket final : net::UdpSocket {
  explicit NarrowSocket(net::UdpSocket& s) : inner(s) {}
  void cancel() override {}
  net::Address local_address() const override { return inner.local_address(); }
  std::size_t send(std::span<const net::OutboundDatagram> batch) override {
    ++calls;
    const std::size_t taken = inner.send(batch.first(std::min(room, batch.size())));
    room -= taken;
    return taken;
  }
  net::UdpSocket& inner;
  std::size_t room = 1'000'000;
  int calls = 0;
};

struct Talker : Recorder {
  void on_messages_writable() override { ++writable; }
  void on_max_message() override { ++size_changes; }
  void on_probe_wanted(std::uint32_t number, std::size_t size) override {
    probes.push_back({number, size});
    if (answers) stream->on_probe_answered(number);
  }
  struct Probe {
    std::uint32_t number;
    std::size_t size;
  };
  int writable = 0;
  int size_changes = 0;
  bool answers = true;
  std::vector<Probe> probes;
};

struct Talk {
  Talk()
      : world(3),
        a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1))),
        b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2))),
        narrow(*a_node.socket_) {
    a.stream = a_node.mux_.create_stream(a);
    b.stream = b_node.mux_.create_stream(b);
    b.stream->connect(*b_node.socket_, a.stream->id(), a_node.address());
  }
  void connect() { connect(narrow); }
  void connect(net::UdpSocket& socket) {
    a.stream->connect(socket, b.stream->id(), b_node.address());
  }
  /// Messages of the numbers from `first` on.
  static std::vector<Bytes> numbered(std::size_t first, std::size_t count, std::size_t size) {
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < count; ++i) {
      out.emplace_back(kHeaderSize + size, static_cast<std::uint8_t>(first + i));
    }
    return out;
  }
  bool send(std::size_t first, std::size_t count, std::size_t size) {
    a_node.host_.freeze();
    auto memory = numbered(first, count, size);
    std::vector<MutableBytes> messages;
    for (Bytes& one : memory) messages.push_back(MutableBytes(one).subspan(kHeaderSize));
    if (!a.stream->claim_messages(count, count * size)) return false;
    a.stream->send_messages(messages);
    for (Bytes& one : memory) std::fill(one.begin(), one.end(), std::uint8_t{0xff});
    return true;
  }

  sim::World world;
  Node a_node;
  Node b_node;
  NarrowSocket narrow;
  Talker a;
  Talker b;
};

}  // namespace

TEST_CASE("a batch of messages leaves at once and in one call") {
  Talk talk;
  CHECK(!talk.send(0, 1, 10));
  talk.connect();
  REQUIRE(talk.send(0, Stream::kMaxMessages, 1000));
  CHECK(talk.narrow.calls == 1);
  talk.world.run_for(100_ms);
  REQUIRE(talk.b.messages.size() == Stream::kMaxMessages);
  for (std::size_t i = 0; i < talk.b.messages.size(); ++i) {
    CHECK(talk.b.messages[i] == Bytes(1000, static_cast<std::uint8_t>(i)));
  }
}

TEST_CASE("messages that a full socket does not take wait for it, further ones are not taken") {
  Talk talk;
  talk.connect();
  talk.narrow.room = 3;
  REQUIRE(talk.send(0, 10, 500));
  CHECK(!talk.send(10, 10, 500));
  talk.world.run_for(100_ms);
  CHECK(talk.b.messages.size() == 3);
  CHECK(talk.a.writable == 0);
  talk.narrow.room = 1000;
  talk.a_node.host_.freeze();
  talk.a_node.mux_.on_writable(talk.narrow);
  talk.world.run_for(100_ms);
  CHECK(talk.a.writable == 1);
  REQUIRE(talk.b.messages.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(talk.b.messages[i] == Bytes(500, static_cast<std::uint8_t>(i)));
  }
  CHECK(talk.send(10, 10, 500));
  talk.world.run_for(100_ms);
  CHECK(talk.a.writable == 1);
  CHECK(talk.b.messages.size() == 20);
}

TEST_CASE("messages to who is unproven are paid for, and go on when the peer has shown itself") {
  Talk talk;
  talk.connect(*talk.a_node.socket_);
  talk.a.stream->limit_unproven(3000);
  CHECK(talk.send(0, 2, 1000));
  CHECK(!talk.send(2, 1, 1000));
  talk.world.run_for(1_s);
  CHECK(talk.b.messages.size() == 2);
  CHECK(talk.a.writable == 0);
  SECTION("by what it sends") {
    talk.b_node.host_.freeze();
    talk.b.stream->send_message(Bytes(400, 1));
  }
  SECTION("for good") {
    talk.a_node.host_.freeze();
    talk.a.stream->lift_limit();
  }
  talk.world.run_for(1_s);
  CHECK(talk.a.writable == 1);
  CHECK(talk.send(2, 1, 1000));
}

TEST_CASE("the size of a path is probed with messages once it works, and told when it changes") {
  Talk talk;
  talk.connect();
  talk.a.stream->probe_with_messages();
  talk.world.run_for(1_s);
  CHECK(talk.a.probes.empty());
  talk.a_node.host_.freeze();
  talk.a.send(10, false);  // a word, acknowledged
  talk.world.run_for(1_s);
  REQUIRE(talk.a.probes.size() == 2);
  CHECK(talk.a.probes[0].size == 1455 - kOverhead);
  CHECK(talk.a.probes[1].size == 1500 - kOverhead);
  CHECK(talk.a.probes[0].number != talk.a.probes[1].number);
  CHECK(talk.a.stream->max_message() == 1500 - kOverhead);
  CHECK(talk.a.size_changes == 2);
  talk.world.run_for(60_s);
  CHECK(talk.a.probes.size() == 2);
}

TEST_CASE("a repeat of a probe has its number, so that an answer that comes late counts") {
  Talk talk;
  talk.connect();
  talk.a.answers = false;
  talk.a.stream->probe_with_messages();
  talk.a_node.host_.freeze();
  talk.a.send(10, false);
  REQUIRE(talk.world.run_until([&] { return talk.a.probes.size() == 2; }, 10_s));
  CHECK(talk.a.probes[0].number == talk.a.probes[1].number);
  talk.a_node.host_.freeze();
  talk.a.stream->on_probe_answered(talk.a.probes[0].number + 1);
  CHECK(talk.a.stream->max_message() == 1200 - kOverhead);
  talk.a.stream->on_probe_answered(talk.a.probes[0].number);
  CHECK(talk.a.stream->max_message() == 1455 - kOverhead);
}

TEST_CASE("what was asked of a path says nothing of the next one") {
  Talk talk;
  talk.connect();
  talk.a.answers = false;
  talk.a.stream->probe_with_messages();
  talk.a_node.host_.freeze();
  talk.a.send(10, false);
  REQUIRE(talk.world.run_until([&] { return !talk.a.probes.empty(); }, 10_s));
  talk.a_node.host_.freeze();
  const std::uint32_t number = talk.a.probes.back().number;
  talk.a.stream->change_remote(*talk.a_node.socket_, talk.b.stream->id(), talk.b_node.address());
  talk.a.stream->on_probe_answered(number);
  CHECK(talk.a.stream->max_message() == 1200 - kOverhead);
  const std::size_t before = talk.a.probes.size();
  talk.a.send(20, false);
  REQUIRE(talk.world.run_until([&] { return talk.a.probes.size() > before; }, 10_s));
  CHECK(talk.a.probes.back().number != number);
}
