// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <deque>

#include "secret_stream/protomux.hpp"
#include "util/text.hpp"

namespace hsfwd::secret_stream {

namespace {

struct Recorder : ChannelObserver {
  void on_open() override { opened = true; }
  bool on_message(std::uint64_t type, ByteView payload) override {
    messages.emplace_back(type, std::string(as_text(payload)));
    if (on_each) on_each();
    return decodes;
  }
  void on_closed() override { closed = true; }

  bool opened = false;
  bool closed = false;
  bool decodes = true;
  std::vector<std::pair<std::uint64_t, std::string>> messages;
  std::function<void()> on_each;
};

/// One end of a connection; what it sends waits until the other end is given it.
struct End {
  Protomux mux{[this](ByteView frame) { sent.push_back(to_bytes(frame)); }};
  std::deque<Bytes> sent;

  /// False when the other end breaks the connection.
  bool deliver_to(End& other) {
    while (!sent.empty()) {
      const Bytes frame = sent.front();
      sent.pop_front();
      if (!other.mux.feed(frame)) return false;
    }
    return true;
  }
  std::string next_hex() {
    const std::string hex = to_hex(sent.front());
    sent.pop_front();
    return hex;
  }
};

Bytes hex(std::string_view digits) {
  return *from_hex(digits);
}

bool refuses(End& end, std::string_view digits) {
  return !end.mux.feed(hex(digits));
}

}  // namespace

TEST_CASE("a channel opens when both sides have named the same protocol and id") {
  End a, b;
  Recorder at_a, at_b;
  const auto one = a.mux.open("p", as_bytes("id"), at_a);
  const auto two = b.mux.open("p", as_bytes("id"), at_b);
  CHECK_FALSE(one->is_open());
  REQUIRE(a.deliver_to(b));
  REQUIRE(b.deliver_to(a));
  CHECK(one->is_open());
  CHECK(two->is_open());
  CHECK(at_a.opened);
  CHECK(at_b.opened);

  one->send(0, as_bytes("to b"));
  two->send(3, as_bytes("to a"));
  REQUIRE(a.deliver_to(b));
  REQUIRE(b.deliver_to(a));
  CHECK(at_b.messages == std::vector{std::pair<std::uint64_t, std::string>(0, "to b")});
  CHECK(at_a.messages == std::vector{std::pair<std::uint64_t, std::string>(3, "to a")});
}

TEST_CASE("messages sent right behind the own open are there when the other side accepts") {
  End a, b;
  Recorder at_a, at_b;
  std::unique_ptr<Channel> accepted;
  b.mux.set_on_incoming([&](std::string_view protocol, ByteView id) {
    CHECK(protocol == "p");
    accepted = b.mux.open(protocol, id, at_b);
  });
  const auto channel = a.mux.open("p", {}, at_a);
  channel->send(0, as_bytes("early"));
  REQUIRE(a.deliver_to(b));
  CHECK(at_b.messages.size() == 1);
  REQUIRE(b.deliver_to(a));
  CHECK(at_a.opened);
}

TEST_CASE("a channel of another id is not the one that was waited for") {
  End a, b;
  Recorder at_a, at_b;
  const auto one = a.mux.open("p", as_bytes("mine"), at_a);
  const auto two = b.mux.open("p", as_bytes("yours"), at_b);
  REQUIRE(a.deliver_to(b));
  REQUIRE(b.deliver_to(a));
  REQUIRE(a.deliver_to(b));
  CHECK(at_a.closed);
  CHECK(at_b.closed);
  CHECK(a.mux.size() == 0);
  CHECK(b.mux.size() == 0);
}

TEST_CASE("closing is told once, and messages under way then are ignored") {
  End a, b;
  Recorder at_a, at_b;
  auto one = a.mux.open("p", {}, at_a);
  const auto two = b.mux.open("p", {}, at_b);
  REQUIRE(a.deliver_to(b));
  REQUIRE(b.deliver_to(a));
  two->send(0, as_bytes("crosses the close"));
  one.reset();
  REQUIRE(b.deliver_to(a));
  REQUIRE(a.deliver_to(b));
  CHECK_FALSE(at_a.closed);
  CHECK(at_a.messages.empty());
  CHECK(at_b.closed);
  CHECK(two->closed());
  CHECK(b.sent.empty());
}

TEST_CASE("numbers stay dense: freed ones are used again, the last freed first") {
  End a, b;
  Recorder at_a;
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::vector<std::unique_ptr<Channel>> accepted;
  b.mux.set_on_incoming([&](std::string_view protocol, ByteView id) {
    recorders.push_back(std::make_unique<Recorder>());
    accepted.push_back(b.mux.open(protocol, id, *recorders.back()));
  });
  std::vector<std::unique_ptr<Channel>> channels;
  for (const char* name : {"one", "two", "three"}) channels.push_back(a.mux.open(name, {}, at_a));
  REQUIRE(a.deliver_to(b));
  REQUIRE(b.deliver_to(a));
  channels[0].reset();
  channels[1].reset();
  REQUIRE(a.deliver_to(b));
  channels[0] = a.mux.open("four", {}, at_a);
  CHECK(a.next_hex() == "00010204666f757200");
  channels[1] = a.mux.open("five", {}, at_a);
  CHECK(a.next_hex() ==
        "0001010466697665"
        "00");
}

TEST_CASE("the number of a channel closed before the answer is free once the answer came") {
  End a, b;
  Recorder at_a, at_b;
  SECTION("an open") {
    const auto crossing = b.mux.open("p", {}, at_b);
    a.mux.open("p", {}, at_a).reset();
    CHECK(a.mux.size() == 1);
    REQUIRE(b.deliver_to(a));
    REQUIRE(a.deliver_to(b));
    CHECK(at_b.closed);
  }
  SECTION("a reject") {
    a.mux.open("p", {}, at_a).reset();
    REQUIRE(a.deliver_to(b));
    CHECK(a.mux.size() == 1);
    REQUIRE(b.deliver_to(a));
  }
  CHECK(a.mux.size() == 0);
  CHECK(b.mux.size() == 0);
  CHECK_FALSE(at_a.opened);
  CHECK_FALSE(at_a.closed);
}

TEST_CASE("a batch switches channels with an item of no length") {
  End a, b;
  Recorder at_a, first, second;
  const auto one = a.mux.open("one", {}, at_a);
  const auto two = a.mux.open("two", {}, at_a);
  const auto other_one = b.mux.open("one", {}, first);
  const auto other_two = b.mux.open("two", {}, second);
  REQUIRE(a.deliver_to(b));
  REQUIRE(b.deliver_to(a));
  a.mux.cork();
  one->send(0, as_bytes("aa"));
  one->send(0, as_bytes("bb"));
  two->send(0, as_bytes("cc"));
  one->send(0, as_bytes("dd"));
  CHECK(a.sent.empty());
  a.mux.uncork();
  REQUIRE(a.sent.size() == 1);
  REQUIRE(a.deliver_to(b));
  CHECK(first.messages.size() == 3);
  CHECK(second.messages.size() == 1);
}

TEST_CASE("answers to a batch are one batch, controls included") {
  End a;
  // Two opens nobody waits for.
  REQUIRE(
      a.mux.feed(hex("000000"
                     "05"
                     "0101016100"
                     "05"
                     "0102016200")));
  REQUIRE(a.sent.size() == 1);
  CHECK(a.next_hex() ==
        "000000"
        "020201"
        "020202");
}

TEST_CASE("a channel may be given up from inside its own message") {
  End a, b;
  Recorder at_a, at_b;
  const auto one = a.mux.open("p", {}, at_a);
  auto two = b.mux.open("p", {}, at_b);
  REQUIRE(a.deliver_to(b));
  REQUIRE(b.deliver_to(a));
  at_b.on_each = [&] { two.reset(); };
  a.mux.cork();
  one->send(0, as_bytes("first"));
  one->send(0, as_bytes("second"));
  a.mux.uncork();
  REQUIRE(a.deliver_to(b));
  CHECK(at_b.messages.size() == 1);
  REQUIRE(b.deliver_to(a));
  CHECK(at_a.closed);
}

TEST_CASE("the end of the connection closes every channel, and nothing is sent any more") {
  End a;
  Recorder first, second;
  const auto one = a.mux.open("one", {}, first);
  const auto two = a.mux.open("two", {}, second);
  a.sent.clear();
  a.mux.shut();
  CHECK(first.closed);
  CHECK(second.closed);
  one->send(0, as_bytes("late"));
  CHECK(a.sent.empty());
}

TEST_CASE("what a connection cannot go on after is an error") {
  End a;
  Recorder at_a;
  const auto channel = a.mux.open("p", {}, at_a);
  SECTION("a frame that ends inside a field") {
    CHECK(refuses(a, "01"));
    CHECK(refuses(a, "fd01"));
    CHECK(refuses(a, "000101"));
    CHECK(refuses(a, "0001010570"));
    CHECK(refuses(a, "0003"));
  }
  SECTION("a batch that ends inside an item, or an item without a type") {
    CHECK(refuses(a, "0000"));
    CHECK(refuses(a, "00000105"));
    CHECK(refuses(a, "000001050000"));
    CHECK(refuses(a,
                  "000001"
                  "00"));
  }
  SECTION("a batch inside a batch") {
    CHECK(refuses(a,
                  "000000"
                  "03"
                  "000102"
                  "00"));
  }
  SECTION("a number with a gap before it, or one that is in use") {
    CHECK(refuses(a, "000102017000"));
    REQUIRE(a.mux.feed(hex("000101017000")));
    CHECK(refuses(a, "000101017100"));
  }
  SECTION("a reject of what was not opened, twice") {
    CHECK(refuses(a, "000202"));
    REQUIRE(a.mux.feed(hex("000201")));
    CHECK(at_a.closed);
    CHECK(refuses(a, "000201"));
  }
  SECTION("a payload that does not decode") {
    REQUIRE(a.mux.feed(hex("000101017000")));
    at_a.decodes = false;
    CHECK(refuses(a, "010061"));
  }
  SECTION("more channels than anybody needs") {
    bool broken = false;
    for (std::uint64_t n = 1; n <= Protomux::kMaxChannels + 1 && !broken; ++n) {
      broken = !a.mux.feed(codec::encode([&](codec::Writer& w) {
        w.raw(hex("0001"));
        w.uint(n);
        w.string("q");
        w.buffer({});
      }));
      CHECK(broken == (n > Protomux::kMaxChannels));
    }
  }
}

TEST_CASE("what means nothing to us is no error") {
  End a;
  Recorder at_a;
  const auto channel = a.mux.open("p", {}, at_a);
  a.sent.clear();
  CHECK(a.mux.feed({}));                 // a keepalive
  CHECK(a.mux.feed(hex("0500616263")));  // of a channel that does not exist
  CHECK(a.mux.feed(hex("000305")));      // closes such a one
  CHECK(a.mux.feed(hex("000300")));
  CHECK(a.mux.feed(hex("000916")));  // a control of a later version
  CHECK(a.sent.empty());
  CHECK(
      a.mux.feed(hex("0001000170"
                     "00")));
  CHECK(a.next_hex() == "000200");
}

}  // namespace hsfwd::secret_stream
