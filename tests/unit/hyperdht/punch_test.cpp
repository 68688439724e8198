// SPDX-License-Identifier: Apache-2.0
// Connections through NATs: two homes, each behind one of its own.
#include <catch2/catch.hpp>

#include "homes.hpp"
#include "hyperdht/nat/client_punch.hpp"
#include "hyperdht/store/operations.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// A server in one home and a client in another.
struct Pair {
  Pair(const sim::NatProfile& server_nat, const sim::NatProfile& client_nat, std::uint64_t seed,
       Home::Reachable server_thinks = Home::Reachable::kUnknown, std::size_t nodes = 20)
      : swarm(seed) {
    swarm.grow_to(nodes, {.delay = 10_ms});
    server_home.emplace(swarm, std::uint8_t{1}, server_nat, sim::LinkProfile{}, server_thinks);
    client_home.emplace(swarm, std::uint8_t{2}, client_nat);
    listen(server_home->peer);
  }
  /// The server is on a public host, which has lost what would have told it that.
  Pair(const sim::NatProfile& client_nat, std::uint64_t seed) : swarm(seed) {
    swarm.grow_to(20, {.delay = 10_ms});
    client_home.emplace(swarm, std::uint8_t{2}, client_nat);
    public_server = swarm.add_peer(1, {.loss = 0.6});
    REQUIRE_FALSE(public_server->node().remote_address());
    public_server->host().link().set_profile({});
    listen(*public_server);
    REQUIRE_FALSE(public_server->node().remote_address());
  }

