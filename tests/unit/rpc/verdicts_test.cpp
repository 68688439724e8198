// SPDX-License-Identifier: Apache-2.0
// What is concluded from answers and from silence: Health, PeerTimes, SilentPeers;
// and from answers to nothing: Strays.
#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>

#include "rpc/call.hpp"
#include "rpc/health.hpp"
#include "rpc/strays.hpp"
#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::rpc;

namespace {

/// Health, told what each tick brought.
struct HealthRun {
  /// True when the state changed.
  bool tick(std::uint64_t answered, std::uint64_t unanswered) {
    responses += answered;
    timeouts += unanswered;
    return health.update(responses, timeouts);
  }
  Health health;
  std::uint64_t responses = 0;
  std::uint64_t timeouts = 0;
};

/// The same judged anew from a list of verdicts: 'h'ealthy, 'd'egraded, 's'ilent, '?'.
struct HealthModel {
  void tick(std::uint64_t answered, std::uint64_t unanswered) {
    char verdict = '?';
    ++ticks;
    if (ticks >= 4 && answered + unanswered >= 4) {
      verdict = answered == 0 ? 's' : unanswered > answered ? 'd' : 'h';
    }
    last.push_back(verdict);
    if (last.size() > 4) last.pop_front();
    if (verdict == '?') return;
    silent = verdict == 's' ? silent + 1 : 0;
    const auto all = [&](char which) {
      return std::all_of(last.begin(), last.end(), [which](char v) { return v == which; });
    };
    if (silent >= 2 || (silent > 0 && state == Health::State::kOffline)) {
      state = Health::State::kOffline;
      degraded = false;
      return;
    }
    if (all('d')) degraded = true;
    if (all('h')) degraded = false;
    state = degraded ? Health::State::kDegraded : Health::State::kOnline;
  }
  std::deque<char> last;
  int ticks = 0;
  int silent = 0;  // in a row, of those that say anything
  bool degraded = false;
  Health::State state = Health::State::kOnline;
};

struct NoJitter final : Random {
  void fill(MutableBytes out) override { std::fill(out.begin(), out.end(), std::uint8_t(0)); }
};

net::Address silent_peer(std::uint32_t n) {
  return {net::Ipv4{0x50000000u + n}, 49737};
}

Instant at_second(std::int64_t n) {
  return Instant() + Duration::seconds(1'000'000 + n);
}

}  // namespace

TEST_CASE("Health takes two silent ticks for an outage") {
  HealthRun run;
  for (int i = 0; i < 3; ++i) CHECK(!run.tick(0, 10));  // too early to say
  CHECK(!run.tick(0, 10));
  CHECK(run.health.state() == Health::State::kOnline);
  CHECK(run.tick(0, 10));
  CHECK(run.health.state() == Health::State::kOffline);
  CHECK(!run.health.online());
  CHECK(!run.tick(3, 0));  // of three nothing is said
  CHECK(run.health.state() == Health::State::kOffline);
  CHECK(run.tick(1, 9));
  CHECK(run.health.state() == Health::State::kOnline);
}

TEST_CASE("Health is degraded after four ticks of more losses than answers") {
  HealthRun run;
  for (int i = 0; i < 4; ++i) run.tick(10, 0);
  for (int i = 0; i < 3; ++i) CHECK(!run.tick(4, 6));
  CHECK(!run.tick(5, 5));  // half is not more than half
  for (int i = 0; i < 3; ++i) CHECK(!run.tick(4, 6));
  CHECK(run.tick(4, 6));
  CHECK(run.health.state() == Health::State::kDegraded);
  CHECK(run.health.online());
  for (int i = 0; i < 3; ++i) CHECK(!run.tick(10, 0));
  CHECK(run.tick(10, 0));
  CHECK(run.health.state() == Health::State::kOnline);
}

TEST_CASE("Health forgets all at once") {
  HealthRun run;
  for (int i = 0; i < 5; ++i) run.tick(0, 10);
  REQUIRE(!run.health.online());
  CHECK(run.health.reset());
  CHECK(run.health.online());
  CHECK(!run.health.reset());
}

TEST_CASE("Health agrees with a list of its last ticks") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    HealthRun run;
    HealthModel model;
    sim::SeededRandom random(seed);
    std::uint32_t weather = 0;
    for (int i = 0; i < 100; ++i) {
      if (random.below(6) == 0) weather = random.below(4);
      const std::uint64_t answered = weather == 0 ? 0 : weather == 1 ? 2 : random.below(12);
      const std::uint64_t unanswered = weather == 3 ? 0 : random.below(12);
      const Health::State before = model.state;
      const bool changed = run.tick(answered, unanswered);
      model.tick(answered, unanswered);
      CAPTURE(seed, i, answered, unanswered);
      REQUIRE(run.health.state() == model.state);
      REQUIRE(changed == (before != model.state));
    }
  }
}

TEST_CASE("PeerTimes waits for a stranger twice as long each time") {
  NoJitter none;
  PeerTimes times(none);
  const auto wait = [&](int attempt) { return times.timeout(silent_peer(1), attempt).to_millis(); };
  CHECK(wait(1) == 250);
  CHECK(wait(2) == 500);
  CHECK(wait(3) == 1000);
  CHECK(wait(4) == 2000);
  CHECK(wait(5) == 4000);
  CHECK(wait(9) == 4000);
}

