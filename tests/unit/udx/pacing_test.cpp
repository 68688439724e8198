// SPDX-License-Identifier: Apache-2.0
// How fast packets leave, and how fast they were seen to arrive: Pacer and RateSampler.
#include <algorithm>
#include <catch2/catch.hpp>

#include "udx/pacer.hpp"
#include "udx/rate_sampler.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

constexpr std::size_t kPacket = 1200;

/// Sends all that the pacer allows, woken when it says so.
struct PacedSender {
  explicit PacedSender(double r) : rate(r) {}
  void run_until(Instant end) {
    for (; now < end; now = std::max(now + 1_us, pacer.next())) {
      pacer.refill(now, rate);
      ++wakes;
      for (; pacer.allows(); bytes += kPacket) pacer.spend(kPacket);
    }
  }
  double rate;
  Pacer pacer;
  Instant now;
  std::uint64_t bytes = 0;
  std::uint64_t wakes = 0;
};

double burst_at(double rate) {
  return std::clamp(rate / 1000, 3000.0, 65536.0);
}

Instant sampled_at(std::int64_t ms) {
  return Instant() + Duration::millis(ms);
}

}  // namespace

TEST_CASE("Pacer keeps to its rate in bursts that are worth a wake") {
  for (const double rate : {1e4, 1e5, 1e6, 1e7, 1e8, 1e9}) {
    CAPTURE(rate);
    PacedSender sender(rate);
    sender.run_until(Instant() + 10_s);
    const double burst = burst_at(rate);
    const auto bytes = static_cast<double>(sender.bytes);
    CHECK(bytes <= rate * 10 + 4 * burst + kPacket);
    CHECK(bytes >= rate * 10 * 0.99 - burst);
    const auto needed = static_cast<std::uint64_t>(rate * 10 / burst);
    const std::uint64_t at_rest = 10 * 10;  // ten times a second, whatever there is to send
    CHECK(sender.wakes <= needed * 11 / 10 + at_rest + 2);
  }
}

TEST_CASE("Pacer lets a late timer catch up with four bursts") {
  const double rate = 1e7;
  PacedSender sender(rate);
  sender.run_until(Instant() + 1_s);
  for (const Duration late : {2_ms, 10_s}) {
    sender.now = sender.now + late;
    const std::uint64_t before = sender.bytes;
    sender.run_until(sender.now + 1_us);
    const auto burst = static_cast<double>(sender.bytes - before);
    CHECK(burst >= std::min(rate * late.to_seconds(), 4 * burst_at(rate) - kPacket) - kPacket);
    CHECK(burst <= 4 * burst_at(rate) + kPacket);
  }
}

TEST_CASE("Pacer follows a new rate and never waits longer than 100 ms") {
  Pacer pacer;
  pacer.refill(Instant(), 1);
  pacer.spend(1'000'000);
  CHECK(!pacer.allows());
  CHECK((pacer.next() - Instant()).to_millis() == 100);
  pacer.refill(Instant() + 1_ms, 1e9);
  CHECK(pacer.allows());
  pacer.spend(1'000'000);
  pacer.reset();
  pacer.refill(Instant() + 1_ms, 1e6);
  CHECK(pacer.allows());
}

TEST_CASE("RateSampler measures a steady flow exactly") {
  // A packet a millisecond, and each acknowledged fifty milliseconds later: a million bytes a second.
  RateSampler sampler;
  std::vector<SentPacket> packets;
  for (std::int64_t ms = 0; ms < 300; ++ms) {
    if (ms >= 50) {
      sampler.begin_acks();
      sampler.on_acked(packets[static_cast<std::size_t>(ms - 50)], sampled_at(ms));
      AckSample sample;
      sampler.finish_acks(sample, 50_ms);
      REQUIRE(sample.rate_valid);
      REQUIRE(sample.delivered_total == static_cast<std::uint64_t>(ms - 49) * 1000);
      const double rate = static_cast<double>(sample.delivered) / sample.interval.to_seconds();
      REQUIRE(rate <= 1e6);
      if (ms >= 101) REQUIRE(rate == Approx(1e6));
    }
    const std::uint64_t in_flight =
        static_cast<std::uint64_t>(std::min<std::int64_t>(ms, 49)) * 1000;
    SentPacket packet;
    packet.size = 1000;
    packet.sent_at = sampled_at(ms);
    packet.rate = sampler.on_sent(sampled_at(ms), in_flight);
    packets.push_back(packet);
  }
}

TEST_CASE("RateSampler takes the longer of sending and acknowledging") {
  const auto sample_of = [](std::int64_t sent_ms, std::int64_t delivered_ms, Duration min_rtt) {
    RateSampler sampler;
    SentPacket packet;
    packet.size = 3000;
    packet.sent_at = sampled_at(sent_ms);
    packet.rate = {.delivered_at = sampled_at(delivered_ms), .first_sent_at = sampled_at(10)};
    sampler.begin_acks();
    sampler.on_acked(packet, sampled_at(100));
    AckSample sample;
    sampler.finish_acks(sample, min_rtt);
    CHECK(sample.delivered == 3000);
    return sample;
  };
  CHECK(sample_of(40, 95, 1_ms).interval.to_millis() == 30);  // acknowledged in a burst
  CHECK(sample_of(40, 20, 1_ms).interval.to_millis() == 80);  // sent in a burst
  CHECK(sample_of(40, 20, 80_ms).rate_valid);
  CHECK(!sample_of(40, 20, 81_ms).rate_valid);
  CHECK(!sample_of(10, 100, 0_ms).rate_valid);  // no time at all
}

TEST_CASE("RateSampler counts from the newest packet of a batch") {
  RateSampler sampler;
  const auto acknowledge = [&](std::uint64_t delivered_then, std::int64_t sent_ms) {
    SentPacket packet;
    packet.size = 1000;
    packet.sent_at = sampled_at(sent_ms);
    packet.rate = {.delivered = delivered_then};
    sampler.on_acked(packet, sampled_at(100));
  };
  sampler.begin_acks();
  for (int i = 0; i < 5; ++i) acknowledge(0, i);
  AckSample sample;
  sampler.finish_acks(sample, 0_ms);
  CHECK(sample.delivered == 5000);
  sampler.begin_acks();
  acknowledge(2000, 20);
  acknowledge(4000, 40);
  acknowledge(1000, 10);
  sample = {};
  sampler.finish_acks(sample, 0_ms);
  CHECK(sample.prior_delivered == 4000);
  CHECK(sample.delivered == 4000);  // of 8000
  sampler.begin_acks();
  sample = {};
  sampler.finish_acks(sample, 0_ms);
  CHECK(sample.delivered_total == 8000);
  CHECK(!sample.rate_valid);
}

TEST_CASE("RateSampler marks what was sent for want of data") {
  RateSampler sampler;
  const auto send = [&] { return sampler.on_sent(sampled_at(1), 1000).app_limited; };
  CHECK(!send());
  sampler.on_app_limited(2000);
  CHECK(send());
  SentPacket packet;
  packet.size = 1000;
  for (int i = 0; i < 2; ++i) {
    sampler.on_acked(packet, sampled_at(2));
    CHECK(send());
  }
  sampler.on_acked(packet, sampled_at(2));
  CHECK(!send());
  sampler.on_app_limited(0);  // with nothing under way it is true of the next as well
  CHECK(send());
}
