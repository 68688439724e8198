// SPDX-License-Identifier: Apache-2.0
// What a server does for a client that has proven nothing: no more than answer, and open a path.
// First messages that were recorded, addresses that are somebody else's, and clients in earnest,
// who lose no round trip by it.
#include <catch2/catch.hpp>

#include "handmade.hpp"
#include "hyperdht/relay_node.hpp"
#include "hyperdht/wire/secure_payload.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// First messages on their way to a host, as somebody on the way sees them.
struct Recording {
  Recording(Swarm& swarm, const Address& to) {
    swarm.world.set_tap([this, to](const sim::Packet& packet) {
      if (packet.to != to) return;
      const auto request = rpc::decode_request(packet.payload);
      if (!request || request->command != Command::kPeerHandshake || !request->value) return;
      const auto message = HandshakeMessage::decode(*request->value);
      if (!message) return;
      packets.push_back(packet);
      if (messages.empty() || messages.back().noise != message->noise) messages.push_back(*message);
    });
  }
  std::vector<sim::Packet> packets;
  std::vector<HandshakeMessage> messages;
};

}  // namespace

TEST_CASE("a recorded first message of a client that is let in opens nothing and leaves no trail") {
  const bool hsfwd = GENERATE(true, false);
  const bool later = GENERATE(false, true);
  CAPTURE(hsfwd, later);
  ServerOptions options = as_hsfwd();
  std::unique_ptr<Talker> talker;
  options.allow = [&](const Visitor& v) { return v.key == talker->swarm.keys(2).public_key; };
  talker = std::make_unique<Talker>(1, options);
  Swarm& swarm = talker->swarm;
  auto guest = swarm.add_peer(2);
  Recording recording(swarm, talker->host->address());
  auto first = talker->connect(*guest, hsfwd);
  auto living = talker->connect(*guest, hsfwd);
  REQUIRE(talker->accepted.size() == 2);
  REQUIRE(recording.messages.size() == 2);
  first->socket->reset();
  swarm.world.run_for(later ? 30_s : 1_s);
  const std::size_t sessions = talker->server->sessions();
  CHECK((sessions == 0) == later);
  const auto route = talker->host->dht().routes().find(swarm.keys(2).public_key);
  REQUIRE(route);

  Listener thief(swarm, 3000);
  Handmade replay(swarm, swarm.keys(99));
  std::size_t asked = 0;
  const Address to = talker->host->address();
  const std::uint64_t living_heard = living->socket->stats().packets_received;
  swarm.world.set_tap(nullptr);
  for (const HandshakeMessage& message : recording.messages) {
    replay.noise = message.noise;
    const std::uint64_t sent = talker->host->host().sent();
    asked += replay.ask(thief.self(), to);
    asked += replay.ask(thief.self(), to, Address{net::Ipv4::of(9, 8, 7, 6), 5});
    replay.ask(route->address, to);
    swarm.world.run_for(100_ms);
    CHECK(talker->host->host().sent() - sent <= 5);  // three answers; connections speak at times
    swarm.world.run_for(20_s);
  }
  CHECK(talker->accepted.size() == 2);
  CHECK(talker->server->stats().connections == 2);
  CHECK(talker->server->stats().early <= 1);
  CHECK(talker->host->dht().routes().find(swarm.keys(2).public_key)->address == route->address);
  CHECK(thief.bytes <= 3 * asked);
  CHECK(thief.count <= 4);
  // The other connection was not asked whether it is still there.
  CHECK(!living->reset);
  CHECK(living->socket->stats().packets_received - living_heard < 40);
}

