// SPDX-License-Identifier: Apache-2.0
#include "util/rate_meter.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;

TEST_CASE("a rate is that of the last seconds") {
  const Instant began = Instant() + 100_s;
  RateMeter meter(began);
  CHECK(meter.per_second(began) == 0);
  meter.add(1000, began);
  CHECK(meter.per_second(began) == 1000);
  CHECK(meter.per_second(began + 1_s) == 500);
  for (int second = 1; second < 20; ++second) meter.add(1000, began + Duration::seconds(second));
  CHECK(meter.per_second(began + 19_s) == 1000);
  CHECK(meter.per_second(began + 22_s) == 400);
  CHECK(meter.per_second(began + 24_s) == 0);
  meter.add(10, began + 1000_s);
  CHECK(meter.per_second(began + 1000_s) == 2);
}
