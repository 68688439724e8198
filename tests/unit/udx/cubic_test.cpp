// SPDX-License-Identifier: Apache-2.0
// The stranger of tests/bench/wan_table.cpp behaves as RFC 9438 has it.
#include "bench/cubic.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using bench::Cubic;

namespace {

constexpr std::size_t kCubicPayload = 1000;

struct CubicRun {
  /// A window's worth is acknowledged, a round trip after it was sent.
  void round(Duration rtt = 100_ms) {
    const std::uint64_t window = cubic.window();
    now = now + rtt;
    udx::AckSample sample;
    sample.now = now;
    sample.acked = sample.prior_in_flight = window;
    sample.has_rtt = true;
    sample.rtt = sample.smoothed_rtt = rtt;
    cubic.on_ack(sample);
  }
  void lose() {
    cubic.on_recovery_start(now, cubic.window());
    cubic.on_recovery_end(now);
  }
  double packets() const { return static_cast<double>(cubic.window()) / kCubicPayload; }

  Cubic cubic{kCubicPayload};
  Instant now = Instant() + 1_s;
};

}  // namespace

TEST_CASE("Cubic doubles until a loss or a delay, and takes three tenths off for a loss") {
  CubicRun run;
  CHECK(run.packets() == Approx(10));
  run.round();
  run.round();
  CHECK(run.packets() == Approx(40));
  run.round(130_ms);
  const double delayed = run.packets();
  run.round();
  CHECK(run.packets() < delayed * 1.6);
  const double before = run.packets();
  run.lose();
  CHECK(run.packets() == Approx(0.7 * before).epsilon(0.01));
}

TEST_CASE(
    "Cubic is back where the loss was after the time that the curve says, and then goes beyond") {
  CubicRun run;
  for (int i = 0; i < 7; ++i) run.round();
  const double most = run.packets();
  run.lose();
  // K of RFC 9438 section 4.2: 9.9 s for 1,280 packets.
  const double period = std::cbrt(most * 0.3 / 0.4);
  double at_half = 0;
  int rounds = 0;
  for (; run.packets() < most * 0.995; ++rounds) {
    REQUIRE(rounds < 200);
    run.round();
    if (rounds == static_cast<int>(period * 5)) at_half = run.packets();
  }
  // Steep at first, flat at the plateau.
  CHECK(at_half > most * 0.95);
  CHECK(rounds / 10.0 > period * 0.6);
  CHECK(rounds / 10.0 < period * 1.1);
  for (int i = 0; i < 100; ++i) run.round();
  CHECK(run.packets() > most * 1.05);
}

TEST_CASE("Cubic does not open a window that is not used, and starts over after a timeout") {
  CubicRun run;
  udx::AckSample sample;
  sample.now = run.now;
  sample.acked = sample.prior_in_flight = kCubicPayload;
  for (int i = 0; i < 100; ++i) run.cubic.on_ack(sample);
  CHECK(run.packets() == Approx(10));
  run.cubic.on_timeout(run.now, 0);
  CHECK(run.packets() == Approx(2));
}
