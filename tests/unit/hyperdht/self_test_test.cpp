// SPDX-License-Identifier: Apache-2.0
// An exposed server finds out by itself whether it can be reached.
#include <catch2/catch.hpp>

#include "homes.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

// A fault is found with the next round at the latest, and made up for soon after.
constexpr Duration kFoundWithin = 75_s;
constexpr Duration kFoundAtOnceWithin = 20_s;

/// A server that tests itself, and the last it had to report.
struct Tested {
  Tested(Swarm& swarm, Peer& peer, ServerOptions options = {}) {
    options.on_reachability = [this](const Reachability& r) {
      report = r;
      ever_shared |= r.shared;
      ++reports;
    };
    server = swarm.listen(peer, swarm.keys(10), std::move(options),
                          [this](auto socket) { sockets.push_back(std::move(socket)); });
  }
  bool uses(const Address& relay) const {
    const auto& relays = server->announcer()->relays();
    return std::any_of(relays.begin(), relays.end(),
                       [&](const RelayInfo& info) { return info.relay_address == relay; });
  }
  bool well(std::size_t relays = 3) const {
    return report && report->passed.size() == relays && report->failed.empty() &&
           report->found == relays;
  }
  bool shared() const { return report && report->shared; }
  std::optional<Reachability> report;
  bool ever_shared = false;
  int reports = 0;
  std::vector<std::unique_ptr<PeerSocket>> sockets;
  std::unique_ptr<Server> server;
};

/// Nodes of the swarm, closest to a key first.
std::vector<Peer*> closest(Swarm& swarm, const crypto::PublicKey& key) {
  std::vector<Peer*> out;
  for (const auto& node : swarm.nodes) out.push_back(node.get());
  const rpc::Target target = target_of_peer(key);
  std::sort(out.begin(), out.end(), [&](Peer* a, Peer* b) {
    return rpc::closer(target, rpc::node_id_of(a->address()), rpc::node_id_of(b->address()));
  });
  return out;
}

/// From now on the node takes announcements of the key, answers pings, and forwards nothing.
void make_deaf(Swarm& swarm, Peer& node, const rpc::Target& target) {
  node.dht().router().remove_forward(target);
  swarm.world.at(swarm.world.now() + 10_ms,
                 [&swarm, &node, target] { make_deaf(swarm, node, target); });
}

Peer& node_at(Swarm& swarm, const Address& address) {
  return **std::find_if(swarm.nodes.begin(), swarm.nodes.end(),
                        [&](const auto& node) { return node->address() == address; });
}

}  // namespace

