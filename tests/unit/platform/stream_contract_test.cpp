// SPDX-License-Identifier: Apache-2.0
// What every implementation of the stream seam owes (net/stream_factory.hpp, net/byte_stream.hpp), by
// TCP and by unix sockets.
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "platform/streams.hpp"
#include "real_loop.hpp"
#include "scratch.hpp"
#include "stream_reader.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

struct Tcp : RealLoop {
  static constexpr bool kTellsReset = true;
  net::StreamAddress somewhere() { return {.host = "127.0.0.1"}; }
  std::unique_ptr<net::StreamFactory> streams = make_stream_factory(loop);
};

struct Unix : RealLoop {
  static constexpr bool kTellsReset = false;  // see net::ByteStream::reset
  net::StreamAddress somewhere() { return {.path = scratch.path + "/" + "socket"}; }
  Scratch scratch;
  std::unique_ptr<net::StreamFactory> streams = make_stream_factory(loop);
};

#define STREAM_IMPLEMENTATIONS Tcp, Unix

/// Somebody who listens, and connections that are made to him.
template <class Place>
struct Meeting : Place {
  using Accepted = std::vector<std::unique_ptr<StreamReader>>;

  void listen() {
    auto made =
        this->streams->listen(this->somewhere(), [this](std::unique_ptr<net::ByteStream> s) {
          accepted.push_back(std::make_unique<StreamReader>(std::move(s)));
          accepted.back()->on_readable();
          if (on_accepted) on_accepted();
        });
    REQUIRE(made.ok());
    listener = std::move(*made);
    at = listener->address();
  }
  std::unique_ptr<net::Dial> dial() {
    return this->streams->dial(at, [this](auto result) {
      ++answers;
      if (result) {
        dialled = std::make_unique<StreamReader>(std::move(*result));
        dialled->on_readable();
      } else {
        problem = result.error();
      }
    });
  }
  /// Two ends of one connection.
  void connect() {
    listen();
    const auto dialling = dial();
    REQUIRE(this->run_until([&] { return dialled && accepted.size() == 1; }));
    one = dialled.get();
    other = accepted.front().get();
    one->calls = other->calls = 0;
  }
  void say(StreamReader& who, std::string_view text) {
    REQUIRE(who.stream->write(as_bytes(text)) == text.size());
  }
  bool hears(const StreamReader& who, std::string_view text) {
    return this->run_until([&] { return who.received == to_bytes(as_bytes(text)); });
  }

  net::StreamAddress at;
  int answers = 0;
  std::string problem;
  std::function<void()> on_accepted;
  std::unique_ptr<net::StreamListener> listener;
  Accepted accepted;
  std::unique_ptr<StreamReader> dialled;
  StreamReader* one = nullptr;
  StreamReader* other = nullptr;
};

// More than the buffers of a connection hold, with those of both systems at their largest.
constexpr std::size_t kMuch = 32 * 1024 * 1024;

Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + i / 4099);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("who dials is connected with who listens, and told later", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.listen();
  CHECK((m.at.is_unix() || m.at.port != 0));
  const auto dialling = m.dial();
  CHECK(m.answers == 0);
  REQUIRE(m.run_until([&] { return m.dialled && m.accepted.size() == 1; }));
  CHECK(m.answers == 1);
  m.say(*m.dialled, "question");
  CHECK(m.hears(*m.accepted[0], "question"));
  m.say(*m.accepted[0], "answer");
  CHECK(m.hears(*m.dialled, "answer"));
}

TEMPLATE_TEST_CASE("a dial to where nobody listens says why, once, later", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.listen();
  m.listener.reset();
  const auto dialling = m.dial();
  CHECK(m.answers == 0);
  REQUIRE(m.run_until([&] { return m.answers > 0; }));
  CHECK(!m.dialled);
  CHECK(!m.problem.empty());
  if (!m.at.is_unix()) CHECK(m.problem == net::StreamFactory::kRefused);
  m.run_until([] { return true; });
  CHECK(m.answers == 1);
}

TEMPLATE_TEST_CASE("a dial that is given up is not answered", "", STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.listen();
  auto given_up = m.dial();
  given_up.reset();
  const auto dialling = m.dial();
  REQUIRE(m.run_until([&] { return m.dialled != nullptr; }));
  m.run_until([] { return true; });
  CHECK(m.answers == 1);
}

TEMPLATE_TEST_CASE("each direction ends by itself, and goes on to say so", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.connect();
  const bool dialler_first = GENERATE(true, false);
  CAPTURE(dialler_first);
  StreamReader& first = dialler_first ? *m.one : *m.other;
  StreamReader& second = dialler_first ? *m.other : *m.one;
  m.say(first, "the last word");
  first.stream->end();
  REQUIRE(m.run_until([&] { return second.ended; }));
  CHECK(second.received == to_bytes(as_bytes("the last word")));
  std::array<std::uint8_t, 10> rest;
  CHECK(second.stream->read(rest).state == net::ReadState::kEnd);
  CHECK(!first.ended);
  m.say(second, "an answer to it");
  CHECK(m.hears(first, "an answer to it"));
  second.stream->end();
  REQUIRE(m.run_until([&] { return first.ended; }));
  CHECK(first.stream->flushed());
  CHECK(second.stream->flushed());
  CHECK(!first.reset);
  CHECK(!second.reset);
}

