// SPDX-License-Identifier: Apache-2.0
// Handshakes cost a server more than anything else that a stranger can ask of it. Who floods it
// with them holds up nobody but himself, under whatever address he is named.
#include <catch2/catch.hpp>

#include "handmade.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// A server with an address of its own, and what happens to it.
struct Door {
  explicit Door(std::uint64_t seed, ServerOptions options = as_hsfwd())
      : swarm(seed), host((swarm.grow_to(20), swarm.add_peer(1))), guest(swarm.add_peer(2)) {
    server = swarm.listen(*host, swarm.keys(10), std::move(options), [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
    });
    swarm.world.run_for(3_s);
  }
  Address relay(std::size_t i) const { return server->announcer()->relays().at(i).relay_address; }
  Address anywhere() {
    Random& random = swarm.world.random();
    return {net::Ipv4::of(static_cast<std::uint8_t>(11 + random.below(100)),
                          static_cast<std::uint8_t>(random.below(256)),
                          static_cast<std::uint8_t>(random.below(256)), 7),
            static_cast<std::uint16_t>(1024 + random.below(60'000))};
  }
  Handmade fresh(std::uint64_t number) {
    Handmade out(swarm, swarm.keys(1000 + number));
    out.write(out.payload());
    return out;
  }
  /// A client in earnest, through the relays.
  bool connects() {
    guest->host().freeze();
    ConnectOptions options;
    options.extension = Extension{};
    options.reusable_socket = false;
    SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key, std::move(options)));
    const bool opened = swarm.world.run_until([&] { return client.opened; }, 5_s);
    client.socket->reset();
    return opened;
  }

  Swarm swarm;
  std::unique_ptr<Peer> host;
  std::unique_ptr<Peer> guest;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
};

constexpr double kAtOnce = HandshakeGate::kOfSource.capacity;

}  // namespace

TEST_CASE("a first message of a client that is not let in is opened once, however often it comes") {
  ServerOptions options = as_hsfwd();
  options.allow = [](const Visitor&) { return false; };
  Door door(1, std::move(options));
  Listener thief(door.swarm, 3000);
  Handmade refused = door.fresh(0);
  Handmade garbage = door.fresh(1);
  garbage.noise.back() ^= 1;
  for (int i = 0; i < 1000; ++i) {
    refused.ask(thief.self(), door.host->address());
    refused.ask(door.anywhere(), door.host->address(), door.anywhere());
    garbage.ask(thief.self(), door.host->address());
    door.swarm.world.run_for(1_ms);
  }
  CHECK(door.server->stats().handshakes == 2);
  CHECK(door.server->stats().turned_away > 2900);
  CHECK(thief.count == 0);
}

TEST_CASE("of one source a limited number of handshakes is opened, and others do not notice") {
  Door door(2);
  Listener attacker(door.swarm, 3000);
  const auto how = GENERATE(as<std::string>(), "directly", "as many clients of a relay",
                            "as a relay of many clients");
  CAPTURE(how);
  const std::uint64_t before = door.server->stats().handshakes;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Handmade client = door.fresh(i);
    if (how == "directly") {
      client.ask(attacker.self(), door.host->address());
    } else if (how == "as many clients of a relay") {
      client.ask(attacker.self(), door.host->address(), door.anywhere());
    } else {
      client.ask(attacker.self(), door.relay(i % 3), door.anywhere());
    }
    door.swarm.world.run_for(1_ms);
  }
  const std::uint64_t opened = door.server->stats().handshakes - before;
  CHECK(opened >= kAtOnce);
  CHECK(opened <= kAtOnce + 2.5 * HandshakeGate::kOfSource.per_second);
  CHECK(door.connects());
}

