// SPDX-License-Identifier: Apache-2.0
// PathMtu on a path that takes packets up to a size, and no larger ones.
#include "udx/path_mtu.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

/// Sends whatever is wanted, as long as anything is; how many that were.
int probe_all(PathMtu& mtu, std::size_t limit, Instant now) {
  int probes = 0;
  while (const auto size = mtu.wanted_probe(now)) {
    REQUIRE(*size > mtu.current());
    REQUIRE(*size <= mtu.max());
    mtu.on_probe_sent(*size);
    REQUIRE(!mtu.wanted_probe(now));  // one at a time
    *size <= limit ? mtu.on_probe_acked(now) : static_cast<void>(mtu.on_probe_lost(now));
    REQUIRE(++probes < 50);
  }
  return probes;
}

Instant second(std::int64_t n) {
  return Instant() + Duration::seconds(n);
}

}  // namespace

TEST_CASE("PathMtu finds the limit of any path to sixteen bytes") {
  for (std::size_t limit = PathMtu::kBase; limit <= 1500; ++limit) {
    PathMtu mtu(1500);
    CHECK(!mtu.wanted_probe(second(0)));  // the path has to work first
    mtu.on_path_works(second(0));
    CAPTURE(limit);
    const int probes = probe_all(mtu, limit, second(0));
    CHECK(mtu.current() <= limit);
    CHECK(mtu.current() + 16 > limit);
    CHECK(probes <= 20);
    mtu.on_path_works(second(1));
    CHECK(!mtu.wanted_probe(second(1)));
  }
}

TEST_CASE("PathMtu goes no higher than its maximum") {
  PathMtu base(PathMtu::kBase);
  base.on_path_works(second(0));
  CHECK(!base.wanted_probe(second(0)));
  PathMtu jumbo(9000);
  jumbo.on_path_works(second(0));
  CHECK(probe_all(jumbo, 10'000, second(0)) > 20);  // padding goes only so far at a time
  CHECK(jumbo.current() == 9000);
}

TEST_CASE("PathMtu gives up a size after three lost probes and no fewer") {
  PathMtu mtu(1300);
  mtu.on_path_works(second(0));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(mtu.wanted_probe(second(0)).value_or(0) == 1300);
    mtu.on_probe_sent(1300);
    mtu.on_probe_lost(second(0));
  }
  REQUIRE(mtu.wanted_probe(second(0)).value_or(0) == 1300);
  SECTION("the third arrives") {
    mtu.on_probe_sent(1300);
    mtu.on_probe_acked(second(0));
    CHECK(mtu.current() == 1300);
    CHECK(!mtu.wanted_probe(second(0)));
  }
  SECTION("the third is lost as well") {
    mtu.on_probe_sent(1300);
    mtu.on_probe_lost(second(0));
    CHECK(mtu.wanted_probe(second(0)).value_or(0) == 1250);
  }
}

TEST_CASE("PathMtu searches again after ten minutes") {
  PathMtu mtu(1500);
  mtu.on_path_works(second(0));
  probe_all(mtu, 1300, second(0));
  mtu.on_path_works(second(599));
  CHECK(!mtu.wanted_probe(second(599)));
  mtu.on_path_works(second(600));
  CHECK(mtu.wanted_probe(second(600)).value_or(0) == 1500);
  probe_all(mtu, 1500, second(600));
  CHECK(mtu.current() == 1500);
  // There is no more to be found.
  mtu.on_path_works(second(10'000));
  CHECK(!mtu.wanted_probe(second(10'000)));
}

TEST_CASE("PathMtu takes a path back to the base that swallows large packets") {
  PathMtu mtu(1500);
  mtu.on_path_works(second(0));
  CHECK(!mtu.on_large_lost(second(0)));  // at the base there is nothing to take back
  probe_all(mtu, 1500, second(0));
  CHECK(!mtu.on_large_lost(second(1)));
  mtu.on_large_acked();  // so it was ordinary loss
  CHECK(!mtu.on_large_lost(second(2)));
  CHECK(mtu.on_large_lost(second(3)));
  CHECK(mtu.current() == PathMtu::kBase);
  mtu.on_path_works(second(62));
  CHECK(!mtu.wanted_probe(second(62)));
  mtu.on_path_works(second(63));
  CHECK(mtu.wanted_probe(second(63)).value_or(0) == 1455);
}

TEST_CASE("PathMtu knows nothing of another path") {
  PathMtu mtu(1500);
  mtu.on_path_works(second(0));
  probe_all(mtu, 1500, second(0));
  mtu.reset(1400);
  CHECK(mtu.current() == PathMtu::kBase);
  CHECK(mtu.max() == 1400);
  CHECK(!mtu.wanted_probe(second(1)));
  // A probe of the path before comes late.
  mtu.on_probe_acked(second(1));
  CHECK(mtu.current() == PathMtu::kBase);
}

TEST_CASE(
    "PathMtu asks again for the size that large messages rely on, once a second and not without "
    "them") {
  PathMtu mtu(1500);
  mtu.on_path_works(second(0));
  mtu.on_large_message(second(0));  // while it searches there is no need
  probe_all(mtu, 1500, second(0));
  CHECK(!mtu.wanted_probe(second(5)));
  mtu.on_large_message(second(0));
  CHECK(!mtu.wanted_probe(second(0)));
  mtu.on_large_message(second(1));
  CHECK(mtu.wanted_probe(second(1)).value_or(0) == 1500);
  mtu.on_probe_sent(1500);
  SECTION("it still fits") {
    mtu.on_probe_acked(second(1));
    CHECK(mtu.current() == 1500);
    CHECK(!mtu.wanted_probe(second(5)));
  }
  SECTION("three are lost: the path has shrunk, and is searched at once") {
    for (int i = 0; i < 2; ++i) {
      CHECK(!mtu.on_probe_lost(second(1)));
      CHECK(mtu.current() == 1500);
      mtu.on_probe_sent(*mtu.wanted_probe(second(1)));
    }
    CHECK(mtu.on_probe_lost(second(1)));
    CHECK(mtu.current() == PathMtu::kBase);
    probe_all(mtu, 1400, second(2));
    CHECK(mtu.current() <= 1400);
    CHECK(mtu.current() + 16 > 1400);
  }
}
