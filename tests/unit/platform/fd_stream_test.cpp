// SPDX-License-Identifier: Apache-2.0
// Real sockets and pipes, whose other end a test holds as a plain descriptor.
#include "platform/posix/fd_stream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include "platform/posix/closing_sockets.hpp"
#include "real_loop.hpp"
#include "stream_reader.hpp"
#include "util/check.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

std::array<int, 2> tcp_pair() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  HSFWD_CHECK(bind(listener, reinterpret_cast<sockaddr*>(&at), size) == 0);
  HSFWD_CHECK(listen(listener, 1) == 0);
  HSFWD_CHECK(getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  const int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  HSFWD_CHECK(connect(one, reinterpret_cast<sockaddr*>(&at), size) == 0);
  const int other = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  HSFWD_CHECK(other >= 0);
  close(listener);
  return {one, other};
}

std::array<int, 2> unix_pair() {
  std::array<int, 2> out;
  HSFWD_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out.data()) == 0);
  return out;
}

struct StreamFixture : RealLoop {
  StreamFixture() { std::signal(SIGPIPE, SIG_IGN); }
  std::unique_ptr<FdStream> stream_of(int fd) {
    return std::make_unique<FdStream>(loop, closing, UniqueFd(fd));
  }

  std::shared_ptr<ClosingSockets> closing = std::make_shared<ClosingSockets>(loop);
};

/// What a blocking descriptor delivers; the error it ends with, 0 for an orderly end.
std::pair<std::size_t, int> read_out(int fd) {
  std::array<char, 64 * 1024> chunk;
  std::size_t total = 0;
  for (;;) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n == 0) return {total, 0};
    if (n < 0) return {total, errno};
    total += static_cast<std::size_t>(n);
  }
}