TEST_CASE("an address that nobody has proven gets three times what came from there, at most") {
  const bool direct = GENERATE(true, false);
  const bool hsfwd = GENERATE(true, false);
  CAPTURE(direct, hsfwd);
  Talker talker(2);
  Swarm& swarm = talker.swarm;
  Listener victim(swarm, 3000);
  Listener thief(swarm, 3001);
  std::size_t asked = 0;
  for (int i = 0; i < 50; ++i) {
    Handmade client(swarm, crypto::KeyPair::generate(swarm.world.random()));
    NoisePayload payload = client.payload();
    payload.firewall = Firewall::kOpen;
    if (hsfwd) payload.extension = Extension{.features = Extension::kFirstRecord, .stamp = 1 + i};
    client.write(payload);
    const Address to = talker.host->address();
    asked += direct ? client.ask(victim.self(), to) : client.ask(thief.self(), to, victim.self());
    if (!direct) continue;
    // Who hears the answer could make the proof.
    const std::size_t answers = thief.answers.size();
    client.ask(thief.self(), to);
    swarm.world.run_for(50_ms);
    CHECK(thief.answers.size() <= answers + 1);
  }
  swarm.world.run_for(60_s);
  WARN(asked << " bytes asked, " << victim.bytes << " bytes in " << victim.count << " datagrams");
  CHECK(victim.count >= 50);
  CHECK(victim.bytes <= 3 * asked);
  CHECK(talker.accepted.empty());
  CHECK(talker.server->stats().abandoned == 50);
  CHECK(talker.server->sessions() == 0);
  CHECK(talker.host->dht().open_sockets() == 0);
}

TEST_CASE("the proof counts for where it comes from") {
  const bool hsfwd = GENERATE(true, false);
  CAPTURE(hsfwd);
  Talker talker(3);
  Swarm& swarm = talker.swarm;
  Listener victim(swarm, 3000);
  Listener thief(swarm, 3001);
  Handmade client(swarm, swarm.keys(50));
  NoisePayload payload = client.payload();
  payload.firewall = Firewall::kOpen;
  if (hsfwd) payload.extension = Extension{.features = Extension::kFirstRecord, .stamp = 1};
  client.write(payload);
  const Address to = talker.host->address();
  const std::size_t asked = client.ask(thief.self(), to, victim.self());
  REQUIRE(swarm.world.run_until([&] { return !thief.answers.empty(); }, 1_s));
  REQUIRE(client.open(thief.answers[0]));
  if (hsfwd) {
    // A header alone proves nothing of who promises a record.
    client.inject(thief.self(), to, client.first_packet(false));
    swarm.world.run_for(1_s);
    CHECK(talker.accepted.empty());
  } else {
    client.inject(thief.self(), to, client.first_packet(false));
    REQUIRE(swarm.world.run_until([&] { return talker.accepted.size() == 1; }, 1_s));
    CHECK(talker.accepted[0]->socket->remote_address() == thief.self());
  }
  swarm.world.run_for(30_s);
  CHECK(victim.bytes <= 3 * asked);
}

TEST_CASE("a record that opens is the proof of a client that promises one") {
  Talker talker(4);
  Swarm& swarm = talker.swarm;
  Listener thief(swarm, 3001);
  Handmade client(swarm, swarm.keys(50));
  NoisePayload payload = client.payload();
  payload.extension = Extension{.features = Extension::kFirstRecord, .stamp = 1};
  client.write(payload);
  const Address to = talker.host->address();
  client.ask(thief.self(), to);
  REQUIRE(swarm.world.run_until([&] { return !thief.answers.empty(); }, 1_s));
  REQUIRE(client.open(thief.answers[0]));
  REQUIRE(client.theirs.extension);
  CHECK((client.theirs.extension->features & Extension::kFirstRecord) != 0);
  CHECK(!client.theirs.extension->stamp);
  Bytes spoilt = client.first_packet(true);
  SECTION("and nothing else") {
    spoilt.back() ^= 1;
    client.inject(thief.self(), to, spoilt);
    swarm.world.run_for(1_s);
    CHECK(talker.accepted.empty());
  }
  SECTION("when it comes") {
    client.inject(thief.self(), to, spoilt);
    CHECK(swarm.world.run_until([&] { return talker.accepted.size() == 1; }, 1_s));
  }
}

