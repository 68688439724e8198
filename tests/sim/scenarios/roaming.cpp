// SPDX-License-Identifier: Apache-2.0
// Conversations whose path goes away under them: how long they pause, and that nothing is lost or doubled.
// HSFWD_SEEDS sets how many worlds there are of each kind.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "unit/node/session_world.hpp"

using namespace hsfwd;

namespace {

int seeds() {
  const char* const wanted = std::getenv("HSFWD_SEEDS");
  return wanted != nullptr ? std::atoi(wanted) : 25;
}

enum class Change { kClient, kServer, kBoth, kReboot, kRenumbered };
constexpr const char* kNames[] = {"client moves", "server moves", "both move", "NAT forgets",
                                  "NAT renumbers"};

void apply(SessionWorld& w, Change change) {
  if (change == Change::kClient || change == Change::kBoth) w.client->move();
  if (change == Change::kServer || change == Change::kBoth) w.server->move();
  if (change == Change::kReboot) w.client->nat().reboot();
  if (change == Change::kRenumbered) w.client->renumber();
}

/// Seconds without an answer, in a conversation through one change.
double pause_of(std::uint64_t seed, double loss, Change change) {
  sim::SeededRandom random(seed * 31 + 7);
  const auto seat = [&] {
    const auto delay = Duration::millis(5 + random.below(50));
    return Seat{.nat = hyperdht::kConsistentNat,
                .link = {.delay = delay, .jitter = 2_ms, .loss = loss / 2}};
  };
  const Seat server = seat();
  SessionWorld w(seed, server, seat());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  REQUIRE(w.world().run_until([&] { return one.opened; }, 20_s));
  REQUIRE(w.run_until_whole(one));
  one.begin_pauses();
  apply(w, change);
  w.chat(one, 12_s);
  INFO(fmt::format("seed {} loss {} {}", seed, loss, kNames[static_cast<int>(change)]));
  REQUIRE(w.run_until_whole(one, 60_s));
  CHECK(!one.closed);
  CHECK(w.echo->served() == 1);
  return one.longest_pause.to_seconds();
}

}  // namespace

TEST_CASE("after a change data flows again within two seconds as a rule, and five at the worst") {
  for (const double loss : {0.0, 0.02, 0.10}) {
    std::vector<double> pauses;
    for (const Change change : {Change::kClient, Change::kServer, Change::kBoth, Change::kReboot,
                                Change::kRenumbered}) {
      std::vector<double> of_kind;
      for (int i = 0; i < seeds(); ++i) {
        const auto seed = static_cast<std::uint64_t>(1000 + i);
        of_kind.push_back(pause_of(seed, loss, change));
      }
      std::sort(of_kind.begin(), of_kind.end());
      fmt::print("loss {:4.0f} %  {:14} median {:.2f} s  worst {:.2f} s\n", loss * 100,
                 kNames[static_cast<int>(change)], of_kind[of_kind.size() / 2], of_kind.back());
      pauses.insert(pauses.end(), of_kind.begin(), of_kind.end());
    }
    std::sort(pauses.begin(), pauses.end());
    const double median = pauses[pauses.size() / 2];
    const double late = pauses[pauses.size() * 99 / 100];
    fmt::print("loss {:4.0f} %  all            median {:.2f} s  99th percentile {:.2f} s\n",
               loss * 100, median, late);
    CHECK(median < 2);
    CHECK(late < 5);
  }
}