TEST_CASE("a server that can be reached says so, behind any NAT") {
  Swarm swarm(1);
  swarm.grow_to(30);
  SECTION("none") {
    auto host = swarm.add_peer(1);
    Tested tested(swarm, *host);
    CHECK(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  }
  SECTION("consistent") {
    Home home(swarm, 1, kConsistentNat);
    Tested tested(swarm, home.peer);
    CHECK(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  }
  SECTION("random") {
    Home home(swarm, 1, kRandomNat);
    Tested tested(swarm, home.peer);
    CHECK(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  }
}

TEST_CASE("the test leaves nothing behind and is no visitor") {
  Swarm swarm(2);
  swarm.grow_to(30);
  auto host = swarm.add_peer(1);
  ServerOptions options;
  int asked = 0;
  options.allow = [&](const Visitor&) {
    ++asked;
    return false;
  };
  Tested tested(swarm, *host, std::move(options));
  REQUIRE(swarm.world.run_until([&] { return tested.reports >= 4; }, 5_min));
  swarm.world.run_for(15_s);
  CHECK(tested.well());
  CHECK(asked == 0);
  CHECK(tested.server->sessions() == 0);
  CHECK(tested.server->stats().connections == 0);
  CHECK(tested.server->stats().refused == 0);
  CHECK(host->dht().open_sockets() == 0);
}

TEST_CASE("a relay that answers pings but forwards nothing is found at once and replaced") {
  Swarm swarm(3);
  swarm.grow_to(40);
  auto host = swarm.add_peer(1);
  const crypto::PublicKey key = swarm.keys(10).public_key;
  Peer& deaf = *closest(swarm, key)[0];
  make_deaf(swarm, deaf, target_of_peer(key));

  Tested tested(swarm, *host);
  REQUIRE(tested.uses(deaf.address()));
  CHECK(swarm.world.run_until([&] { return tested.well(); }, kFoundAtOnceWithin));
  CHECK(!tested.uses(deaf.address()));
  // It stays out, also when the announcement is renewed.
  swarm.world.run_for(8_min);
  CHECK(tested.well());
  CHECK(!tested.uses(deaf.address()));
}

TEST_CASE("a relay that forgets the server is found within the minute and replaced") {
  Swarm swarm(4);
  swarm.grow_to(40);
  auto host = swarm.add_peer(1);
  Tested tested(swarm, *host);
  REQUIRE(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  swarm.world.run_for(2_min);
  const Address relay = tested.server->announcer()->relays()[1].relay_address;
  make_deaf(swarm, node_at(swarm, relay), target_of_peer(swarm.keys(10).public_key));
  CHECK(swarm.world.run_until([&] { return tested.well() && !tested.uses(relay); }, kFoundWithin));
}

TEST_CASE("a relay that vanished is replaced, and the test sees the new one") {
  Swarm swarm(5);
  swarm.grow_to(40);
  auto host = swarm.add_peer(1);
  Tested tested(swarm, *host);
  REQUIRE(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  const Address relay = tested.server->announcer()->relays()[0].relay_address;
  node_at(swarm, relay).host().link().set_connected(false);
  const int before = tested.reports;
  CHECK(swarm.world.run_until([&] { return !tested.uses(relay); }, 20_s));
  CHECK(swarm.world.run_until([&] { return tested.reports > before && tested.well(); }, 20_s));
}

TEST_CASE("all relays of a server forget it: a client gets through again within five seconds") {
  Swarm swarm(6);
  swarm.grow_to(40);
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);
  Tested tested(swarm, *host);
  REQUIRE(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  const rpc::Target target = target_of_peer(swarm.keys(10).public_key);
  for (const RelayInfo& relay : tested.server->announcer()->relays()) {
    node_at(swarm, relay.relay_address).dht().router().remove_forward(target);
  }
  // As their memory works, announcing anew is all it takes; nobody is given up on.
  swarm.world.run_for(5_s);
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
  CHECK(swarm.world.run_until([&] { return client.opened; }, 2_s));
  CHECK(swarm.world.run_until([&] { return tested.well(); }, kFoundWithin));
  client.socket->reset();
  tested.sockets.clear();
}

TEST_CASE("a new instance of an identity is found within five seconds of the goodbye of the old") {
  Swarm swarm(11);
  swarm.grow_to(40);
  auto old_host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);
  Home home(swarm, 3, kConsistentNat);
  Tested before(swarm, *old_host);
  REQUIRE(swarm.world.run_until([&] { return before.well(); }, 10_s));
  Tested after(swarm, home.peer);
  swarm.world.run_for(4_s);
  bool closed = false;
  before.server->close([&] { closed = true; });
  REQUIRE(swarm.world.run_until([&] { return closed; }, 10_s));
  swarm.world.run_for(5_s);
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
  CHECK(swarm.world.run_until([&] { return client.opened; }, 3_s));
  CHECK(swarm.world.run_until([&] { return after.server->stats().connections == 1; }, 3_s));
  // That there were two for a moment is no alarm.
  swarm.world.run_for(3_min);
  CHECK(after.well());
  CHECK(!after.ever_shared);
  CHECK(!before.ever_shared);
}

TEST_CASE("two programs with one identity both say so within a minute, and again when it is over") {
  Swarm swarm(12);
  swarm.grow_to(40);
  auto guest = swarm.add_peer(2);
  Home here(swarm, 3, kConsistentNat);
  Home there(swarm, 4, kRandomNat);
  Tested first(swarm, here.peer);
  REQUIRE(swarm.world.run_until([&] { return first.well(); }, 10_s));
  swarm.world.run_for(3_min);
  // Nobody but the owner of the key is asked about them.
  ServerOptions options;
  int asked = 0;
  options.allow = [&](const Visitor&) { return ++asked > 0; };
  Tested second(swarm, there.peer, std::move(options));
  CHECK(swarm.world.run_until([&] { return first.shared() && second.shared(); }, 60_s));
  CHECK(asked == 0);
  // For as long as it lasts, whoever of them was announced last.
  for (int i = 0; i < 10; ++i) {
    swarm.world.run_for(1_min);
    CHECK(first.shared());
    CHECK(second.shared());
  }
  bool closed = false;
  second.server->close([&] { closed = true; });
  CHECK(swarm.world.run_until([&] { return closed && !first.shared() && first.well(); }, 4_min));
}

TEST_CASE("tests that somebody recorded and plays again are no other program") {
  Swarm swarm(13);
  swarm.grow_to(40);
  auto host = swarm.add_peer(1);
  auto relay = swarm.add_peer(2);
  swarm.world.run_for(1_min);
  const std::uint64_t before = host->dht().stamps().next();
  Tested tested(swarm, *host);
  REQUIRE(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  const auto play = [&](const crypto::KeyPair& keys, std::uint64_t features, std::uint64_t stamp) {
    Extension extension;
    extension.features = features;
    extension.stamp = stamp;
    NoisePayload payload;
    payload.extension = extension;
    noise::Initiator handshake(keys, swarm.keys(10).public_key,
                               name_space_of(Command::kPeerHandshake).view());
    const auto message = handshake.write_message1(
        crypto::KeyPair::generate(relay->dht().env().random), payload.encode());
    rpc::RequestSpec spec;
    spec.to = tested.server->announcer()->relays()[0].relay_address;
    spec.command = Command::kPeerHandshake;
    spec.target = target_of_peer(swarm.keys(10).public_key);
    spec.value = HandshakeMessage{.mode = Mode::kFromClient, .noise = *message}.encode();
    bool answered = false;
    rpc::Call call(relay->node().calls(), [&](const auto& result) { answered = result.ok(); });
    call.start(std::move(spec));
    swarm.world.run_for(20_s);
    return answered;
  };
  const auto now = [&] { return relay->dht().stamps().next(); };
  constexpr std::uint64_t kTest = Extension::kSelfTest | Extension::kNoService;
  SECTION("of this run, a while ago") {
    for (int i = 0; i < 4; ++i) CHECK(play(swarm.keys(10), kTest, now() - 61'000'000));
    CHECK(!tested.ever_shared);
  }
  SECTION("of the run before") {
    for (int i = 0; i < 4; ++i) CHECK(play(swarm.keys(10), kTest, before));
    CHECK(!tested.ever_shared);
  }
  SECTION("a stranger cannot make one") {
    for (int i = 0; i < 4; ++i) play(swarm.keys(11), kTest, now());
    CHECK(!tested.ever_shared);
  }
  SECTION("a client of the same identity makes none") {
    for (int i = 0; i < 4; ++i) play(swarm.keys(10), Extension::kNoService, now());
    CHECK(!tested.ever_shared);
  }
  SECTION("fresh ones are") {
    for (int i = 0; i < 4; ++i) CHECK(play(swarm.keys(10), kTest, now()));
    CHECK(tested.shared());
  }
}

TEST_CASE("a network that is away for a while costs no relay") {
  Swarm swarm(7);
  swarm.grow_to(40);
  auto host = swarm.add_peer(1);
  Tested tested(swarm, *host);
  REQUIRE(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  host->host().link().set_connected(false);
  swarm.world.run_for(3_min);
  host->host().link().set_connected(true);
  const int before = tested.reports;
  CHECK(swarm.world.run_until([&] { return tested.reports > before && tested.well(); }, 2_min));
  const auto nodes = closest(swarm, swarm.keys(10).public_key);
  for (std::size_t i = 0; i < 3; ++i) CHECK(tested.uses(nodes[i]->address()));
}

TEST_CASE("a server without a network does not go on saying that it is reached") {
  Swarm swarm(9);
  swarm.grow_to(40);
  auto host = swarm.add_peer(1);
  Tested tested(swarm, *host);
  REQUIRE(swarm.world.run_until([&] { return tested.well(); }, 10_s));
  const int before = tested.reports;
  host->host().link().set_connected(false);
  // It is known to be offline when the next round is due.
  REQUIRE(swarm.world.run_until([&] { return !host->node().health().online(); }, 55_s));
  REQUIRE(tested.reports == before);
  CHECK(swarm.world.run_until([&] { return !tested.report->reachable(); }, kFoundWithin));
  swarm.world.run_for(5_min);
  CHECK(!tested.report->reachable());
  // Soon after it is back it is announced and tested.
  host->host().link().set_connected(true);
  CHECK(swarm.world.run_until([&] { return tested.well(); }, kFoundAtOnceWithin));
}

TEST_CASE("a server that finds nobody to announce it says so") {
  Swarm swarm(10);
  swarm.grow_to(12);
  auto host = swarm.add_peer(1);
  host->host().link().set_connected(false);
  std::optional<Reachability> report;
  auto server = host->dht().create_server(
      {.on_reachability = [&](const Reachability& r) { report = r; }}, [](auto) {});
  REQUIRE(server->listen(swarm.keys(10), [](std::size_t) {}));
  host->host().run();
  REQUIRE(swarm.world.run_until([&] { return report.has_value(); }, 2_min));
  CHECK(!report->reachable());
  host->host().link().set_connected(true);
  // The pause between two tries is half a minute by then.
  CHECK(swarm.world.run_until([&] { return report->reachable(); }, 35_s));
}

TEST_CASE("a server that is closed or destroyed tests nothing any more") {
  Swarm swarm(8);
  swarm.grow_to(30);
  auto host = swarm.add_peer(1);
  Tested tested(swarm, *host);
  bool closed = false;
  SECTION("closed") {
    tested.server->close([&] { closed = true; });
    CHECK(swarm.world.run_until([&] { return closed; }, 10_s));
  }
  SECTION("destroyed") {
    tested.server.reset();
  }
  const int before = tested.reports;
  swarm.world.run_for(5_min);
  CHECK(tested.reports == before);
}
