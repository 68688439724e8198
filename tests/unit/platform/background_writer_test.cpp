// SPDX-License-Identifier: Apache-2.0
// Lines that are told whether or not anybody reads them.
#include "platform/background_writer.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

struct Pipe {
  Pipe() {
    int both[2];
    REQUIRE(pipe(both) == 0);
    in = both[1];
    out = both[0];
    signal(SIGPIPE, SIG_IGN);
  }
  ~Pipe() {
    close(in);
    if (out >= 0) close(out);
  }
  /// What comes until it ends with `end`.
  std::string read_until(const std::string& end) const {
    std::string text;
    char chunk[4096];
    while (!text.ends_with(end)) {
      const ssize_t n = read(out, chunk, sizeof chunk);
      if (n <= 0) break;
      text.append(chunk, static_cast<std::size_t>(n));
    }
    return text;
  }
  int in;
  int out;
};

std::unique_ptr<BackgroundWriter> writer_on(int fd) {
  return BackgroundWriter::open(
      fd, [](std::uint64_t lines) { return std::to_string(lines) + " dropped\n"; });
}

}  // namespace

TEST_CASE(
    "a pipe that nobody reads takes no time, and when it is read everything comes in order or is "
    "counted") {
  const Pipe pipe;
  const auto writer = writer_on(pipe.in);
  REQUIRE(writer);
  constexpr int kLines = 20'000;
  const std::string rest(92, 'x');
  // Far more than pipe and queue hold; with a write that waits, this would not come back.
  for (int i = 0; i < kLines; ++i) writer->write(std::to_string(10'000 + i) + " " + rest + "\n");
  CHECK(!writer->flush(10_ms));
  const std::string text = pipe.read_until(" dropped\n");
  std::size_t whole = 0;
  std::size_t at = 0;
  for (; text.compare(at, 6, std::to_string(10'000 + whole) + " ") == 0; ++whole) at += 99;
  CHECK(whole * 99 >= BackgroundWriter::kMaxQueued - 99);
  CHECK(text.substr(at) == std::to_string(kLines - whole) + " dropped\n");
  // From then on it flows.
  writer->write("more\n");
  CHECK(pipe.read_until("\n") == "more\n");
  CHECK(writer->flush(10_s));
  CHECK(!writer->failed());
}

TEST_CASE(
    "the descriptor stays as others have it, and one that they made non-blocking is written to all "
    "the same") {
  const Pipe pipe;
  const auto writer = writer_on(pipe.in);
  writer->write("first\n");
  CHECK(pipe.read_until("\n") == "first\n");
  CHECK((fcntl(pipe.in, F_GETFL) & O_NONBLOCK) == 0);
  fcntl(pipe.in, F_SETFL, O_NONBLOCK);
  const std::string much(200'000, 'y');
  writer->write(much + "\n");
  CHECK(pipe.read_until("\n") == much + "\n");
}

TEST_CASE("a reader that is gone is known of, and costs nothing") {
  Pipe pipe;
  close(std::exchange(pipe.out, -1));
  const auto writer = writer_on(pipe.in);
  writer->write("to nobody\n");
  CHECK(writer->flush(10_s));
  CHECK(writer->failed());
  writer->write("and more\n");
}

TEST_CASE("a line longer than the queue is written whole") {
  const Pipe pipe;
  const auto writer = writer_on(pipe.in);
  const std::string line(3 * BackgroundWriter::kMaxQueued, 'z');
  writer->write(line + "\n");
  CHECK(pipe.read_until("\n") == line + "\n");
}
