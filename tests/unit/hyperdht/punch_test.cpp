// SPDX-License-Identifier: Apache-2.0
// Connections through NATs: two homes, each behind one of its own.
#include <catch2/catch.hpp>

#include "hyperdht/client_punch.hpp"
#include "homes.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// A server in one home and a client in another.
struct Pair {
  Pair(const sim::NatProfile& server_nat, const sim::NatProfile& client_nat, std::uint64_t seed)
      : swarm(seed) {
    swarm.grow_to(20, {.delay = 10_ms});
    server_home.emplace(swarm, std::uint8_t{1}, server_nat);
    client_home.emplace(swarm, std::uint8_t{2}, client_nat);
    server = swarm.listen(server_home->peer, swarm.keys(10), {}, [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
      accepted.back()->send(to_bytes(as_bytes("hello")), false);
    });
    swarm.world.run_for(3_s);
  }

  /// Connects, and tells how long it took until the first byte; nothing if it failed.
  std::optional<Duration> connect() {
    timeline.clear();
    const Instant start = swarm.world.now();
    client_home->peer.host().freeze();
    ConnectOptions options;
    options.timeline = [&](const AttemptEvent& event) {
      timeline += fmt::format("{:6} ms {}: {}\n", (event.at - start).to_millis(),
                              to_string(event.step), event.text);
    };
    client = std::make_unique<SocketRecorder>(
        client_home->peer.dht().connect(swarm.keys(10).public_key, std::move(options)));
    swarm.world.run_until([&] { return client->reset || !client->received.empty(); }, 60_s);
    if (client->received.empty()) return std::nullopt;
    return swarm.world.now() - start;
  }

  Swarm swarm;
  std::optional<Home> server_home;
  std::optional<Home> client_home;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
  std::unique_ptr<SocketRecorder> client;
  std::string timeline;
};

}  // namespace

TEST_CASE("two consistent NATs are punched with the first probe") {
  Pair pair(kConsistentNat, kConsistentNat, 1);
  const auto took = pair.connect();
  INFO(pair.timeline);
  REQUIRE(took);
  CHECK(pair.client->socket->path() == PathKind::kDirect);
  CHECK(*took < 1_s);
}

TEST_CASE("a random NAT on either side is met with many datagrams") {
  for (const bool server_random : {false, true}) {
    Pair pair(server_random ? kRandomNat : kConsistentNat,
              server_random ? kConsistentNat : kRandomNat, 2);
    const auto took = pair.connect();
    INFO(pair.timeline);
    REQUIRE(took);
    CHECK(*took < 20_s);
  }
}

TEST_CASE("two random NATs fail soon, and the verdict says why") {
  Pair pair(kRandomNat, kRandomNat, 3);
  const Instant start = pair.swarm.world.now();
  CHECK_FALSE(pair.connect());
  INFO(pair.timeline);
  CHECK(pair.swarm.world.now() - start < 15_s);
  CHECK(pair.client->socket->error() == ConnectError::kHolepunchAborted);
  CHECK(pair.client->socket->error_detail() == describe(PunchFailure::kBothRandom));
}

TEST_CASE("further connections go through the hole that is there") {
  Pair pair(kConsistentNat, kRandomNat, 4);
  REQUIRE(pair.connect());
  const auto first = std::move(pair.client);
  const auto again = pair.connect();
  INFO(pair.timeline);
  REQUIRE(again);
  CHECK(*again < 300_ms);
}