  void listen(Peer& peer) {
    server = swarm.listen(peer, swarm.keys(10), as_hsfwd(), [this](auto socket) {
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
    if (relay) options.relay_addresses = {*relay};
    options.local_connection = local_connection;
    if (hsfwd) options.extension = Extension{};
    options.relay_through = relay_through;
    options.timeline = [&, start](const AttemptEvent& event) {
      texts.push_back(event.text);
      if (on_text) on_text(event.text);
      if (cut && event.text.find(cut->after) != std::string::npos && !cut->at) cut->at = event.at;
      timeline += fmt::format("{:6} ms {}: {}\n", (event.at - start).to_millis(),
                              to_string(event.step), event.text);
    };
    client = std::make_unique<SocketRecorder>(
        client_home->peer.dht().connect(swarm.keys(10).public_key, std::move(options)));
    swarm.world.run_until(
        [&] {
          if (cut) client_home->nat.link().set_profile({.loss = cut->holds(swarm.world) ? 1.0 : 0});
          return client->reset || !client->received.empty();
        },
        60_s);
    if (client->received.empty()) return std::nullopt;
    return swarm.world.now() - start;
  }

  Swarm swarm;
  std::optional<Home> server_home;
  std::unique_ptr<Peer> public_server;
  std::optional<Home> client_home;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
  std::unique_ptr<SocketRecorder> client;
  std::string timeline;
  std::vector<std::string> texts;  // of the timeline
  std::function<void(const std::string&)> on_text;
  /// The client's line is dead for a while after an event.
  struct Cut {
    std::string after;
    Duration from;
    Duration until;
    std::optional<Instant> at;
    bool holds(const sim::World& world) const {
      return at && world.now() >= *at + from && world.now() < *at + until;
    }
  };
  std::optional<Cut> cut;
  std::optional<Address> relay;  // through which the client shakes hands
  bool local_connection = true;
  bool hsfwd = false;  // is the client
  std::vector<crypto::PublicKey> relay_through;
  auto count(const std::string& what) const {
    return std::count_if(texts.begin(), texts.end(), [&](const std::string& text) {
      return text.find(what) != std::string::npos;
    });
  }
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

// Upstream's servers say so without an address, and its clients give up then.
TEST_CASE("a server that knows it is open, but not by which port, is reached directly") {
  const sim::NatProfile open_other_port{.filtering = sim::NatBehavior::kEndpointIndependent,
                                        .ports = sim::PortAssignment::kRandom};
  for (const auto& client_nat : {kConsistentNat, kRandomNat}) {
    Pair pair(open_other_port, client_nat, 5, Home::Reachable::kYes);
    const auto took = pair.connect();
    INFO(pair.timeline);
    REQUIRE(took);
    CHECK(*took < 1_s);
    CHECK(pair.client->socket->path() == PathKind::kDirect);
    CHECK(pair.count("accepts packets from anybody") == 1);
  }
}

TEST_CASE("a server on a public host that does not know so yet is met at its own address") {
  for (const auto& client_nat : {kConsistentNat, kRandomNat}) {
    Pair pair(client_nat, 2);
    pair.local_connection = false;  // which this is none
    const auto took = pair.connect();
    INFO(pair.timeline);
    REQUIRE(took);
    CHECK(*took < 200_ms);
    CHECK(pair.client->socket->path() == PathKind::kDirect);
    CHECK(pair.client->socket->remote_address() == pair.public_server->address());
  }
}

TEST_CASE("a server with a single relay is not asked about its NAT without end") {
  Pair pair(kConsistentNat, kConsistentNat, 9, Home::Reachable::kUnknown, 1);
  pair.cut = {.after = "asking the peer about its NAT", .from = 0_ms, .until = 10_s, .at = {}};
  CHECK_FALSE(pair.connect());
  INFO(pair.timeline);
  CHECK(pair.count("asking the peer about its NAT") == 1);
  CHECK(pair.count("slow; asking") == 1);
}

TEST_CASE(
    "NATs that let in more than they have to are met with few datagrams, random ports or not") {
  using enum sim::NatBehavior;
  for (const auto filtering : {kEndpointIndependent, kAddressDependent}) {
    sim::NatProfile lenient = kConsistentNat;
    lenient.filtering = filtering;
    for (const bool server_random : {false, true}) {
      Pair pair(server_random ? kRandomNat : lenient, server_random ? lenient : kRandomNat, 6);
      const auto took = pair.connect();
      INFO(pair.timeline);
      REQUIRE(took);
      CHECK(*took < 600_ms);
    }
  }
}

// A stock server takes a second request for a random punch for another punch, and breaks off the first.
// Without an extension block, either side takes the other for a stock one.
TEST_CASE("a request for a random punch that gets lost is found out, and only then repeated") {
  Pair pair(kRandomNat, kConsistentNat, 7);
  const bool lost = GENERATE(true, false);  // or else its answer
  CAPTURE(lost);
  pair.cut = {
      .after = "asking the peer to punch", .from = lost ? 0_ms : 8_ms, .until = 70_ms, .at = {}};
  const auto took = pair.connect();
  INFO(pair.timeline);
  REQUIRE(took);
  CHECK(*took < 3_s);
  CHECK(pair.count("does the peer punch?") == 1);
  CHECK(pair.count("the peer did not get the request") == (lost ? 1 : 0));
  CHECK(pair.count("asking the peer to punch") == (lost ? 2 : 1));
}

// The lab's stock servers were waited for in vain for four seconds: each request, and each question
// about it, went along the one way, and all got lost.
TEST_CASE("a relay that dies before it has arranged the punch is not the only one that is asked") {
  for (const bool server_random : {false, true}) {
    Pair pair(server_random ? kRandomNat : kConsistentNat,
              server_random ? kConsistentNat : kRandomNat, 11);
    const std::string asking = "asking the peer to punch through ";
    pair.on_text = [&](const std::string& text) {
      if (text.find(asking) != 0 || pair.count(asking) > 1) return;
      for (const auto& node : pair.swarm.nodes) {
        if (text.find(node->address().to_string()) != std::string::npos) node->host().sleep();
      }
    };
    const auto took = pair.connect();
    INFO(pair.timeline);
    REQUIRE(took);
    CHECK(*took < 4_s);
    CHECK(pair.count(kAskingAnew) == 0);
  }
}

// Whoever gets no answer to its question goes on punching: the peer may have heard it.
TEST_CASE("a random punch that was asked for twice is not given up with the second question") {
  Pair pair(kRandomNat, kConsistentNat, 12);
  sim::NatProfile full = pair.server_home->nat.profile();
  full.max_mappings =
      pair.server_home->nat.mappings() + 4;  // so that nothing hits, and it takes its time
  pair.server_home->nat.set_profile(full);
  const std::string asking = "asking the peer to punch";
  pair.cut = {.after = asking, .from = 0_ms, .until = 70_ms, .at = {}};
  pair.on_text = [&](const std::string& text) {
    if (text.find(asking) != 0 || pair.count(asking) != 2) return;
    pair.swarm.world.at(pair.swarm.world.now() + 25_ms, [&] {
      for (const auto& node : pair.swarm.nodes) node->host().sleep();
    });
  };
  CHECK_FALSE(pair.connect());
  INFO(pair.timeline);
  CHECK(pair.count(asking) == 2);
  CHECK(pair.count("given up: " + std::string(describe(PunchFailure::kExhausted))) == 1);
}

TEST_CASE("a peer that calls its NAT random only late does not get around the budget") {
  struct Nobody final : HolepuncherObserver {
    void on_punch(net::UdpSocket&, const net::Address&) override {}
    void on_exhausted() override {}
  } nobody;
  const bool taken = GENERATE(false, true);
  CAPTURE(taken);
  Swarm swarm(13);
  swarm.grow_to(20, {.delay = 10_ms});
  Home home(swarm, 2, kConsistentNat);
  Dht& dht = home.peer.dht();
  home.peer.host().freeze();
  if (taken) dht.punch_budget().begin();
  const net::Address peer{net::Ipv4::of(81, 1, 1, 1), 5000};
  Holepuncher puncher(dht.context(), Holepuncher::Role::kClient, Firewall::kConsistent, nobody);
  swarm.world.run_for(1_s);
  home.peer.host().freeze();
  const auto says = [&](Firewall firewall, bool punching) {
    puncher.update_remote({.firewall = firewall,
                           .punching = punching,
                           .addresses = {peer},
                           .seen = peer,
                           .teller = swarm.nodes[1]->address(),
                           .proven = peer.host,
                           .proof = PeerProof::kConfirmed});
  };
  says(Firewall::kConsistent, false);
  CHECK(puncher.reserve());
  says(Firewall::kRandom, true);
  CHECK(puncher.start() == (taken ? PunchStrategy::kNone : PunchStrategy::kRandomProbes));
  CHECK(!dht.punch_budget().available(swarm.world.now()));
  puncher.stop();
  if (taken) dht.punch_budget().end();
}

// It may be its line, or what it wants.
TEST_CASE("a peer that never gets the request to punch, and says so, is not asked for ever") {
  Pair pair(kConsistentNat, kRandomNat, 12);
  const std::string asking = "asking the peer to punch";
  pair.cut = {.after = asking, .from = 0_ms, .until = 70_ms, .at = {}};
  pair.on_text = [&](const std::string& text) {
    if (text.find(asking) == 0) pair.cut->at.reset();
  };
  CHECK_FALSE(pair.connect());
  INFO(pair.timeline);
  CHECK(pair.count(asking) > 2);
  CHECK(pair.count(asking) <= 20);  // of two attempts
  CHECK(pair.count("given up: " + std::string(describe(PunchFailure::kServerNotPunching))) > 0);
}

// Who has a relay waits for the turn. By then the handshake's introducer has done its part, and the others have
// yet to say where the client is.
TEST_CASE("who had to wait for the turn of a random punch asks each introducer once") {
  Pair pair(kConsistentNat, kRandomNat, 14);
  pair.hsfwd = true;
  pair.relay_through = {pair.swarm.keys(77).public_key};  // which nobody runs
  // The others are not heard until the handshake is over, so that one alone has said where the client is.
  for (const auto& node : pair.swarm.nodes) {
    if (!pair.server->announcer()->is_relay(node->address())) continue;
    if (!pair.relay) {
      pair.relay = node->address();
      continue;
    }
    node->host().sleep();
    pair.swarm.world.at(pair.swarm.world.now() + 2_s, [&host = node->host()] { host.wake(); });
  }
  REQUIRE(pair.relay);
  auto& budget = pair.client_home->peer.dht().punch_budget();
  budget.begin();
  pair.swarm.world.at(pair.swarm.world.now() + 5_s, [&] { budget.end(); });
  const auto took = pair.connect();
  INFO(pair.timeline);
  REQUIRE(took);
  CHECK(*took > 5_s);
  CHECK(pair.count("asking the peer to punch") <= 4);
}

// As is a node whose answers to the announcement got lost. The server trusts its own relays alone to say
// where the client is, and random punches go to no address that is not proven.
TEST_CASE("a random punch is arranged through the server's own relays if the handshake's is none") {
  for (const bool server_random : {false, true}) {
    Pair pair(server_random ? kRandomNat : kConsistentNat,
              server_random ? kConsistentNat : kRandomNat, 10);
    const auto keys = pair.swarm.keys(10);
    bool announced = false;
    AnnounceTopic everywhere(pair.server_home->peer.node(), Command::kAnnounce,
                             target_of_peer(keys.public_key), keys, {}, 0,
                             [&](const auto& result) { announced = result.ok(); });
    everywhere.start();
    REQUIRE(pair.swarm.world.run_until([&] { return announced; }, 10_s));
    for (const auto& node : pair.swarm.nodes) {
      if (!pair.server->announcer()->is_relay(node->address())) pair.relay = node->address();
    }
    REQUIRE(pair.relay);
    const auto took = pair.connect();
    INFO(pair.timeline);
    REQUIRE(took);
    CHECK(pair.count("sent through " + pair.relay->to_string()) == 1);
    CHECK(pair.count(kAskingAnew) == 0);
  }
}

// Stock clients repeat a question after a second; ours do so themselves, and sooner.
TEST_CASE("a stock client that is not heard of again is answered once more") {
  const bool stock = GENERATE(true, false);
  CAPTURE(stock);
  Pair pair(kConsistentNat, kConsistentNat, 8);
  ConnectOptions options;
  if (!stock) options.extension = Extension{};
  std::optional<Instant> asked;
  options.timeline = [&](const AttemptEvent& event) {
    if (event.step == AttemptStep::kHandshake && !asked) asked = event.at;
  };
  pair.client_home->peer.host().freeze();
  pair.client = std::make_unique<SocketRecorder>(
      pair.client_home->peer.dht().connect(pair.swarm.keys(10).public_key, std::move(options)));
  REQUIRE(pair.swarm.world.run_until([&] { return asked.has_value(); }, 10_s));
  // What has left until now arrives.
  pair.client_home->peer.host().link().set_connected(false);
  const sim::Host& server = pair.server_home->peer.host();
  pair.swarm.world.run_for(150_ms);
  const std::uint64_t before = server.sent();
  pair.swarm.world.run_for(150_ms);
  CHECK(server.sent() - before == (stock ? 1 : 0));
  pair.swarm.world.run_for(2_s);
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

TEST_CASE("who waits for another connection's search hears why that failed") {
  Pair pair(kRandomNat, kRandomNat, 3);
  pair.client_home->peer.host().freeze();
  std::vector<std::unique_ptr<SocketRecorder>> both;
  for (int i = 0; i < 2; ++i) {
    both.push_back(std::make_unique<SocketRecorder>(
        pair.client_home->peer.dht().connect(pair.swarm.keys(10).public_key, ConnectOptions())));
  }
  pair.client_home->peer.host().schedule_wake();
  REQUIRE(pair.swarm.world.run_until([&] { return both[0]->reset && both[1]->reset; }, 30_s));
  for (const auto& one : both) {
    CHECK(one->socket->error() == ConnectError::kHolepunchAborted);
    CHECK(one->socket->error_detail() == describe(PunchFailure::kBothRandom));
  }
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

namespace {

/// Ends the connection on both sides, in order, after which nobody holds it.
void finish(Pair& pair) {
  pair.client_home->peer.host().freeze();
  pair.accepted.back()->end_with_peer = true;
  pair.client->send(to_bytes(as_bytes("that is all")), true);
  REQUIRE(pair.swarm.world.run_until(
      [&] { return pair.client->ended && pair.client->socket->flushed(); }, 5_s));
  pair.client_home->peer.host().freeze();
  pair.client.reset();
  pair.server_home->peer.host().freeze();
  pair.accepted.clear();
}

}  // namespace

TEST_CASE("the next connection finds the hole of one that has just ended") {
  const auto nats =
      GENERATE(std::pair{kConsistentNat, kConsistentNat}, std::pair{kRandomNat, kConsistentNat},
               std::pair{kConsistentNat, kRandomNat});
  Pair pair(nats.first, nats.second, 13);
  pair.hsfwd = true;
  REQUIRE(pair.connect());
  const std::size_t sockets = pair.client_home->peer.dht().endpoint().pool_size();
  for (int i = 0; i < 10; ++i) {
    finish(pair);
    pair.swarm.world.run_for(Duration::millis(500 + 200 * i));
    const auto again = pair.connect();
    INFO(pair.timeline);
    REQUIRE(again);
    CHECK(*again < 50_ms);
    CHECK(pair.count("the peer itself answered") == i + 1);
    CHECK(pair.client_home->peer.dht().endpoint().pool_size() <= sockets);
  }
  finish(pair);
  pair.swarm.world.run_for(4_s);
  CHECK(pair.client_home->peer.dht().endpoint().pool_size() == 0);
  CHECK(pair.server_home->peer.dht().endpoint().pool_size() == 1);
}

TEST_CASE("a path that has died holds the next connection up by one silence, not by all repeats") {
  Pair pair(kConsistentNat, kConsistentNat, 14);
  const auto first = pair.connect();
  REQUIRE(first);
  finish(pair);
  pair.client_home->nat.set_pool({net::Ipv4::of(81, 2, 1, 99)});
  const auto again = pair.connect();
  INFO(pair.timeline);
  REQUIRE(again);
  CHECK(*again < *first + 600_ms);
  CHECK(pair.count("trying the path of an earlier connection") == 1);
}

TEST_CASE("the sockets that wait for a next connection are few, and each waits once") {
  Swarm swarm(16);
  Dht& dht = swarm.nodes[0]->dht();
  swarm.nodes[0]->host().freeze();
  const std::shared_ptr<PoolSocket> shared = *dht.endpoint().acquire();
  for (std::uint8_t i = 0; i < 200; ++i) {
    const crypto::PublicKey peer = swarm.keys(i).public_key;
    const auto socket = i % 2 == 0 ? shared : *dht.endpoint().acquire();
    dht.routes().add(peer, socket->socket(), {Swarm::address_of(i), 1});
    dht.routes().linger(peer, socket);
    CHECK(dht.endpoint().pool_size() <= 65);
    CHECK(dht.endpoint().pool_size() >= std::min<std::size_t>(64, 1 + i / 2));
  }
  swarm.world.run_for(2900_ms);
  CHECK(dht.endpoint().pool_size() == 64);
  swarm.world.run_for(200_ms);
  CHECK(dht.endpoint().pool_size() == 1);
}

TEST_CASE("sockets of connections that have ended do not outlive a change of the network") {
  Pair pair(kConsistentNat, kRandomNat, 15);
  REQUIRE(pair.connect());
  finish(pair);
  Peer& peer = pair.client_home->peer;
  REQUIRE(peer.dht().endpoint().pool_size() == 1);
  peer.dht().on_interfaces_changed();
  CHECK(peer.dht().endpoint().pool_size() == 0);
}

TEST_CASE("a path is there for who shakes hands over it, though its last stream ends meanwhile") {
  sim::NatProfile lenient = kConsistentNat;
  lenient.filtering = sim::NatBehavior::kEndpointIndependent;
  const bool forgotten = GENERATE(false, true);  // with all other routes
  CAPTURE(forgotten);
  Pair pair(lenient, kConsistentNat, 12);
  REQUIRE(pair.connect());
  Peer& peer = pair.client_home->peer;
  auto first = std::move(pair.client);
  pair.on_text = [&](const std::string& text) {
    if (text.find("sent to ") != 0) return;
    REQUIRE(first);
    if (forgotten) peer.dht().on_interfaces_changed();
    peer.host().env().scheduler.delete_later(std::move(first));
  };
  const auto again = pair.connect();
  INFO(pair.timeline);
  REQUIRE(again);
  CHECK_FALSE(first);
  CHECK(*again < 300_ms);
}
