// SPDX-License-Identifier: Apache-2.0
#include "secret_stream/framing.hpp"

#include <catch2/catch.hpp>

#include "fuzz/session.hpp"
#include "secret_stream/unordered.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::secret_stream;

namespace {

Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + size);
  return out;
}

Bytes seal(Sender& sender, ByteView plaintext) {
  Bytes frame(plaintext.size() + kFrameOverhead);
  copy_bytes(plaintext, MutableBytes(frame).subspan(kPlaintextOffset));
  sender.seal(frame);
  return frame;
}

struct Line {
  explicit Line(EndMark end = EndMark::kNone) : receiver(sessions.responder, pool, end) {}

  fuzz::Sessions sessions;
  BufferPool pool{1000, 4};
  Sender sender{sessions.initiator, {}};
  Receiver receiver;

  Bytes take_all() {
    Bytes out;
    while (!receiver.empty()) {
      const ByteView next = receiver.peek();
      append(out, next);
      receiver.consume(next.size());
    }
    return out;
  }
};

}  // namespace

TEST_CASE("messages come out whole, wherever the raw stream is cut in two") {
  Line whole;
  Bytes stream = whole.sender.header_frame();
  Bytes sent;
  for (const std::size_t size : {1u, 0u, 17u, 900u, 3000u}) {
    append(sent, pattern(size));
    append(stream, seal(whole.sender, pattern(size)));
  }
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Line line;
    REQUIRE(line.receiver.feed(ByteView(stream).first(cut)).ok());
    REQUIRE(line.receiver.feed(ByteView(stream).subspan(cut)).ok());
    REQUIRE(line.take_all() == sent);
    // Every byte of the raw stream is given back once.
    REQUIRE(line.receiver.take_credit() == stream.size());
    REQUIRE(line.receiver.messages() == 5);
  }
  Line byte_by_byte;
  for (const std::uint8_t byte : stream) REQUIRE(byte_by_byte.receiver.feed({&byte, 1}).ok());
  CHECK(byte_by_byte.take_all() == sent);
  CHECK(byte_by_byte.pool.in_use() == 0);
}

TEST_CASE("a stream with one bit changed anywhere brings nothing that was not sent") {
  Line origin;
  Bytes stream = origin.sender.header_frame();
  append(stream, seal(origin.sender, pattern(40)));
  append(stream, seal(origin.sender, pattern(50)));
  for (std::size_t i = 0; i < stream.size(); ++i) {
    CAPTURE(i);
    Line line;
    Bytes changed = stream;
    changed[i] ^= 0x10;
    const auto fed = line.receiver.feed(changed);
    const Bytes got = line.take_all();
    // A longer length just waits for more.
    const bool refused_or_waiting = !fed.ok() || got.size() < 90;
    CHECK(refused_or_waiting);
    const Bytes first = pattern(40);
    if (!got.empty()) CHECK(got == first);
  }
}

TEST_CASE("the header has to be the peer's and of its one length") {
  const auto error_of = [](const Bytes& bytes) {
    Line line;
    const auto fed = line.receiver.feed(bytes);
    REQUIRE(!fed.ok());
    return fed.error();
  };
  Line line;
  Bytes header = line.sender.header_frame();
  Bytes longer = header;
  ++longer[0];
  CHECK(error_of(longer) == ReceiveError::kBadHeader);
  Bytes stranger = header;
  stranger[kLengthSize] ^= 1;
  CHECK(error_of(stranger) == ReceiveError::kBadHeader);
  // Our own header, sent back to us.
  Receiver mirror(line.sessions.initiator, line.pool);
  CHECK(!mirror.feed(header).ok());
  append(header, Bytes{16, 0, 0});
  CHECK(error_of(header) == ReceiveError::kBadLength);
}

TEST_CASE("repeated, dropped and exchanged messages are noticed") {
  Line origin;
  const Bytes header = origin.sender.header_frame();
  const Bytes a = seal(origin.sender, pattern(5));
  const Bytes b = seal(origin.sender, pattern(6));
  for (const auto& [first, second] : {std::pair{a, a}, std::pair{b, a}}) {
    Line line;
    REQUIRE(line.receiver.feed(header).ok());
    const bool ok = line.receiver.feed(first).ok() && line.receiver.feed(second).ok();
    CHECK(!ok);
  }
}