void say(int fd, std::string_view text) {
  HSFWD_CHECK(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) ==
              static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("who answers and hangs up with the question unread is heard all the same") {
  const bool tcp = GENERATE(true, false);
  CAPTURE(tcp);
  StreamFixture f;
  const auto [ours, theirs] = tcp ? tcp_pair() : unix_pair();
  StreamReader reader(f.stream_of(ours));
  const Bytes upload(1000);
  CHECK(reader.stream->write(upload) == upload.size());
  say(theirs, "413 too large");
  close(theirs);
  // Into the void, before the answer is read.
  while (reader.stream->write_error().empty()) {
    CHECK(reader.stream->write(upload) == upload.size());
  }
  CHECK(reader.stream->write(upload) == upload.size());
  f.loop.dispatch([&] { reader.on_readable(); });
  REQUIRE(f.run_until([&] { return reader.reset.has_value(); }));
  CHECK(reader.received == to_bytes(as_bytes("413 too large")));
  CHECK(!reader.ended);  // it had not ended, it was reset
}

TEST_CASE("who ends its direction and hangs up has ended in order, whatever is written then") {
  const bool tcp = GENERATE(true, false);
  CAPTURE(tcp);
  StreamFixture f;
  const auto [ours, theirs] = tcp ? tcp_pair() : unix_pair();
  StreamReader reader(f.stream_of(ours));
  say(theirs, "bye");
  close(theirs);
  const Bytes more(1000);
  while (reader.stream->write_error().empty()) reader.stream->write(more);
  f.loop.dispatch([&] { reader.on_readable(); });
  REQUIRE(f.run_until([&] { return reader.reset.has_value(); }));
  CHECK(reader.received == to_bytes(as_bytes("bye")));
  CHECK(reader.ended);
}

TEST_CASE("the last bytes that meet with a reset are known not to have arrived") {
  StreamFixture f;
  const auto [ours, theirs] = tcp_pair();
  StreamReader reader(f.stream_of(ours));
  close(theirs);
  f.loop.dispatch([&] { reader.on_readable(); });
  REQUIRE(f.run_until([&] {
    reader.on_readable();
    return reader.ended;
  }));
  CHECK(reader.stream->write_error().empty());
  CHECK(reader.stream->write(Bytes(10)) == 10);
  reader.stream->end();
  CHECK(!reader.stream->write_error().empty());
  CHECK(f.run_until([&] { return reader.reset.has_value(); }));
}

TEST_CASE("a closed output leaves the input to be read to its end") {
  StreamFixture f;
  std::array<int, 2> in;
  std::array<int, 2> out;
  HSFWD_CHECK(pipe2(in.data(), O_CLOEXEC) == 0 && pipe2(out.data(), O_CLOEXEC) == 0);
  StreamReader reader(std::make_unique<FdStream>(f.loop, UniqueFd(in[0]), UniqueFd(out[1])));
  f.loop.dispatch([&] { reader.on_readable(); });
  close(out[0]);
  CHECK(reader.stream->write(Bytes(10)) == 10);
  CHECK(!reader.stream->write_error().empty());
  HSFWD_CHECK(write(in[1], "first", 5) == 5);
  REQUIRE(f.run_until([&] { return reader.received.size() == 5; }));
  HSFWD_CHECK(write(in[1], "second", 6) == 6);
  REQUIRE(f.run_until([&] { return reader.received.size() == 11; }));
  CHECK(!reader.reset);
  close(in[1]);
  REQUIRE(f.run_until([&] { return reader.reset.has_value(); }));
  CHECK(reader.ended);
}

TEST_CASE("a reset waits for who has not taken yet what was written before it") {
  const bool ended = GENERATE(false, true);
  CAPTURE(ended);
  StreamFixture f;
  const auto [ours, theirs] = tcp_pair();
  auto stream = f.stream_of(ours);
  const Bytes block(64 * 1024);
  std::size_t written = 0;
  for (std::size_t n = 1; n > 0; written += n) n = stream->write(block);
  if (ended) stream->end();
  stream->reset();
  f.loop.scheduler().delete_later(std::move(stream));
  CHECK(f.closing->count() == 1);
  // Longer than it would wait for one that has got everything.
  const Instant since = f.loop.scheduler().now();
  f.run_until([&] { return f.loop.scheduler().now() >= since + 1500_ms; });
  CHECK(f.closing->count() == 1);
  std::size_t received = 0;
  std::optional<int> over;
  REQUIRE(f.run_until([&] {
    std::array<char, 64 * 1024> chunk;
    const ssize_t n = ::recv(theirs, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n > 0) received += static_cast<std::size_t>(n);
    if (n == 0) over = 0;
    if (n < 0 && errno != EAGAIN) over = errno;
    return over.has_value();
  }));
  CHECK(received == written);
  CHECK(*over == (ended ? 0 : ECONNRESET));
  CHECK(f.run_until([&] { return f.closing->count() == 0; }));
  close(theirs);
}

TEST_CASE("who is writing when it is reset has its answer before a write fails") {
  StreamFixture f;
  const auto [ours, theirs] = tcp_pair();
  auto stream = f.stream_of(ours);
  CHECK(stream->write(as_bytes("413 too large")) == 13);
  stream->reset();
  f.loop.scheduler().delete_later(std::move(stream));
  // Between two writes of somebody who looks for an answer each time.
  say(theirs, "upload");
  f.run_until([] { return true; });
  say(theirs, "upload");
  pollfd readable{theirs, POLLIN, 0};
  CHECK(poll(&readable, 1, 0) == 1);
  REQUIRE(f.run_until([&] { return f.closing->count() == 0; }));
  const auto [size, error] = read_out(theirs);
  CHECK(size == 13);
  CHECK(error == ECONNRESET);
  close(theirs);
}

TEST_CASE("nothing was written, or the program ends: a reset is one at once") {
  const bool wrote = GENERATE(false, true);
  CAPTURE(wrote);
  auto f = std::make_unique<StreamFixture>();
  const auto [ours, theirs] = tcp_pair();
  auto stream = f->stream_of(ours);
  if (wrote) CHECK(stream->write(as_bytes("x")) == 1);
  stream->reset();
  stream.reset();
  CHECK(f->closing->count() == (wrote ? 1 : 0));
  f.reset();
  const auto [size, error] = read_out(theirs);
  CHECK(size == (wrote ? 1 : 0));
  CHECK(error == ECONNRESET);
  close(theirs);
}

TEST_CASE("a stream that is reset as it can be written says nothing of what there is to read") {
  struct Resetter final : net::ByteStreamObserver {
    void on_readable() override { ++readable; }
    void on_writable() override {
      ++writable;
      stream->reset();
    }
    void on_reset(const std::string&) override {}
    std::unique_ptr<FdStream> stream;
    int readable = 0;
    int writable = 0;
  };
  StreamFixture f;
  const auto [ours, theirs] = unix_pair();
  Resetter observer;
  observer.stream = f.stream_of(ours);
  observer.stream->set_observer(&observer);
  std::array<std::uint8_t, 8> chunk;
  REQUIRE(observer.stream->read(chunk).state == net::ReadState::kBlocked);
  const Bytes block(64 * 1024);
  std::size_t written = 0;
  for (std::size_t n = 1; n > 0; written += n) n = observer.stream->write(block);
  // Both are so before the loop looks at the socket.
  Bytes taken(written);
  REQUIRE(::recv(theirs, taken.data(), taken.size(), MSG_WAITALL) == static_cast<ssize_t>(written));
  say(theirs, "x");
  REQUIRE(f.run_until([&] { return observer.writable > 0; }));
  const Instant since = f.loop.scheduler().now();
  f.run_until([&] { return f.loop.scheduler().now() >= since + 20_ms; });
  CHECK(observer.writable == 1);
  CHECK(observer.readable == 0);
  close(theirs);
}
