// SPDX-License-Identifier: Apache-2.0
// Beside the streams: with a peer of today, one of before there were packets, and a stock one.
#include "hyperdht/peer/datagrams.hpp"

#include <catch2/catch.hpp>

#include "fuzz/session.hpp"
#include "hyperdht/wire/extension.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr std::uint64_t kBefore = Extension::kSealedEnd | Extension::kSecretKeys;
constexpr std::uint64_t kToday = kBefore | Extension::kPackets;

struct Two {
  Two(bool hsfwd, std::uint64_t features)
      : one(sessions.initiator, random, hsfwd, features),
        other(sessions.responder, random, hsfwd, features) {}

  /// What `other` makes of it: "message: TEXT", "farewell: TEXT".
  std::string heard(ByteView datagram) {
    Bytes copy = to_bytes(datagram);
    const auto opened = other.open(copy);
    if (!opened) return "nothing";
    if (opened->channel == Datagrams::Channel::kMessages) {
      return "message: " + std::string(as_text(opened->payload));
    }
    CHECK(opened->channel == Datagrams::Channel::kControl);
    const auto farewell = Farewell::decode(opened->payload);
    return farewell ? "farewell: " + farewell->text : "something else";
  }

  fuzz::Sessions sessions;
  sim::SeededRandom random{1};
  Datagrams one;
  Datagrams other;
};

}  // namespace

TEST_CASE("messages and farewells get through to peers of any age, and add what they promise") {
  for (const std::uint64_t features : {kToday, kBefore, std::uint64_t{0}}) {
    CAPTURE(features);
    Two two(true, features);
    const Bytes sealed = to_bytes(*two.one.seal(as_bytes("hello")));
    CHECK(sealed.size() == two.one.overhead() + 5);
    CHECK(two.heard(sealed) == "message: hello");
    CHECK(two.heard(*two.one.seal(Farewell{"the moon is full"})) == "farewell: the moon is full");
    CHECK(two.heard(*two.one.seal(ByteView())) == "message: ");
    CHECK(two.heard(sealed) == (features == 0 ? "message: hello" : "nothing"));
  }
}

TEST_CASE("only without packets may a message be a farewell, and only of an hsfwd peer") {
  const Bytes looks_like_one = Farewell{"x"}.as_message();
  const std::string as_it_is = "message: " + std::string(as_text(looks_like_one));
  Two today(true, kToday);
  CHECK(today.heard(*today.one.seal(looks_like_one)) == as_it_is);
  Two before(true, kBefore);
  CHECK(before.heard(*before.one.seal(looks_like_one)) == "farewell: x");
  CHECK(before.heard(*before.one.seal(as_bytes("hsfwd"))) == "message: hsfwd");
  Two stock(false, 0);
  CHECK(stock.heard(*stock.one.seal(looks_like_one)) == as_it_is);
}

TEST_CASE("packets need secret keys: that bit alone means nothing") {
  Two two(true, Extension::kPackets);
  CHECK(two.one.overhead() == secret_stream::Unordered::kOverhead);
  Two today(true, kToday);
  CHECK(today.one.overhead() == secret_stream::Packets::kOverhead);
  CHECK(today.heard(*two.one.seal(as_bytes("hello"))) == "nothing");
}

TEST_CASE("rubbish of any length and a smaller datagram behind a larger one") {
  for (const std::uint64_t features : {kToday, kBefore, std::uint64_t{0}}) {
    Two two(true, features);
    for (std::size_t size = 0; size < 2048; size += 1 + size / 8) {
      CHECK(two.heard(Bytes(size, 0x5a)) == "nothing");
    }
    CHECK(two.heard(*two.one.seal(Bytes(1400, 'x'))) == "message: " + std::string(1400, 'x'));
    CHECK(two.heard(*two.one.seal(as_bytes("y"))) == "message: y");
  }
}
