// SPDX-License-Identifier: Apache-2.0
// The phases of BBR, one acknowledgement a round trip.
#include "udx/bbr.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::uint64_t kPayload = 1200;
constexpr double kBottleneck = 1e6;  // bytes a second
constexpr Duration kRoundTrip = 100_ms;
constexpr std::uint64_t kProduct = 100'000;  // of both, bytes

struct BbrRun {
  /// What a round trip at `rate` acknowledges; `change` makes it different from others.
  template <class F>
  void round(double rate, F&& change) {
    AckSample sample;
    sample.now = now = now + kRoundTrip;
    sample.interval = kRoundTrip;
    sample.delivered = static_cast<std::uint64_t>(rate * kRoundTrip.to_seconds());
    sample.acked = sample.prior_in_flight = sample.in_flight = sample.delivered;
    sample.prior_delivered = delivered;
    sample.delivered_total = delivered += sample.delivered;
    sample.rate_valid = sample.has_rtt = true;
    sample.rtt = sample.smoothed_rtt = kRoundTrip;
    change(sample);
    bbr.on_ack(sample);
  }
  void round(double rate) {
    round(rate, [](AckSample&) {});
  }
  /// To where an established flow is.
  void establish() {
    for (double rate = 1e5; rate < kBottleneck; rate *= 2) round(rate);
    for (int i = 0; i < 4; ++i) round(kBottleneck);
    REQUIRE(bbr.mode() == Bbr::Mode::kProbeBandwidth);
    for (int i = 0; i < 30; ++i) round(kBottleneck);
  }
  /// As one that fills its queue: this many bytes are lost of a round, which took so long.
  void lossy_round(std::uint64_t lost, Duration rtt) {
    round(kBottleneck, [&](AckSample& s) {
      s.lost = lost;
      s.rtt = rtt;
    });
  }

  Bbr bbr{kPayload, 0};
  Instant now;
  std::uint64_t delivered = 0;
};

}  // namespace

TEST_CASE("WindowedMax gives way to the second and third best as the best grow old") {
  WindowedMax max(10);
  max.update(100, 0);
  max.update(80, 3);
  max.update(60, 6);
  max.update(60, 9);
  CHECK(max.best() == 100);
  max.update(50, 10);
  CHECK(max.best() == 100);
  max.update(50, 11);
  CHECK(max.best() == 80);
  max.update(50, 13);
  CHECK(max.best() == 80);
  max.update(50, 14);
  CHECK(max.best() == 60);
  max.update(90, 15);
  CHECK(max.best() == 90);
  max.update(10, 40);  // nothing for longer than all of them are good for
  CHECK(max.best() == 10);
  max.reset();
  CHECK(max.best() == 0);
}

TEST_CASE("WindowedMax is a recent value and no smaller than the last") {
  WindowedMax max(10);
  sim::SeededRandom random(4);
  std::map<std::uint64_t, std::set<double>> values;  // of each round
  std::uint64_t round = 0;
  for (int i = 0; i < 20'000; ++i) {
    round += random.below(3);
    const double value = 1 + random.below(1000);
    values[round].insert(value);
    max.update(value, round);
    REQUIRE(max.best() >= value);
    bool recent = false;
    for (auto it = values.lower_bound(round < 10 ? 0 : round - 10); it != values.end(); ++it) {
      recent = recent || it->second.contains(max.best());
    }
    REQUIRE(recent);
  }
}

TEST_CASE("Bbr starts with ten packets and doubles while the rate does") {
  BbrRun run;
  CHECK(run.bbr.mode() == Bbr::Mode::kStartup);
  CHECK(run.bbr.window() == 10 * kPayload);
  for (double rate = 1e5; rate < kBottleneck; rate *= 2) {
    run.round(rate);
    CHECK(run.bbr.mode() == Bbr::Mode::kStartup);
    CHECK(run.bbr.bandwidth() == Approx(rate));
    // Twice of what was seen, at least.
    CHECK(run.bbr.pacing_rate() >= 2 * rate);
    CHECK(run.bbr.window() >= 10 * kPayload + run.delivered);
  }
}

TEST_CASE("Bbr drains the queue after three rounds without growth") {
  BbrRun run;
  for (double rate = 1e5; rate < kBottleneck; rate *= 2) run.round(rate);
  const auto full = [](AckSample& s) { s.in_flight = s.prior_in_flight = 3 * kProduct; };
  run.round(kBottleneck, full);  // a quarter more
  run.round(kBottleneck * 1.1, full);
  run.round(kBottleneck * 1.1, full);
  CHECK(run.bbr.mode() == Bbr::Mode::kStartup);
  run.round(kBottleneck * 1.1, full);
  CHECK(run.bbr.mode() == Bbr::Mode::kDrain);
  CHECK(run.bbr.pacing_rate() < kBottleneck / 2);
  run.round(kBottleneck, full);
  CHECK(run.bbr.mode() == Bbr::Mode::kDrain);
  run.round(kBottleneck);
  CHECK(run.bbr.mode() == Bbr::Mode::kProbeBandwidth);
}

