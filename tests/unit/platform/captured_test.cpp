// SPDX-License-Identifier: Apache-2.0
#include "platform/captured.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using platform::run_captured;

TEST_CASE("what programs say is captured, of both outputs, with how they ended") {
  const auto out = run_captured({{"sh", "-c", "echo one; echo two >&2; exit 3"},
                                 {"sh", "-c", "kill -9 $$"},
                                 {"no-such-program"},
                                 {"cat"}},
                                10_s, 1000);
  REQUIRE(out.size() == 4);
  CHECK(out[0].text == "one\ntwo\n");
  CHECK(out[0].exit_code == 3);
  CHECK(out[0].problem.empty());
  CHECK(out[1].exit_code == 128 + 9);
  CHECK(out[2].problem == "it is not there");
  CHECK(out[3].text.empty());  // its input has ended
  CHECK(out[3].exit_code == 0);
}

TEST_CASE("a program that takes too long is killed, and the others are not held up") {
  const auto out = run_captured({{"sh", "-c", "echo begun; exec sleep 60"},
                                 {"sh", "-c", "exec >&- 2>&-; exec sleep 60"},
                                 {"echo", "there"}},
                                300_ms, 1000);
  CHECK(out[0].text == "begun\n");
  CHECK(out[0].problem == "it took too long");
  CHECK(out[1].problem == "it took too long");
  CHECK(out[2].text == "there\n");
}

TEST_CASE("of a program that says too much there is the beginning") {
  const auto out =
      run_captured({{"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x"}}, 10_s, 1000);
  CHECK(out[0].text == std::string(1000, 'x'));
  CHECK(out[0].problem == "it says more than fits here");
  CHECK(out[0].exit_code == 0);
}