TEST_CASE("PeerTimes waits for one it knows by mean and deviation") {
  NoJitter none;
  PeerTimes times(none);
  const net::Address peer = silent_peer(1);
  const auto wait = [&](int attempt) { return times.timeout(peer, attempt).to_micros(); };
  times.add(peer, 200_ms);  // deviation 100
  CHECK(wait(1) == 400'000);
  CHECK(wait(2) == 800'000);
  times.add(peer, 600_ms);  // deviation (300 + 400)/4, mean (1400 + 600)/8
  CHECK(wait(1) == 250'000 + 2 * 175'000);
  CHECK(wait(100) == 4'000'000);
  CHECK(times.timeout(silent_peer(2), 1).to_millis() == 250);
  for (int i = 0; i < 100; ++i) times.add(peer, 1_ms);
  CHECK(wait(1) == 300'000);
}

TEST_CASE("PeerTimes adds up to a quarter of a second by chance") {
  sim::SeededRandom random(6);
  PeerTimes times(random);
  std::int64_t least = 10'000;
  std::int64_t most = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t wait = times.timeout(silent_peer(1), 1).to_millis();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least == 250);
  CHECK(most == 250 + 255);
}

TEST_CASE("PeerTimes forgets those that many others came after") {
  NoJitter none;
  PeerTimes times(none);
  times.add(silent_peer(0), 1_s);
  const auto add_others = [&](std::uint32_t from, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) times.add(silent_peer(from + i), 100_ms);
  };
  const auto knows = [&] { return times.timeout(silent_peer(0), 1).to_millis() != 250; };
  add_others(1, 4096);
  CHECK(knows());
  add_others(10'000, 4096);
  CHECK(!knows());
}

TEST_CASE("SilentPeers counts once what overlaps") {
  SilentPeers silent;
  const net::Address peer = silent_peer(1);
  const auto count = [&](std::int64_t now) { return silent.count(peer, at_second(now)); };
  CHECK(count(0) == 0);
  silent.add(peer, at_second(0), at_second(4));
  CHECK(count(4) == 1);
  silent.add(peer, at_second(3), at_second(7));  // sent before the last was given up
  CHECK(count(7) == 1);
  silent.add(peer, at_second(7), at_second(8));
  CHECK(count(8) == 2);
  CHECK(silent.count(silent_peer(2), at_second(8)) == 0);
  silent.remove(peer);
  CHECK(count(8) == 0);
}

TEST_CASE("SilentPeers remembers for ten minutes") {
  SilentPeers silent;
  const net::Address peer = silent_peer(1);
  for (const std::int64_t now : {0, 1}) silent.add(peer, at_second(now), at_second(now));
  CHECK(silent.count(peer, at_second(600)) == 2);
  CHECK(silent.count(peer, at_second(601)) == 0);
  silent.add(peer, at_second(700), at_second(700));
  CHECK(silent.count(peer, at_second(700)) == 1);
  silent.clear();
  CHECK(silent.count(peer, at_second(700)) == 0);
}

TEST_CASE("SilentPeers remembers a thousand at most") {
  SilentPeers silent;
  const auto known = [&](std::uint32_t from, std::int64_t now) {
    std::uint32_t out = 0;
    for (std::uint32_t i = 0; i < 1024; ++i) {
      out += silent.count(silent_peer(from + i), at_second(now)) > 0 ? 1 : 0;
    }
    return out;
  };
  for (std::uint32_t i = 0; i < 1024; ++i) silent.add(silent_peer(i), at_second(0), at_second(0));
  CHECK(known(0, 0) == 1024);
  // One more takes the place of another.
  silent.add(silent_peer(5000), at_second(1), at_second(1));
  CHECK(known(0, 1) == 1023);
  // When those are over, there is room for all that come.
  for (std::uint32_t i = 0; i < 1000; ++i) {
    silent.add(silent_peer(10'000 + i), at_second(650), at_second(650));
  }
  CHECK(known(10'000, 650) == 1000);
}

TEST_CASE("Strays tells of the hundredth of a host once in ten minutes") {
  Strays strays;
  const net::Ipv4 host = silent_peer(1).host;
  const auto told = [&](std::uint32_t count, std::int64_t now) {
    int out = 0;
    for (std::uint32_t i = 0; i < count; ++i) out += strays.add(host, at_second(now)) ? 1 : 0;
    return out;
  };
  CHECK(told(99, 0) == 0);
  CHECK(strays.count(host) == 99);
  CHECK(!strays.add(silent_peer(2).host, at_second(0)));
  CHECK(told(1, 0) == 1);
  CHECK(told(1000, 599) == 0);
  CHECK(told(99, 600) == 0);  // it begins again
  CHECK(strays.count(host) == 99);
  CHECK(told(1, 600) == 1);
}

TEST_CASE("Strays counts 256 hosts and makes room when their time is over") {
  Strays strays;
  const auto counted = [&](std::uint32_t from, std::uint32_t count, std::int64_t now) {
    std::uint32_t out = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      strays.add(silent_peer(from + i).host, at_second(now));
      out += strays.count(silent_peer(from + i).host) > 0 ? 1 : 0;
    }
    return out;
  };
  CHECK(counted(0, 300, 0) == 256);
  CHECK(strays.count(silent_peer(0).host) == 1);
  strays.add(silent_peer(0).host, at_second(1));  // who is in it is counted on
  CHECK(strays.count(silent_peer(0).host) == 2);
  CHECK(counted(1000, 300, 599) == 0);
  CHECK(counted(1000, 300, 620) == 256);
}