namespace {

/// Round trips until the service's first word, at 100 ms each way.
struct Greeting {
  explicit Greeting(bool hsfwd, bool client_at_home) : hsfwd_(hsfwd), swarm(5) {
    const sim::LinkProfile slow{.delay = 50_ms};  // of both ends
    swarm.grow_to(20, slow);
    if (client_at_home) {
      home.emplace(swarm, std::uint8_t{2}, kConsistentNat, slow);
    } else {
      open = swarm.add_peer(2, slow);
    }
    host = swarm.add_peer(1, slow);
    server = swarm.listen(*host, swarm.keys(10), as_hsfwd(), [this](auto socket) {
      accepted.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
      accepted.back()->end_with_peer = true;
      accepted.back()->send(to_bytes(as_bytes("hello")), false);
    });
    swarm.world.run_for(3_s);
  }
  Peer& guest() { return home ? home->peer : *open; }
  double round_trips() {
    const Instant start = swarm.world.now();
    guest().host().freeze();
    ConnectOptions options;
    if (hsfwd_) options.extension = Extension{};
    SocketRecorder client(guest().dht().connect(swarm.keys(10).public_key, std::move(options)));
    client.end_with_peer = true;
    REQUIRE(swarm.world.run_until([&] { return !client.received.empty(); }, 20_s));
    const Duration took = swarm.world.now() - start;
    client.socket->end();
    swarm.world.run_for(1_s);
    return took.to_seconds() / 0.2;
  }
  const bool hsfwd_;
  Swarm swarm;
  std::optional<Home> home;
  std::unique_ptr<Peer> open;
  std::unique_ptr<Peer> host;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
};

}  // namespace

TEST_CASE("a service that speaks first: what the proof costs in round trips") {
  for (const bool at_home : {true, false}) {
    for (const bool hsfwd : {true, false}) {
      Greeting greeting(hsfwd, at_home);
      const double first = greeting.round_trips();
      const double second = greeting.round_trips();
      const double third = greeting.round_trips();
      WARN((hsfwd ? "hsfwd" : "stock")
           << " client, " << (at_home ? "behind a NAT" : "open") << ": " << first << ", " << second
           << ", " << third << " round trips");
      CHECK(second < (hsfwd ? 1.3 : 2.3));
      CHECK(third < (hsfwd ? 1.3 : 2.3));
    }
  }
}

namespace {

/// A known client whose stamps the test writes.
struct Known {
  explicit Known(std::uint64_t seed) : talker(seed), guest(talker.swarm.add_peer(2)) {
    Recording recording(talker.swarm, talker.host->address());
    talker.connect(*guest)->socket->reset();
    talker.connect(*guest)->socket->reset();
    talker.swarm.world.set_tap(nullptr);
    talker.swarm.world.run_for(15_s);
    REQUIRE(talker.server->sessions() == 0);
    at = recording.packets.back().from;
  }
  std::uint64_t now() { return talker.swarm.world.unix_millis() * 1000; }
  /// Whether a first message of the client's key from `from` is served before its proof.
  bool is_early(const Address& from, std::optional<std::uint64_t> stamp) {
    const std::uint64_t before = talker.server->stats().early;
    const std::size_t connections = talker.accepted.size();
    Handmade client(talker.swarm, talker.swarm.keys(2));
    NoisePayload payload = client.payload();
    payload.extension = Extension{.features = Extension::kFirstRecord, .stamp = stamp};
    client.write(payload);
    asked = client.ask(from, talker.host->address());
    talker.swarm.world.run_for(100_ms);
    CHECK(talker.accepted.size() - connections == talker.server->stats().early - before);
    return talker.server->stats().early > before;
  }
  Talker talker;
  std::unique_ptr<Peer> guest;
  Address at;
  std::size_t asked = 0;
};

}  // namespace

TEST_CASE("a known client is served before its proof, where it is known and on its fresh word") {
  Known known(6);
  Listener elsewhere(known.talker.swarm, 3000);
  const std::uint64_t then = known.now();
  CHECK(known.is_early(known.at, then));
  CHECK_FALSE(known.is_early(known.at, then));      // it has been seen
  CHECK_FALSE(known.is_early(known.at, then - 1));  // and this is older
  CHECK_FALSE(known.is_early(known.at, known.now() + 60'000'000));
  CHECK_FALSE(known.is_early(known.at, std::nullopt));
  CHECK_FALSE(known.is_early(elsewhere.self(), known.now()));
  CHECK_FALSE(known.is_early({known.at.host, 1}, known.now()));
  known.talker.swarm.world.run_for(2_s);
  CHECK(known.is_early(known.at, known.now()));
  // What was written then and held back is not fresh, however new it is to the server.
  const std::uint64_t held_back = known.now();
  known.talker.swarm.world.run_for(10_s);
  CHECK_FALSE(known.is_early(known.at, held_back));
  known.talker.swarm.world.run_for(11_min);
  CHECK_FALSE(known.is_early(known.at, known.now()));
}

