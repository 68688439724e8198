// SPDX-License-Identifier: Apache-2.0
// Members of the DHT that lie: about where we are, and about whom they know.
#include "homes.hpp"
#include "hyperdht/nat/nat_probe.hpp"
#include "unit/rpc/hostile.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;
using rpc::Hostile;

namespace {

constexpr net::Ipv4 kLiar = net::Ipv4::of(77, 7, 7, 7);
constexpr Address kClaim{net::Ipv4::of(5, 5, 5, 5), 5555};

struct Lines final : LogSink {
  explicit Lines(std::string_view wanted) : wanted(wanted) {}
  void write(LogLevel, std::string_view, std::string_view text) override {
    count += text.find(wanted) != std::string_view::npos;
  }
  const std::string_view wanted;
  int count = 0;
};

void join(Swarm& swarm, Hostile& hostile) {
  for (const auto& node : swarm.nodes) hostile.ping(node->address());
  swarm.world.run_for(1_s);
}

/// Takes announcements as any node does, whatever the token.
void take_part(const Hostile::Question& question, rpc::ResponseMessage answer) {
  if (!question.request.command.internal()) answer.token = rpc::Token::from(Bytes(32, 7));
  question.send(answer);
}

bool asks_for(const Hostile::Question& question, Command command) {
  return question.request.command == command;
}

}  // namespace

TEST_CASE("the ports of a host, and who cannot know, do not decide what the NAT does") {
  Swarm swarm(71);
  swarm.grow_to(20);
  auto peer = swarm.add_peer(1);
  peer->host().freeze();
  NatProbe probe(peer->dht().context(), peer->dht().endpoint().client(), NatClassifier(true));
  for (std::uint16_t port = 1; port <= 20; ++port) probe.add(kClaim, {kLiar, port});
  for (std::uint8_t i = 0; i < 20; ++i) probe.add(kClaim, {net::Ipv4::of(77, 7, 7, i), 1});
  for (std::uint8_t i = 0; i < 20; ++i) probe.add(kClaim, {net::Ipv4::of(10, i, 7, 7), 1});
  CHECK(probe.nat().samples() == 1);
  CHECK(probe.nat().unknown());
  const Address real{net::Ipv4::of(60, 1, 1, 1), 40000};
  for (std::uint8_t i = 0; i < 3; ++i) probe.add(real, {net::Ipv4::of(61, i, 1, 1), 1});
  CHECK(probe.nat().verdict() == Firewall::kConsistent);
  CHECK(probe.nat().addresses().front() == real);
}

TEST_CASE("a network that lives on one public host is enough to punch with") {
  Swarm swarm(72);
  std::vector<std::unique_ptr<Peer>> members;
  for (int i = 0; i < 4; ++i) {
    DhtOptions options;
    options.node.bootstrap = swarm.bootstrap;
    options.node.ephemeral = false;
    options.node.firewalled = false;
    members.push_back(std::make_unique<Peer>(swarm.nodes[0]->host(), options));
    swarm.world.run_for(5_s);
  }
  Home server_home(swarm, 1, kConsistentNat);
  Home client_home(swarm, 2, kConsistentNat);
  std::vector<std::unique_ptr<PeerSocket>> sockets;
  auto server = swarm.listen(server_home.peer, swarm.keys(10), {},
                             [&](auto socket) { sockets.push_back(std::move(socket)); });
  client_home.peer.host().freeze();
  SocketRecorder client(client_home.peer.dht().connect(swarm.keys(10).public_key));
  CHECK(swarm.world.run_until([&] { return client.opened; }, 10_s));
  client.socket->reset();
}

