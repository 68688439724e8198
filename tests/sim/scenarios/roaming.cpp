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
    for (const Change change :
         {Change::kClient, Change::kServer, Change::kBoth, Change::kReboot, Change::kRenumbered}) {
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

namespace {

std::size_t megabytes() {
  const char* const wanted = std::getenv("HSFWD_MEGABYTES");
  return wanted != nullptr ? static_cast<std::size_t>(std::atoi(wanted)) : 8;
}

/// Says again what it is told, and keeps nothing: who sends knows what has to come back.
struct Transfer {
  static std::uint8_t at(std::size_t i) {
    return static_cast<std::uint8_t>(i ^ (i >> 8) ^ (i >> 16) * 31);
  }
  explicit Transfer(std::size_t s) : size(s) {}
  /// More of it, if what was given before has left.
  void feed(SessionWorld& w, PeerSocket& socket) {
    w.client->host().freeze();
    while (given < size && given - back < 512 * 1024) {
      Bytes block(std::min<std::size_t>(32 * 1024, size - given));
      for (std::size_t i = 0; i < block.size(); ++i) block[i] = at(given + i);
      given += block.size();
      socket.write(block);
    }
    w.client->host().schedule_wake();
  }
  void take(ByteView bytes) {
    for (const std::uint8_t byte : bytes) wrong += byte == at(back++) ? 0 : 1;
  }
  std::size_t size;
  std::size_t given = 0;
  std::size_t back = 0;
  std::size_t wrong = 0;
};

}  // namespace

TEST_CASE("a transfer through ten changes is bit-exact, and so is a conversation beside it") {
  const int worlds = seeds() < 200 ? 4 : 50;
  for (int i = 0; i < worlds; ++i) {
    const auto seed = static_cast<std::uint64_t>(2000 + i);
    INFO("seed " << seed);
    const double loss = i % 2 == 0 ? 0 : 0.01;
    // So fast that the whole takes longer than all changes.
    const std::uint64_t rate = megabytes() * 1024 * 1024 / 40;
    const Seat seat{.nat = hyperdht::kConsistentNat,
                    .link = {.delay = 20_ms, .loss = loss, .rate = rate}};
    SessionWorld w(seed, seat, seat);
    EchoClient& bulk = w.connect();
    EchoClient& talk = w.connect();
    Transfer transfer(megabytes() * 1024 * 1024);
    bulk.socket().on_data([&](ByteView bytes) { transfer.take(bytes); });
    constexpr Change kChanges[] = {Change::kClient, Change::kRenumbered, Change::kServer,
                                   Change::kReboot, Change::kBoth};
    const auto run = [&](Duration duration) {
      const Instant until = w.world().now() + duration;
      while (w.world().now() < until && transfer.back < transfer.size) {
        transfer.feed(w, bulk.socket());
        talk.send(as_bytes("."));
        w.world().run_for(100_ms);
      }
    };
    run(2_s);
    for (int change = 0; change < 10; ++change) {
      if (change == 4) {
        w.client->host().sleep();
        w.world().run_for(60_s);
        w.client->host().wake();
      } else {
        apply(w, kChanges[change % 5]);
      }
      run(4_s);
    }
    CHECK(transfer.back < transfer.size);
    run(Duration::seconds(600 + 2 * static_cast<std::int64_t>(megabytes())));
    CHECK(transfer.back == transfer.size);
    CHECK(transfer.wrong == 0);
    REQUIRE(w.run_until_whole(talk, 60_s));
    CHECK(!bulk.closed);
    CHECK(!talk.closed);
    CHECK(w.echo->served() == 2);
  }
}

TEST_CASE("a steady stream behind a carrier's NAT never pauses for long") {
  struct Case {
    const char* name;
    Seat server;
    Seat client;
  };
  const Case cases[] = {
      {"client", home(), carrier()}, {"server", carrier(), home()}, {"both", carrier(), carrier()}};
  const int worlds = seeds() < 200 ? 3 : 50;
  for (const Case& one : cases) {
    std::vector<double> pauses;
    for (int i = 0; i < worlds; ++i) {
      const auto seed = static_cast<std::uint64_t>(3000 + i);
      INFO(one.name << ", seed " << seed);
      SessionWorld w(seed, one.server, one.client);
      EchoClient& talk = w.connect();
      w.chat(talk, 2_s);
      talk.begin_pauses();
      w.chat(talk, 6_min);
      REQUIRE(w.run_until_whole(talk));
      CHECK(!talk.closed);
      pauses.push_back(talk.longest_pause.to_seconds());
    }
    std::sort(pauses.begin(), pauses.end());
    fmt::print("carrier's NAT: {:8} longest pause: median {:.2f} s  worst {:.2f} s\n", one.name,
               pauses[pauses.size() / 2], pauses.back());
    CHECK(pauses.back() < 1);
  }
}