TEST_CASE("who is served before the proof gets little until then, and is let go without it") {
  Known known(7);
  Listener sink(known.talker.swarm, 3000);
  std::uint64_t sent = 0;
  known.talker.swarm.world.set_tap([&](const sim::Packet& packet) {
    if (packet.to == known.at) sent += packet.payload.size();
  });
  known.guest.reset();
  REQUIRE(known.is_early(known.at, known.now()));
  SocketRecorder& served = *known.talker.accepted.back();
  known.talker.swarm.world.run_for(5_s);
  CHECK(!served.reset);
  known.talker.swarm.world.run_for(30_s);
  known.talker.swarm.world.set_tap(nullptr);
  CHECK(sent > known.asked);
  CHECK(sent <= 3 * known.asked);
  CHECK(served.reset);
  CHECK(known.talker.server->stats().abandoned == 1);
  CHECK(known.talker.server->sessions() == 0);
}

TEST_CASE("many connections of a known client at once are served before their proofs") {
  Talker talker(8);
  auto guest = talker.swarm.add_peer(2);
  talker.connect(*guest)->socket->reset();
  std::vector<std::unique_ptr<SocketRecorder>> clients;
  guest->host().freeze();
  for (int i = 0; i < 50; ++i) {
    ConnectOptions options;
    options.extension = Extension{};
    clients.push_back(std::make_unique<SocketRecorder>(
        guest->dht().connect(talker.swarm.keys(10).public_key, std::move(options))));
  }
  const bool all = talker.swarm.world.run_until(
      [&] {
        return std::all_of(clients.begin(), clients.end(),
                           [](const auto& c) { return c->received.size() == Talker::kSpeech; });
      },
      20_s);
  CHECK(all);
  CHECK(talker.server->stats().early >= 45);
}

namespace {

/// First messages that name relays, to a server that nobody reaches directly.
struct Dialled {
  explicit Dialled(std::uint64_t seed, std::optional<ClientRelayPolicy> policy = {}) : swarm(seed) {
    swarm.grow_to(20);
    home.emplace(swarm, std::uint8_t{1}, kRandomNat);
    ServerOptions options = as_hsfwd();
    if (policy) options.client_relays = [policy] { return *policy; };
    server = swarm.listen(home->peer, swarm.keys(10), std::move(options), [](auto) {});
    swarm.world.run_for(3_s);
  }
  /// Through a relay of the server's.
  void ask(Handmade& client, const Address& from) {
    HandshakeMessage message{.mode = Mode::kFromClient, .noise = client.noise};
    const Bytes value = message.encode();
    const Address to = server->announcer()->relays().at(0).relay_address;
    client.inject(from, to,
                  rpc::RequestMessage{.tid = 7,
                                      .to = to,
                                      .command = Command::kPeerHandshake,
                                      .target = target_of_peer(swarm.keys(10).public_key),
                                      .value = value}
                      .encode());
  }
  Handmade naming(const crypto::PublicKey& relay) {
    Handmade client(swarm, crypto::KeyPair::generate(swarm.world.random()));
    NoisePayload payload = client.payload();
    payload.relay_through =
        RelayThroughInfo{.public_key = relay, .token = client.random().fixed<RelayToken>()};
    client.write(payload);
    return client;
  }
  std::uint64_t requests() { return home->peer.node().call_stats().sent; }

  Swarm swarm;
  std::optional<Home> home;
  std::unique_ptr<Server> server;
};

}  // namespace