TEST_CASE("a node that lies does not have the punch socket replaced, and a NAT that forgets does") {
  Swarm swarm(73);
  swarm.grow_to(12);
  Hostile liar(swarm.world.add_host(kLiar), {49737}, [](const Hostile::Question& question) {
    rpc::ResponseMessage answer = question.answer();
    answer.to = kClaim;
    question.send(answer);
  });
  join(swarm, liar);
  Home home(swarm, 1, kConsistentNat);
  auto server = swarm.listen(home.peer, swarm.keys(10), {}, [](auto) {});
  const auto ready = [&] {
    const PunchSocket* socket = home.peer.dht().punch_socket();
    return socket != nullptr && socket->ready();
  };
  REQUIRE(swarm.world.run_until(ready, 1_min));
  // The first is replaced until it is known that the NAT keeps mappings.
  swarm.world.run_for(3_min);
  REQUIRE(home.peer.dht().context().mappings.verdict() == MappingWatch::Verdict::kKept);
  Lines renewed("the NAT has mapped the socket to another address");
  swarm.world.set_log(Log(renewed, LogLevel::kInfo));
  // A host takes the log of the world when it asks for it: what is there already has its own.
  const auto before = home.peer.dht().punch_socket()->socket();
  const int asked = liar.asked;
  swarm.world.run_for(30_min);
  CHECK(liar.asked > asked + 5);
  CHECK(home.peer.dht().punch_socket()->socket() == before);
  CHECK(renewed.count == 0);
  home.nat.set_pool({net::Ipv4::of(81, 1, 1, 99)});
  CHECK(swarm.world.run_until([&] { return home.peer.dht().punch_socket()->socket() != before; },
                              5_min));
}

TEST_CASE("a relay that sees the server somewhere else all the time is left out") {
  Swarm swarm(74);
  swarm.grow_to(12);
  auto host = swarm.add_peer(1);
  const auto keys = swarm.keys(10);
  int announced = 0;
  std::uint16_t port = 1;
  Hostile liar(swarm.world.add_host(kLiar),
               rpc::ports_next_to(target_of_peer(keys.public_key), kLiar, 1),
               [&](const Hostile::Question& question) {
                 announced += asks_for(question, Command::kAnnounce);
                 rpc::ResponseMessage answer = question.answer();
                 answer.to.port = ++port;
                 take_part(question, answer);
               });
  join(swarm, liar);
  auto server = swarm.listen(*host, keys, {}, [](auto) {});
  REQUIRE(server->announcer()->is_relay(liar.address()));
  swarm.world.run_for(9_min);
  CHECK(announced > 1);
  CHECK(announced <= 8);
  const auto& relays = server->announcer()->relays();
  CHECK(relays.size() == 3);
  CHECK(std::none_of(relays.begin(), relays.end(), [&](const RelayInfo& relay) {
    return relay.relay_address == liar.address();
  }));
}

TEST_CASE(
    "a host with fifty ports next to a key is one of its relays at most, and hides it from "
    "nobody") {
  const bool claims = GENERATE(false, true);
  CAPTURE(claims);
  Swarm swarm(75);
  swarm.grow_to(30, {.delay = 20_ms});
  const auto keys = swarm.keys(10);
  const rpc::Target target = target_of_peer(keys.public_key);
  const Bytes record = PeerRecord{.public_key = keys.public_key, .relay_addresses = {}}.encode();
  const auto ports = rpc::ports_next_to(target, kLiar, 50);
  Hostile hostile(swarm.world.add_host(kLiar, {.delay = 1_ms}), ports,
                  [&](const Hostile::Question& question) {
                    if (asks_for(question, Command::kPeerHandshake)) return;
                    rpc::ResponseMessage answer = question.answer();
                    for (std::size_t i = 0; i < rpc::kBucketSize; ++i) {
                      answer.closer_nodes.push_back({kLiar, ports[(i * 7 + answer.tid) % 50]});
                    }
                    if (claims && asks_for(question, Command::kFindPeer)) answer.value = record;
                    take_part(question, answer);
                  });
  join(swarm, hostile);
  auto host = swarm.add_peer(1);
  std::vector<std::unique_ptr<PeerSocket>> sockets;
  auto server =
      swarm.listen(*host, keys, {}, [&](auto socket) { sockets.push_back(std::move(socket)); });
  const auto& relays = server->announcer()->relays();
  REQUIRE(relays.size() == 3);
  CHECK(std::count_if(relays.begin(), relays.end(), [](const RelayInfo& relay) {
          return relay.relay_address.host == kLiar;
        }) <= 1);
  auto guest = swarm.add_peer(2);
  guest->host().freeze();
  SocketRecorder client(guest->dht().connect(keys.public_key));
  CHECK(swarm.world.run_until([&] { return client.opened; }, 5_s));
  client.socket->reset();
}