TEST_CASE("a frame that announces sixteen megabytes costs what has come of it") {
  Line line;
  REQUIRE(line.receiver.feed(line.sender.header_frame()).ok());
  line.receiver.take_credit();
  REQUIRE(line.receiver.feed(Bytes{0xff, 0xff, 0xff}).ok());
  REQUIRE(line.receiver.feed(pattern(100'000)).ok());
  // Given back as it comes: such a frame would never fit the window of the raw stream.
  line.receiver.credit_large();
  CHECK(line.receiver.take_credit() == 100'000);
  CHECK(line.receiver.empty());
}

TEST_CASE("an end that is sealed is the end, wherever the raw stream is cut in two") {
  Line whole(EndMark::kSealed);
  Bytes stream = whole.sender.header_frame();
  append(stream, seal(whole.sender, pattern(100)));
  append(stream, seal(whole.sender, {}));
  append(stream, whole.sender.end_frame());
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Line line(EndMark::kSealed);
    REQUIRE(line.receiver.feed(ByteView(stream).first(cut)).ok());
    REQUIRE(line.receiver.ended() == (cut == stream.size()));
    REQUIRE(line.receiver.feed(ByteView(stream).subspan(cut)).ok());
    REQUIRE(line.receiver.ended());
    REQUIRE(line.take_all() == pattern(100));
    REQUIRE(line.receiver.take_credit() == stream.size());
  }
}

TEST_CASE("whatever stands behind a sealed end breaks the stream, true or not") {
  for (const bool in_one_go : {true, false}) {
    Line line(EndMark::kSealed);
    Bytes stream = line.sender.header_frame();
    append(stream, line.sender.end_frame());
    Bytes behind = seal(line.sender, pattern(3));
    if (in_one_go) {
      append(stream, behind);
      CHECK(line.receiver.feed(stream).error() == ReceiveError::kAfterEnd);
    } else {
      REQUIRE(line.receiver.feed(stream).ok());
      CHECK(line.receiver.feed(ByteView(behind).first(1)).error() == ReceiveError::kAfterEnd);
    }
    CHECK(line.receiver.empty());
  }
}

TEST_CASE("a last record with content is none of ours") {
  Line line(EndMark::kSealed);
  REQUIRE(line.receiver.feed(line.sender.header_frame()).ok());
  crypto::SecretStreamState state(line.sessions.initiator.tx, {});
  Bytes frame{crypto::kStreamOverhead + 1, 0, 0};
  frame.resize(kFrameOverhead + 1);
  state.push(MutableBytes(frame).subspan(kLengthSize), crypto::StreamTag::kFinal);
  CHECK(line.receiver.feed(frame).error() == ReceiveError::kBadMessage);
}

TEST_CASE("a tag means nothing to who has not agreed on sealed ends, as with upstream") {
  Line line;
  Bytes stream = line.sender.header_frame();
  append(stream, line.sender.end_frame());
  append(stream, seal(line.sender, pattern(4)));
  REQUIRE(line.receiver.feed(stream).ok());
  CHECK(!line.receiver.ended());
  CHECK(line.take_all() == pattern(4));
}

TEST_CASE("messages beside the stream open in any order and any number of times") {
  fuzz::Sessions sessions;
  sim::SeededRandom random(1);
  Unordered sender(sessions.initiator, random);
  Unordered receiver(sessions.responder, random);
  const auto a = sender.seal(pattern(10));
  const auto b = sender.seal({});
  CHECK(*receiver.open(*b) == Bytes());
  CHECK(*receiver.open(*a) == pattern(10));
  CHECK(*receiver.open(*a) == pattern(10));
  for (std::size_t i = 0; i < a->size(); ++i) {
    Bytes changed = *a;
    changed[i] ^= 1;
    CHECK(!receiver.open(changed).ok());
    CHECK(!receiver.open(ByteView(*a).first(i)).ok());
  }
  // The two directions have keys of their own.
  CHECK(!sender.open(*a).ok());
}