TEST_CASE("a crowd of clients that name relays has few of them dialled") {
  Dialled run(9);
  Listener attacker(run.swarm, 3000);
  const std::uint64_t idle = run.requests();
  run.swarm.world.run_for(30_s);
  const std::uint64_t upkeep = run.requests() - idle;
  const std::uint64_t before = run.requests();
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    Handmade client = run.naming(crypto::KeyPair::generate(run.swarm.world.random()).public_key);
    run.ask(client, attacker.self());
    run.swarm.world.run_for(50_ms);
    most = std::max(most, run.home->peer.dht().relay_connections().size());
  }
  run.swarm.world.run_for(25_s);
  WARN("100 handshakes that name relays: " << run.requests() - before - upkeep
                                           << " requests beyond the usual " << upkeep);
  CHECK(most > 0);
  CHECK(most <= ClientRelays::kMaxAtOnceOfOne);
  CHECK(run.requests() - before <= upkeep + ClientRelays::kMaxOfOne * 40);
  CHECK(run.home->peer.dht().relay_connections().size() == 0);
}

TEST_CASE("a first message has the relay that it names dialled once, and not at all if told so") {
  const bool refuse = GENERATE(false, true);
  Dialled run(10, refuse ? ClientRelayPolicy::kRefuse : ClientRelayPolicy::kAnonymous);
  Listener thief(run.swarm, 3000);
  auto relay_peer = run.swarm.add_peer(3);
  std::vector<crypto::PublicKey> seen;
  RelayOptions options;
  options.allow = [&](const Visitor& visitor) {
    seen.push_back(visitor.key);
    return true;
  };
  RelayNode relay(relay_peer->dht(), std::move(options));
  std::size_t announced = 0;
  REQUIRE(relay.listen(run.swarm.keys(30), [&](std::size_t relays) { announced = relays; }));
  REQUIRE(run.swarm.world.run_until([&] { return announced > 0; }, 30_s));
  Handmade client = run.naming(run.swarm.keys(30).public_key);
  for (int i = 0; i < 3; ++i) {
    run.ask(client, thief.self());
    run.swarm.world.run_for(5_s);
    CHECK(seen.size() == (refuse ? 0 : 1));
    run.swarm.world.run_for(2_min);
  }
  for (const crypto::PublicKey& key : seen) {
    CHECK(key != run.swarm.keys(10).public_key);
    CHECK(key != run.home->peer.dht().options().key_pair.public_key);
  }
}

TEST_CASE("a relayed connection is handed over when the client has spoken through the relay") {
  Dialled run(11);
  Listener thief(run.swarm, 3000);
  auto relay_peer = run.swarm.add_peer(3);
  RelayNode relay(relay_peer->dht(), {});
  std::size_t announced = 0;
  REQUIRE(relay.listen(run.swarm.keys(30), [&](std::size_t relays) { announced = relays; }));
  REQUIRE(run.swarm.world.run_until([&] { return announced > 0; }, 30_s));
  // A thief who runs the relay, or pairs with any token that he has seen there, plays the client.
  Handmade client(run.swarm, run.swarm.keys(2));
  NoisePayload payload = client.payload();
  const auto token = client.random().fixed<RelayToken>();
  payload.relay_through =
      RelayThroughInfo{.public_key = run.swarm.keys(30).public_key, .token = token};
  client.write(payload);
  auto other = run.swarm.add_peer(4);
  struct Pairs final : RelayPairing::Observer {
    void on_relay_paired(net::UdpSocket&, const Address&, udx::StreamId, Duration) override {
      paired = true;
    }
    void on_relay_gone() override {}
    bool paired = false;
  } pairs;
  other->host().freeze();
  RelayPairing pairing(other->dht().relay_connections(), *payload.relay_through,
                       RelayIdentity::kNode, true, udx::StreamId{77}, pairs);
  run.ask(client, thief.self());
  REQUIRE(run.swarm.world.run_until([&] { return pairs.paired; }, 10_s));
  run.swarm.world.run_for(30_s);
  CHECK(run.server->stats().connections == 0);
  CHECK(run.server->stats().abandoned == 1);
  CHECK(run.server->sessions() == 0);
  CHECK(run.home->peer.dht().open_sockets() == 0);
}
