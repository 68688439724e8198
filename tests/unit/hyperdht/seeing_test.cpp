// SPDX-License-Identifier: Apache-2.0
// What can be seen of a connection: its round-trip time, and why there is none.
#include <catch2/catch.hpp>

#include "homes.hpp"
#include "hyperdht/diagnose/advice.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// Connects and notes how that failed.
struct Attempt {
  Attempt(Swarm& swarm, Peer& from, const crypto::PublicKey& to) {
    ConnectOptions options;
    options.timeline = [this](const AttemptEvent& event) {
      steps.push_back(event.step);
      if (event.failure) failure = event.failure;
    };
    from.host().freeze();
    client = std::make_unique<SocketRecorder>(from.dht().connect(to, std::move(options)));
    HSFWD_CHECK(swarm.world.run_until([this] { return client->opened || client->reset; }, 60_s));
  }
  bool saw(AttemptStep step) const {
    return std::find(steps.begin(), steps.end(), step) != steps.end();
  }
  std::vector<AttemptStep> steps;
  std::optional<AttemptFailure> failure;
  std::unique_ptr<SocketRecorder> client;
};

}  // namespace

TEST_CASE("a ping measures the path, and nothing of it shows in the stream") {
  Swarm swarm(1);
  swarm.grow_to(20);
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2, {.delay = 20_ms});
  std::vector<std::unique_ptr<SocketRecorder>> sockets;
  auto server = swarm.listen(*host, swarm.keys(10), {}, [&](auto socket) {
    sockets.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
  });
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
  REQUIRE(swarm.world.run_until([&] { return client.opened && !sockets.empty(); }, 5_s));
  swarm.world.run_for(1_s);
  const auto ping = [&] {
    std::optional<Duration> rtt;
    guest->host().freeze();
    client.socket->ping([&](Duration measured) { rtt = measured; });
    guest->host().run();
    swarm.world.run_until([&] { return rtt.has_value(); }, 30_s);
    return rtt;
  };
  for (int i = 0; i < 5; ++i) CHECK(ping() == 50_ms);  // 20 and 5 ms, there and back

  // One that is lost is repeated, and takes that much longer.
  host->host().link().set_connected(false);
  swarm.world.at(swarm.world.now() + 30_ms, [&] { host->host().link().set_connected(true); });
  const auto late = ping();
  REQUIRE(late);
  CHECK(*late > 50_ms);
  CHECK(client.received.empty());
  CHECK(sockets[0]->received.empty());
  CHECK(!client.reset);

  client.socket->reset();
  sockets.clear();
}

TEST_CASE("an attempt's failure tells of both NATs, and the advice fits") {
  Swarm swarm(2);
  swarm.grow_to(20, {.delay = 10_ms});
  Home server_home(swarm, 1, kRandomNat);
  Home client_home(swarm, 2, kRandomNat);
  auto server = swarm.listen(server_home.peer, swarm.keys(10), {}, [](auto) {});
  swarm.world.run_for(3_s);
  const Attempt attempt(swarm, client_home.peer, swarm.keys(10).public_key);
  REQUIRE(attempt.failure);
  CHECK(attempt.failure->error == ConnectError::kHolepunchAborted);
  CHECK(attempt.failure->punch == PunchFailure::kBothRandom);
  CHECK(attempt.failure->own_nat == Firewall::kRandom);
  CHECK(attempt.failure->peer_nat == Firewall::kRandom);
  CHECK(std::string(advice(*attempt.failure)).find("--relay-through") != std::string::npos);
  for (const AttemptStep step : {AttemptStep::kSearch, AttemptStep::kHandshake, AttemptStep::kProbe,
                                 AttemptStep::kNat, AttemptStep::kFailed}) {
    CHECK(attempt.saw(step));
  }
}

TEST_CASE("failures before any path are told too") {
  Swarm swarm(3);
  swarm.grow_to(20);
  auto guest = swarm.add_peer(2);
  const Attempt unknown(swarm, *guest, swarm.keys(99).public_key);
  REQUIRE(unknown.failure);
  CHECK(unknown.failure->error == ConnectError::kPeerNotFound);

  auto host = swarm.add_peer(1);
  ServerOptions options;
  options.allow = [](const Visitor&) { return false; };
  auto server = swarm.listen(*host, swarm.keys(10), std::move(options), [](auto) {});
  const Attempt refused(swarm, *guest, swarm.keys(10).public_key);
  REQUIRE(refused.failure);
  CHECK(refused.failure->error == ConnectError::kPeerConnectionFailed);
  CHECK(std::string(advice(*refused.failure)).find("--allow") != std::string::npos);
}

TEST_CASE("for every failure there is an advice, one sentence or two") {
  for (int error = 0; error <= static_cast<int>(ConnectError::kCut); ++error) {
    for (int punch = -1; punch <= static_cast<int>(PunchFailure::kExhausted); ++punch) {
      for (std::uint64_t nats = 0; nats < 16; ++nats) {
        AttemptFailure failure{.error = static_cast<ConnectError>(error),
                               .own_nat = static_cast<Firewall>(nats % 4),
                               .peer_nat = static_cast<Firewall>(nats / 4)};
        if (punch >= 0) failure.punch = static_cast<PunchFailure>(punch);
        const std::string text = advice(failure);
        CHECK(text.size() > 5);
        CHECK(text.back() == '.');
      }
    }
  }
}
