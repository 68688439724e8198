// SPDX-License-Identifier: Apache-2.0
#include "forward/pipe.hpp"

#include <catch2/catch.hpp>

#include "streams.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 >> 2);
  return out;
}

struct Piped {
  Piped()
      : pipe(scheduler, std::make_unique<LocalStream>(local), std::make_unique<ScriptedPeer>(peer),
             [this](const Ending& ending) {
               REQUIRE(!done);
               done = ending.reason;
               cause = ending.cause;
             }) {
    scheduler.freeze(Instant::from_micros(1'000'000));
  }
  void start() {
    pipe.start();
    run();
  }
  /// Lets the pipe have as many turns as it wants.
  void run() {
    for (int i = 0; i < 100; ++i) scheduler.advance_to(scheduler.now() + 1_ms);
  }

  Scheduler scheduler;
  Script local;
  Script peer;
  std::optional<std::string> done;
  Cause cause = Cause::kNormal;
  Pipe pipe;
};

}  // namespace

TEST_CASE("bytes go both ways, more of them than one turn moves") {
  Piped p;
  p.local.room = p.peer.room = 8 << 20;
  p.local.incoming = pattern(3'000'000);
  p.peer.incoming = pattern(2'500'000);
  p.start();
  CHECK(p.peer.written == pattern(3'000'000));
  CHECK(p.local.written == pattern(2'500'000));
  CHECK(p.pipe.stats().to_peer == 3'000'000);
  CHECK(p.pipe.stats().from_peer == 2'500'000);
  CHECK(!p.done);
}

TEST_CASE("one long direction does not starve the other streams of the loop") {
  Piped p;
  p.peer.room = 8 << 20;
  p.local.incoming = pattern(3'000'000);
  p.pipe.start();
  bool others_ran = false;
  std::uint64_t moved = 0;
  Timer other(p.scheduler, [&] {
    others_ran = true;
    moved = p.pipe.stats().to_peer;
  });
  other.start(Duration());
  p.scheduler.advance_to(p.scheduler.now());
  CHECK(others_ran);
  CHECK(moved < 3'000'000);
}