TEST_CASE("Bbr takes no full pipe from a sender that has too little to send") {
  BbrRun run;
  for (int i = 0; i < 20; ++i) run.round(1e5, [](AckSample& s) { s.app_limited = true; });
  CHECK(run.bbr.mode() == Bbr::Mode::kStartup);
  CHECK(run.bbr.bandwidth() == Approx(1e5));
  // Nor is what such a sender shows less than what was measured.
  run.round(4e5);
  for (int i = 0; i < 20; ++i) run.round(1e5, [](AckSample& s) { s.app_limited = true; });
  CHECK(run.bbr.bandwidth() == Approx(4e5));
}

TEST_CASE("Bbr holds two bandwidth-delay products and probes by a quarter") {
  BbrRun run;
  run.establish();
  std::map<int, int> rates;  // tenths of the bottleneck's, and how often
  for (int i = 0; i < 80; ++i) {
    run.round(kBottleneck, [](AckSample& s) { s.prior_in_flight = 2 * kProduct; });
    ++rates[static_cast<int>(run.bbr.pacing_rate() / kBottleneck * 20)];
    CHECK(run.bbr.window() >= 2 * kProduct);
    // A third for acknowledgements that come all at once, and three bursts.
    CHECK(run.bbr.window() <= 3 * kProduct + 3 * 2 * kPayload);
  }
  // 1.25, 0.75 and 1, less a hundredth, in a cycle of eight.
  CHECK(rates.size() == 3);
  CHECK(rates[24] >= 5);
  CHECK(rates[14] >= 5);
  CHECK(rates[19] >= 50);
}

TEST_CASE("Bbr forgets a bandwidth that is gone after ten rounds") {
  BbrRun run;
  run.establish();
  for (int i = 0; i < 9; ++i) run.round(kBottleneck / 4);
  CHECK(run.bbr.bandwidth() > kBottleneck / 2);
  for (int i = 0; i < 3; ++i) run.round(kBottleneck / 4);
  CHECK(run.bbr.bandwidth() == Approx(kBottleneck / 4));
}

TEST_CASE("Bbr looks for a lower round-trip time every ten seconds") {
  BbrRun run;
  run.establish();
  int probing = 0;
  int rounds = 0;
  for (; rounds < 500; ++rounds) {
    // A queue grows, so that the minimum is not met again.
    run.round(kBottleneck, [&](AckSample& s) {
      s.rtt = kRoundTrip + 10_us * rounds;
      if (run.bbr.mode() == Bbr::Mode::kProbeRtt) s.in_flight = kProduct / 2;
    });
    if (run.bbr.mode() != Bbr::Mode::kProbeRtt) continue;
    ++probing;
    CHECK(run.bbr.window() <= kProduct * 6 / 10);
  }
  // Fifty seconds: four or five times, of two or three rounds each.
  CHECK(probing >= 8);
  CHECK(probing <= 20);
  CHECK(run.bbr.mode() == Bbr::Mode::kProbeBandwidth);
}

TEST_CASE("Bbr does not take loss without a queue for congestion") {
  BbrRun run;
  run.establish();
  const std::uint64_t before = run.bbr.window();
  for (int i = 0; i < 20; ++i) run.lossy_round(kProduct / 10, kRoundTrip);
  CHECK(run.bbr.window() >= before);
}

TEST_CASE("Bbr caps the window for a while where loss comes with a queue") {
  BbrRun run;
  run.establish();
  const std::uint64_t before = run.bbr.window();
  for (int i = 0; i < 3; ++i) run.lossy_round(kProduct / 10, kRoundTrip * 2);
  CHECK(run.bbr.window() == Approx(0.85 * kProduct).epsilon(0.1));
  for (int i = 0; i < 100; ++i) run.round(kBottleneck);
  CHECK(run.bbr.window() >= before);
}

TEST_CASE("Bbr closes the window at a timeout until that is repaired") {
  BbrRun run;
  run.establish();
  const std::uint64_t before = run.bbr.window();
  run.bbr.on_timeout(run.now, 5000);
  CHECK(run.bbr.window() == 5000 + kPayload);
  run.bbr.on_timeout(run.now, 0);
  CHECK(run.bbr.window() == 4 * kPayload);
  run.bbr.on_recovery_end(run.now);
  CHECK(run.bbr.window() == before);
}

TEST_CASE("Bbr starts from nothing on another path") {
  BbrRun run;
  run.establish();
  run.bbr.set_packet_size(1400);
  run.bbr.on_path_change(run.now);
  CHECK(run.bbr.mode() == Bbr::Mode::kStartup);
  CHECK(run.bbr.bandwidth() == 0);
  CHECK(run.bbr.window() == 14'000);
}