TEMPLATE_TEST_CASE("who does not read stops who writes, and nothing is lost", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.connect();
  const Bytes much = pattern(kMuch);
  m.other->reading = false;
  m.one->unsent = much;
  m.one->push();
  m.run_until([&] { return m.other->calls > 0; });
  CHECK(m.one->unsent.size() > 0);
  m.other->reading = true;
  m.other->on_readable();
  REQUIRE(m.run_until([&] { return m.other->received.size() == much.size(); }));
  CHECK((m.other->received == much));
  CHECK(m.one->writable > 0);
  m.one->stream->end();
  CHECK(m.run_until([&] { return m.other->ended; }));
}

TEMPLATE_TEST_CASE("a reset comes behind what was said before it, and is told once", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.connect();
  m.other->reading = false;
  m.say(*m.one, "the last word");
  REQUIRE(m.run_until([&] { return m.other->calls > 0; }));
  m.one->stream->reset();
  m.loop.scheduler().delete_later(std::move(m.one->stream));
  m.other->reading = true;
  m.other->on_readable();
  REQUIRE(m.run_until([&] { return m.other->reset || m.other->ended; }));
  CHECK(m.other->received == to_bytes(as_bytes("the last word")));
  if (TestType::kTellsReset) {
    REQUIRE(m.other->reset);
    CHECK(!m.other->reset->empty());
    CHECK(!m.other->ended);
  }
  CHECK(m.one->calls == 0);
}

TEMPLATE_TEST_CASE("who is destroyed before its end has not ended in order", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.connect();
  m.one->stream.reset();
  REQUIRE(m.run_until([&] { return m.other->reset || m.other->ended; }));
  if (TestType::kTellsReset) CHECK(m.other->reset);
}

TEMPLATE_TEST_CASE("what is written to who is gone is taken, and the stream is told to be gone", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.connect();
  m.other->reading = false;
  m.say(*m.one, "bye");
  m.one->stream->reset();
  m.loop.scheduler().delete_later(std::move(m.one->stream));
  // A part of it, since a unix socket waits for who has not read anything.
  m.other->received.resize(3);
  REQUIRE(m.run_until([&] { return m.other->stream->read(m.other->received).size == 3; }));
  const Bytes more(1000);
  REQUIRE(m.run_until([&] {
    m.other->stream->write(more);
    return !m.other->stream->write_error().empty();
  }));
  CHECK(m.other->stream->write(more) == more.size());
  m.other->reading = true;
  m.loop.dispatch([&] { m.other->on_readable(); });
  REQUIRE(m.run_until([&] { return m.other->reset.has_value(); }));
  CHECK(m.other->received == to_bytes(as_bytes("bye")));
}

TEST_CASE("a dial that is cancelled half way is not answered though it is still there") {
  Meeting<Tcp> m;
  m.listen();
  std::unique_ptr<net::Dial> half_way;
  m.loop.dispatch([&] { half_way = m.dial(); });  // and begins to connect
  REQUIRE(m.answers == 0);
  half_way->cancel();
  const auto dialling = m.dial();
  REQUIRE(m.run_until([&] { return m.dialled != nullptr; }));
  m.run_until([] { return true; });
  CHECK(m.answers == 1);
}

TEST_CASE("a look-up that is cancelled is not answered though it is still there") {
  RealLoop place;
  const auto resolver = make_resolver(place.loop);
  int cancelled = 0;
  bool answered = false;
  const auto first = resolver->resolve("127.0.0.1", [&](Result<net::Ipv4>) { ++cancelled; });
  // Of a name that no resolver takes, which is answered in another way.
  const auto second = resolver->resolve(std::string(300, 'x'), [&](auto) { ++cancelled; });
  first->cancel();
  second->cancel();
  const auto third = resolver->resolve("127.0.0.1", [&](auto) { answered = true; });
  REQUIRE(place.run_until([&] { return answered; }));
  const Instant since = place.loop.scheduler().now();
  place.run_until([&] { return place.loop.scheduler().now() >= since + 50_ms; });
  CHECK(cancelled == 0);
}

TEMPLATE_TEST_CASE("a stream that is given up inside a callback tells nothing more", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.connect();
  m.other->before_reading = [&] {
    m.other->stream->reset();
    m.loop.scheduler().delete_later(std::move(m.other->stream));
  };
  const Bytes much = pattern(kMuch);
  m.one->unsent = much;
  m.one->push();
  m.one->stream->end();
  REQUIRE(m.run_until([&] { return m.one->reset || m.one->ended; }));
  CHECK(m.other->calls == 1);
  CHECK(m.other->received.empty());
}

TEMPLATE_TEST_CASE("a listener takes connections as long as it lives, and leaves its place", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.listen();
  std::vector<std::unique_ptr<net::Dial>> dials;
  for (int i = 0; i < 5; ++i) dials.push_back(m.dial());
  REQUIRE(m.run_until([&] { return m.accepted.size() == 5 && m.answers == 5; }));
  const auto taken = m.streams->listen(m.at, [](auto) {});
  CHECK(!taken.ok());
  m.listener.reset();
  auto again = m.streams->listen(m.at, [](auto) {});
  CHECK(again.ok());
}

TEMPLATE_TEST_CASE("a listener that is given up inside its callback takes nobody else", "",
                   STREAM_IMPLEMENTATIONS) {
  Meeting<TestType> m;
  m.listen();
  m.on_accepted = [&] { m.loop.scheduler().retire(std::move(m.listener)); };
  std::vector<std::unique_ptr<net::Dial>> dials;
  // All of them wait by the time that the first is taken.
  m.loop.dispatch([&] {
    for (int i = 0; i < 5; ++i) dials.push_back(m.dial());
  });
  REQUIRE(m.run_until([&] { return m.answers == 5 && !m.accepted.empty(); }));
  m.run_until([] { return true; });
  CHECK(m.accepted.size() == 1);
}
