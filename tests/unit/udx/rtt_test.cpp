// SPDX-License-Identifier: Apache-2.0
#include "udx/rtt.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::udx;

TEST_CASE("RttEstimator computes what RFC 6298 says") {
  RttEstimator rtt;
  const Instant now;
  CHECK(rtt.retransmission_timeout().to_millis() == 1000);
  rtt.add_sample(400_ms, now);  // SRTT = R, RTTVAR = R/2
  CHECK(rtt.smoothed().to_micros() == 400'000);
  CHECK(rtt.retransmission_timeout().to_micros() == 400'000 + 4 * 200'000);
  rtt.add_sample(800_ms, now);  // RTTVAR = 3/4 200 + 1/4 400; SRTT = 7/8 400 + 1/8 800
  CHECK(rtt.smoothed().to_micros() == 450'000);
  CHECK(rtt.retransmission_timeout().to_micros() == 450'000 + 4 * 250'000);
  rtt.add_sample(100_ms, now);  // RTTVAR = 3/4 250 + 1/4 350; SRTT = 7/8 450 + 1/8 100
  CHECK(rtt.smoothed().to_micros() == 406'250);
  CHECK(rtt.retransmission_timeout().to_micros() == 406'250 + 4 * 275'000);
  CHECK(rtt.latest().to_millis() == 100);
}

TEST_CASE("RttEstimator keeps the timeout between 200 ms and 30 s") {
  RttEstimator rtt;
  for (int i = 0; i < 100; ++i) rtt.add_sample(1_ms, Instant());
  CHECK(rtt.retransmission_timeout().to_millis() == 200);
  rtt.reset();
  rtt.add_sample(20_s, Instant());
  CHECK(rtt.retransmission_timeout().to_millis() == 30'000);
}

TEST_CASE("RttEstimator begins with the hint or with a second") {
  const auto timeout_with = [](Duration hint) {
    RttEstimator rtt;
    rtt.set_hint(hint);
    return rtt.retransmission_timeout().to_millis();
  };
  CHECK(timeout_with(100_ms) == 300);
  CHECK(timeout_with(10_ms) == 200);
  CHECK(timeout_with(5_s) == 1000);

  RttEstimator rtt;
  CHECK(rtt.smoothed().to_millis() == 100);
  CHECK(rtt.min().to_millis() == 100);
  CHECK(rtt.tail_probe_wait().to_millis() == 250);
  rtt.set_hint(40_ms);
  CHECK(!rtt.has_sample());
  CHECK(rtt.smoothed().to_millis() == 40);
  CHECK(rtt.min().to_millis() == 40);
  CHECK(rtt.tail_probe_wait().to_millis() == 50);
  rtt.add_sample(60_ms, Instant());
  CHECK(rtt.has_sample());
  CHECK(rtt.tail_probe_wait().to_millis() == 120);
  rtt.reset();  // the path is another, the hint is not
  CHECK(rtt.smoothed().to_millis() == 40);
  for (int i = 0; i < 100; ++i) rtt.add_sample(1_ms, Instant());
  CHECK(rtt.tail_probe_wait().to_millis() == 10);
}

TEST_CASE("RttEstimator forgets a minimum after five to ten minutes") {
  RttEstimator rtt;
  const auto sample = [&](std::int64_t seconds, Duration value) {
    rtt.add_sample(value, Instant() + Duration::seconds(seconds));
    return rtt.min().to_millis();
  };
  CHECK(sample(0, 50_ms) == 50);
  CHECK(sample(100, 80_ms) == 50);
  CHECK(sample(300, 70_ms) == 50);
  CHECK(sample(301, 90_ms) == 50);  // another window begins
  CHECK(sample(500, 95_ms) == 50);
  CHECK(sample(602, 99_ms) == 90);  // the lowest of the one that is full
  CHECK(sample(603, 30_ms) == 30);
}