TEST_CASE("a full peer is not fed, and the local side is not read") {
  Piped p;
  p.peer.room = 5000;
  p.local.incoming = pattern(20'000);
  p.start();
  CHECK(p.local.read == 5000);
  p.peer.make_room(1500);
  p.run();
  CHECK(p.local.read == 6500);
  p.peer.make_room(100'000);
  p.run();
  CHECK(p.peer.written == pattern(20'000));
}

TEST_CASE("a full local stream is not fed, and the peer is not read") {
  Piped p;
  p.local.room = 700;
  p.start();
  p.peer.arrive(pattern(10'000));
  p.run();
  CHECK(p.peer.read == 700);
  p.local.make_room(1);
  p.run();
  CHECK(p.peer.read == 701);
  p.local.make_room(1 << 20);
  p.run();
  CHECK(p.local.written == pattern(10'000));
}

TEST_CASE("each direction ends by itself, behind its bytes; the pipe when all is flushed") {
  Piped p;
  p.start();
  p.local.arrive(pattern(10));
  p.local.arrive_end();
  p.run();
  CHECK(p.peer.written == pattern(10));
  CHECK(p.peer.ended);
  CHECK(!p.local.ended);
  p.peer.arrive(pattern(3000));
  p.run();
  CHECK(p.local.written == pattern(3000));
  p.peer.flushed = false;
  p.peer.arrive_end();
  p.run();
  CHECK(p.local.ended);
  CHECK(!p.done);
  p.peer.flushed = true;
  p.peer.observer->on_writable();
  REQUIRE(p.done);
  CHECK(p.done->empty());
  CHECK(!p.local.was_reset);
  CHECK(!p.peer.was_reset);
}

TEST_CASE("an end waits for the room that the bytes before it need") {
  Piped p;
  p.local.room = 100;
  p.peer.incoming = pattern(150);
  p.peer.incoming_ended = true;
  p.start();
  CHECK(!p.local.ended);
  p.local.make_room(50);
  p.run();
  CHECK(p.local.ended);
  CHECK(p.local.written == pattern(150));
}

TEST_CASE("a reset of either side is a reset of the other, with the reason") {
  for (const bool by_peer : {true, false}) {
    Piped p;
    p.start();
    Script& origin = by_peer ? p.peer : p.local;
    Script& other = by_peer ? p.local : p.peer;
    origin.observer->on_reset("gone");
    if (!by_peer) {
      // Behind what was taken from there, which the peer gets first.
      CHECK(p.peer.reset_behind == "local connection: gone");
      CHECK(!p.done);
      p.peer.observer->on_reset("delivered");
    }
    REQUIRE(p.done);
    CHECK(*p.done == (by_peer ? "gone" : "local connection: gone"));
    CHECK(other.was_reset);
    CHECK(!other.ended);
    CHECK(p.local.observer == nullptr);
    CHECK(p.peer.observer == nullptr);
  }
}

TEST_CASE("whose doing an end was follows from no words, whatever the peer says") {
  const std::string words = GENERATE("local connection: gone", "service localhost:22: refused", "");
  const auto [error, cause] = GENERATE(std::pair(ConnectError::kReset, Cause::kPeer),
                                       std::pair(ConnectError::kTimedOut, Cause::kNoPeer),
                                       std::pair(ConnectError::kPeerNotFound, Cause::kNoPeer),
                                       std::pair(ConnectError::kNoMemory, Cause::kHsfwd));
  Piped p;
  p.start();
  p.peer.error = error;
  p.peer.observer->on_reset(words);
  CHECK(p.done == words);
  CHECK(p.cause == cause);
  CHECK(p.local.was_reset);
}

TEST_CASE("a program that is gone stays the cause, whatever becomes of the peer meanwhile") {
  Piped p;
  p.start();
  p.local.observer->on_reset("gone");
  p.peer.error = ConnectError::kReset;
  p.peer.observer->on_reset("the peer has had enough");
  CHECK(p.cause == Cause::kLocal);
}

TEST_CASE("a pipe that is called off resets both sides, once") {
  Piped p;
  p.start();
  p.pipe.abort({Cause::kRefused, "no such service"});
  p.pipe.abort({Cause::kHsfwd, "again"});
  CHECK(*p.done == "no such service");
  CHECK(p.cause == Cause::kRefused);
  CHECK(p.local.was_reset);
  CHECK(p.peer.was_reset);
}

TEST_CASE("input that is taken for ended is not read any more") {
  Piped p;
  p.start();
  p.peer.arrive_end();
  p.pipe.end_local_input();
  p.run();
  REQUIRE(p.done);
  CHECK(p.done->empty());
  CHECK(p.peer.ended);
}

TEST_CASE("a local side that is gone is handed over, and not for ever") {
  Piped p;
  p.start();
  p.local.arrive(pattern(100));
  p.local.observer->on_reset("gone");
  CHECK(p.peer.written == pattern(100));
  CHECK(p.local.was_reset);
  // Nothing more is moved meanwhile.
  p.peer.arrive(pattern(50));
  p.run();
  CHECK(p.local.written.empty());
  CHECK(!p.done);
  CHECK(!p.peer.was_reset);
  p.scheduler.advance_to(p.scheduler.now() + 10_min);
  REQUIRE(p.done);
  CHECK(*p.done == "local connection: gone");
  CHECK(p.peer.was_reset);
}

TEST_CASE("a peer that goes on sending to who has ended and takes no more hears of it") {
  Piped p;
  p.start();
  p.local.arrive_end();
  p.run();
  CHECK(p.peer.ended);
  p.local.write_error = "Broken pipe";
  p.peer.arrive(pattern(10));
  p.run();
  CHECK(p.peer.reset_behind == "local connection: Broken pipe");
}

TEST_CASE("who takes no more may still say something, to its end") {
  Piped p;
  p.start();
  p.local.write_error = "Broken pipe";
  p.peer.arrive(pattern(10));
  p.local.arrive(pattern(1000));
  p.run();
  CHECK(!p.peer.reset_behind);
  CHECK(p.peer.written == pattern(1000));
  p.local.arrive_end();
  p.run();
  CHECK(p.peer.ended);
  CHECK(p.peer.reset_behind == "local connection: Broken pipe");
}

TEST_CASE("a pipe that is told to leave waits for the peer as long as it is told to") {
  const bool delivered = GENERATE(true, false);
  Piped p;
  p.start();
  p.pipe.leave({Cause::kHsfwd, "ending"}, 1_s);
  CHECK(p.peer.reset_behind == "ending");
  CHECK(p.local.was_reset);
  CHECK(!p.done);
  if (delivered) p.peer.observer->on_reset("ending");
  p.scheduler.advance_to(p.scheduler.now() + 1_s);
  CHECK(p.done == "ending");
  CHECK(p.cause == Cause::kHsfwd);
}