TEST_CASE("who connects in earnest is not bounded in number") {
  Door door(3);
  std::size_t opened = 0;
  for (int round = 0; round < 8; ++round) {
    std::vector<std::unique_ptr<SocketRecorder>> clients;
    for (int i = 0; i < 80; ++i) {
      ConnectOptions options;
      options.extension = Extension{};
      clients.push_back(std::make_unique<SocketRecorder>(
          door.guest->dht().connect(door.swarm.keys(10).public_key, std::move(options))));
    }
    door.swarm.world.run_until(
        [&] {
          return std::all_of(clients.begin(), clients.end(), [](auto& c) { return c->opened; });
        },
        2_s);
    for (auto& client : clients) {
      opened += client->opened ? 1 : 0;
      client->socket->reset();
    }
    door.swarm.world.run_for(50_ms);
  }
  CHECK(opened == 640);
  CHECK(door.server->stats().turned_away == 0);
}

TEST_CASE("a crowd of handshakes is opened a few at a time") {
  Door door(4);
  const std::uint64_t before = door.server->stats().handshakes;
  for (std::uint64_t i = 0; i < 100; ++i) {
    door.fresh(i).ask(door.anywhere(), door.host->address());
  }
  const auto opened = [&] { return door.server->stats().handshakes - before; };
  std::uint64_t most = 0;
  std::uint64_t last = 0;
  Instant at;
  while (opened() < 100 && door.swarm.world.run_until([&] { return opened() > last; }, 1_s)) {
    if (door.swarm.world.now() != at) most = 0;
    at = door.swarm.world.now();
    most += opened() - std::exchange(last, opened());
    REQUIRE(most <= HandshakeGate::kPerTurn);
  }
  CHECK(opened() == 100);
}

// What a message has a node send costs its sender, not whom it is sent to: at the relays that is the
// server, whose answers would come too often, and at the server its relays.
TEST_CASE("an address that messages name is not kept from being heard") {
  Door door(5);
  Listener attacker(door.swarm, 3000);
  Handmade recorded = door.fresh(0);
  for (int i = 0; i < 1000; ++i) {
    // The relays, as FIND_PEER tells everybody; and a client.
    for (std::size_t relay = 0; relay < 3; ++relay) {
      for (int k = 0; k < 4; ++k) recorded.ask(attacker.self(), door.relay(relay));
      recorded.ask(attacker.self(), door.host->address(), door.relay(relay));
    }
    recorded.ask(attacker.self(), door.host->address(), door.guest->address());
    door.swarm.world.run_for(1_ms);
  }
  CHECK(door.connects());
}

TEST_CASE("who is no relay of the server gets no more than other askers, whomever it names") {
  Door door(6);
  Listener victim(door.swarm, 3000);
  Handmade recorded = door.fresh(0);
  constexpr int kSeconds = 6;
  for (int i = 0; i < kSeconds * 1000; ++i) {
    recorded.ask(victim.self(), door.host->address(), door.anywhere());
    door.swarm.world.run_for(1_ms);
  }
  const auto budget = rpc::SendBudget::kHost;
  CHECK(victim.bytes > 0);
  CHECK(static_cast<double>(victim.bytes) <= budget.capacity + (kSeconds + 1) * budget.per_second);
}

TEST_CASE("a node that passes a client on under a false address does not hide the server from it") {
  Door door(7);
  Listener liar(door.swarm, 3000);
  Listener elsewhere(door.swarm, 3001);
  int lies = 0;
  door.swarm.world.set_tap([&](const sim::Packet& packet) {
    const auto request = rpc::decode_request(packet.payload);
    if (!request || request->command != Command::kPeerHandshake || !request->value) return;
    const auto message = HandshakeMessage::decode(*request->value);
    if (!message || message->mode != Mode::kFromClient) return;
    door.swarm.world.at(door.swarm.world.now(), [&, noise = message->noise] {
      Handmade lie(door.swarm, door.swarm.keys(77));
      lie.noise = noise;
      lie.ask(liar.self(), door.host->address(), elsewhere.self());
      ++lies;
    });
  });
  CHECK(door.connects());
  CHECK(lies > 0);
}
