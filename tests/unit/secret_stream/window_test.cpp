// SPDX-License-Identifier: Apache-2.0
// What a receiver holds, and what it lets the raw stream's window forget.
#include <catch2/catch.hpp>

#include "secret_stream/framing.hpp"

using namespace hsfwd;
using namespace hsfwd::secret_stream;

namespace {

struct Ends {
  Ends() {
    session.tx.mutable_view()[0] = 1;
    session.rx = session.tx;
    session.initiator = true;
    noise::Session other = session;
    other.initiator = false;
    receiver.emplace(other, pool);
    sender.emplace(session, crypto::StreamHeader{});
    REQUIRE(receiver->feed(sender->header_frame()));
    receiver->take_credit();
  }

  Bytes frame(std::size_t plaintext) {
    Bytes out(plaintext + kFrameOverhead);
    sender->seal(out);
    return out;
  }

  /// Feeds as much of `wire` as a window of that size lets through; what is left.
  ByteView feed(ByteView wire, std::size_t window) {
    while (!wire.empty() && unread < window) {
      const ByteView part = wire.first(std::min<std::size_t>(1200, wire.size()));
      REQUIRE(receiver->feed(part));
      if (may_grow) receiver->credit_large();
      unread += part.size();
      unread -= receiver->take_credit();
      wire = wire.subspan(part.size());
    }
    return wire;
  }

  void consume_all() {
    while (!receiver->empty()) receiver->consume(receiver->peek().size());
    unread -= receiver->take_credit();
  }

  BufferPool pool{64 * 1024, 4};
  noise::Session session;
  std::optional<Sender> sender;
  std::optional<Receiver> receiver;
  bool may_grow = true;    // large frames, beyond the window
  std::size_t unread = 0;  // as the raw stream counts it
};

constexpr std::size_t kMegabyte = 1024 * 1024;
constexpr std::size_t kWindow = 4 * kMegabyte;

}  // namespace

TEST_CASE("a frame larger than the window comes through") {
  Ends ends;
  const Bytes wire = ends.frame(kMaxPlaintext);
  CHECK(ends.feed(wire, kWindow).empty());
  CHECK(ends.receiver->peek().size() == kMaxPlaintext);
  ends.consume_all();
  CHECK(ends.unread == 0);
}

TEST_CASE("a reader that stalls holds back large frames as it does small ones") {
  Ends ends;
  Bytes wire;
  for (int i = 0; i < 40; ++i) append(wire, ends.frame(kMegabyte));
  const ByteView rest = ends.feed(wire, kWindow);
  CHECK(wire.size() - rest.size() < kWindow + 2 * kMegabyte);

  // And lets them on once it reads again, to the last one.
  std::size_t rounds = 0;
  for (ByteView left = rest; !left.empty(); left = ends.feed(left, kWindow)) {
    ends.consume_all();
    REQUIRE(++rounds < 100);
  }
  ends.consume_all();
  CHECK(ends.receiver->messages() == 40);
  CHECK(ends.unread == 0);
}

TEST_CASE("a frame larger than the window waits until its bytes may be given back") {
  Ends ends;
  const Bytes wire = ends.frame(8 * kMegabyte);
  ends.may_grow = false;
  const ByteView rest = ends.feed(wire, kWindow);
  CHECK(ends.unread >= kWindow);
  CHECK(ends.receiver->large_pending() == 8 * kMegabyte + crypto::kStreamOverhead);
  CHECK(ends.receiver->large_memory() <= 8 * kMegabyte + crypto::kStreamOverhead);
  ends.may_grow = true;
  ends.receiver->credit_large();
  ends.unread -= ends.receiver->take_credit();
  CHECK(ends.feed(rest, kWindow).empty());
  CHECK(ends.receiver->large_memory() == 8 * kMegabyte + crypto::kStreamOverhead);
  ends.consume_all();
  CHECK(ends.unread == 0);
  CHECK(ends.receiver->large_memory() == 0);
  CHECK(!ends.receiver->holds_large());
}

TEST_CASE("the memory of a large frame grows with what has come, not with what was announced") {
  Ends ends;
  const Bytes wire = ends.frame(kMaxPlaintext);
  ends.feed(ByteView(wire).first(200'000), kWindow);
  CHECK(ends.receiver->large_memory() >= 190'000);
  CHECK(ends.receiver->large_memory() <= 400'000);
}

TEST_CASE("a record above what the peer may send is refused by its length") {
  Ends ends;
  noise::Session other = ends.session;
  other.initiator = false;
  Receiver strict(other, ends.pool, EndMark::kNone, 64 * 1024);
  REQUIRE(strict.feed(ends.sender->header_frame()));
  CHECK(strict.feed(ends.frame(64 * 1024 - crypto::kStreamOverhead)));
  const auto fed = strict.feed(ByteView(ends.frame(64 * 1024)).first(kLengthSize));
  REQUIRE(!fed);
  CHECK(fed.error() == ReceiveError::kTooLarge);
}

TEST_CASE("small messages that nobody takes are accounted for with what they cost") {
  Ends ends;
  Bytes wire;
  for (int i = 0; i < 10'000; ++i) append(wire, ends.frame(1));
  ends.feed(wire, kWindow);
  CHECK(ends.receiver->memory() > wire.size());
  CHECK(ends.receiver->memory() < 3 * wire.size());
  ends.consume_all();
  CHECK(ends.receiver->memory() == 0);
}
