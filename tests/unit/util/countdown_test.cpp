// SPDX-License-Identifier: Apache-2.0
#include "util/countdown.hpp"

#include <catch2/catch.hpp>
#include <memory>

using namespace hsfwd;

TEST_CASE("a countdown calls back with its last step, once") {
  Countdown countdown;
  int done = 0;
  CHECK(!countdown.running());
  countdown.start(3, [&] { ++done; });
  countdown.step();
  countdown.step();
  CHECK(countdown.running());
  CHECK(done == 0);
  countdown.step();
  CHECK(!countdown.running());
  CHECK(done == 1);
}

TEST_CASE("who is called at the end of a countdown may start the next one, or delete it") {
  auto countdown = std::make_unique<Countdown>();
  int rounds = 0;
  countdown->start(1, [&] {
    ++rounds;
    countdown->start(1, [&] {
      ++rounds;
      countdown.reset();
    });
  });
  countdown->step();
  CHECK(rounds == 1);
  CHECK(countdown->running());
  countdown->step();
  CHECK(rounds == 2);
  CHECK(!countdown);
}
