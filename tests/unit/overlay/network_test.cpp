// SPDX-License-Identifier: Apache-2.0
#include "overlay/network.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/overlay/host_packets.hpp"
#include "unit/overlay/members.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

/// All know each other, and the second has a packet of the first.
void connect(Members& net) {
  net.open_all();
  net[0].send(datagram(net[0].address(), net[1].address(), "before"));
  REQUIRE(net.until([&] { return !net[1].received().empty(); }));
}

/// ICMPv6's type and code, if the packet is one.
std::optional<std::pair<int, int>> icmp_of(const Bytes& packet) {
  if (packet.size() < 48 || packet[6] != ip::protocol::kIcmpv6) return std::nullopt;
  return std::pair{packet[40], packet[41]};
}

constexpr std::pair<int, int> kNoRoute{1, 0};
constexpr std::pair<int, int> kProhibited{1, 1};

}  // namespace

TEST_CASE("a packet to a key's address makes a connection and arrives, as do all answers over it") {
  Members net(1);
  net.open_all();
  Member& a = net[0];
  Member& b = net[1];
  const Bytes question = datagram(a.address(), b.address(), "question");
  const Bytes answer = datagram(b.address(), a.address(), "answer");
  a.send(question);
  REQUIRE(net.until([&] { return !b.received().empty(); }));
  CHECK(b.take() == std::vector<Bytes>{question});
  b.send(answer);
  REQUIRE(net.until([&] { return !a.received().empty(); }));
  CHECK(a.take() == std::vector<Bytes>{answer});
  CHECK(a.dials() == 1);
  CHECK(b.dials() == 0);
  const PeerStatus status = a.status_of(b.key());
  CHECK(status.state == Link::State::kOpen);
  CHECK(status.addresses == std::vector<ip::Ipv6>{b.address()});
  CHECK(status.traffic.packets_to_peer == 1);
  CHECK(status.traffic.bytes_to_peer == question.size());
  CHECK(status.traffic.packets_from_peer == 1);
  CHECK(status.drops.total() == 0);
}

TEST_CASE("two hosts that call each other at once lose nothing, and go on over one connection") {
  Members net(2);
  net.open_all();
  Member& a = net[0];
  Member& b = net[1];
  a.send(datagram(a.address(), b.address(), "from a"));
  b.send(datagram(b.address(), a.address(), "from b"));
  REQUIRE(net.until([&] { return !a.received().empty() && !b.received().empty(); }));
  CHECK(a.dials() == 1);
  CHECK(b.dials() == 1);
  net.swarm.world.run_for(10_s);
  CHECK(a.take().size() == 1);
  CHECK(b.take().size() == 1);
  for (int i = 0; i < 20; ++i) {
    a.send(datagram(a.address(), b.address(), "more"));
    b.send(datagram(b.address(), a.address(), "more"));
    net.swarm.world.run_for(1_s);
  }
  CHECK(a.received().size() == 20);
  CHECK(b.received().size() == 20);
  // The same on both sides.
  CHECK(a.status_of(b.key()).connection->stream->info().outgoing !=
        b.status_of(a.key()).connection->stream->info().outgoing);
}

TEST_CASE("an address of the network that is nobody's is answered at once, and nobody is dialled") {
  Members net(3);
  net.open_all();
  Member& a = net[0];
  const auto nobody = key_address(net.swarm.keys(99).public_key);
  a.send(datagram(a.address(), nobody, "who?"));
  const auto answers = a.take();
  REQUIRE(answers.size() == 1);
  CHECK(icmp_of(answers[0]) == kNoRoute);
  CHECK(a.network().drops()[Drop::kNoRoute] == 1);
  CHECK(a.dials() == 0);
  // A flood of them is not.
  for (int i = 0; i < 1000; ++i) a.send(datagram(a.address(), nobody, "who?"));
  CHECK(a.received().size() < 100);
}

TEST_CASE("what waits for a peer that is not there is given back, and it is found once it comes") {
  Members net(4);
  Member& a = net[0];
  Member& b = net[1];
  a.open({peer(b)});
  net.swarm.world.run_for(5_s);
  a.send(datagram(a.address(), b.address(), "early"));
  REQUIRE(net.until([&] { return !a.received().empty(); }, 2_min));
  CHECK(icmp_of(a.take().at(0)) == kNoRoute);
  CHECK(a.status_of(b.key()).state == Link::State::kResting);
  CHECK(!a.status_of(b.key()).error.empty());
  // Meanwhile there is no second attempt, and no waiting.
  const int dials = a.dials();
  a.send(datagram(a.address(), b.address(), "again"));
  CHECK(icmp_of(a.take().at(0)) == kNoRoute);
  CHECK(a.dials() == dials);
  CHECK(a.status_of(b.key()).drops[Drop::kUnreachable] == 2);

  b.open({peer(a)});
  REQUIRE(net.until(
      [&] {
        a.send(datagram(a.address(), b.address(), "now?"));
        net.swarm.world.run_for(1_s);
        return !b.received().empty();
      },
      3_min));
  CHECK(a.status_of(b.key()).error.empty());
}

TEST_CASE(
    "what is sent to a peer that starts at the same moment arrives, and nobody hears of no route") {
  Members net(24);
  Member& a = net[0];
  Member& b = net[1];
  a.open({peer(b)});
  const Bytes first = datagram(a.address(), b.address(), "first");
  a.send(first);
  // Looked for, and not announced yet.
  REQUIRE(net.until([&] { return !a.status_of(b.key()).error.empty(); }));
  CHECK(a.status_of(b.key()).state == Link::State::kDialling);
  b.open({peer(a)});
  const Bytes second = datagram(a.address(), b.address(), "second");
  a.send(second);
  REQUIRE(net.until([&] { return b.received().size() == 2; }));
  CHECK((b.take() == std::vector<Bytes>{first, second}));
  CHECK(a.received().empty());
  CHECK(a.dials() == 2);
}

TEST_CASE("a host that is in no network with us gets no answer, and is not let in") {
  Members net(5, 3);
  Member& a = net[0];
  Member& b = net[1];
  Member& stranger = net[2];
  a.open({peer(b)});
  b.open({peer(a)});
  stranger.open({peer(a)});
  net.swarm.world.run_for(10_s);
  stranger.send(datagram(stranger.address(), a.address(), "let me in"));
  net.swarm.world.run_for(1_min);
  CHECK(a.received().empty());
  CHECK(stranger.status_of(a.key()).traffic.packets_to_peer == 0);
}

TEST_CASE("a packet under another's address is dropped and counted, wherever it comes from") {
  Members net(6, 3);
  Member& a = net[0];
  Member& b = net[1];
  Member& c = net[2];
  a.open({peer(b), peer(c)});
  c.open({peer(a), peer(b)});
  // b takes c's address for its own.
  NetworkSettings forged;
  forged.interface = "hsfwd0";
  forged.peers = {peer(a)};
  forged.addresses = {{c.address(), ip::Prefix::kBits}};
  b.open(forged);
  net.swarm.world.run_for(10_s);
  b.send(datagram(c.address(), a.address(), "I am c"));
  REQUIRE(net.until([&] { return a.status_of(b.key()).drops[Drop::kSpoofed] == 1; }));
  CHECK(a.received().empty());
  // And one of this host's own programs.
  a.send(datagram(c.address(), b.address(), "I am c"));
  CHECK(a.network().drops()[Drop::kForeign] == 1);
  CHECK(a.status_of(b.key()).traffic.packets_to_peer == 0);
}

TEST_CASE("a network behind a peer is reached if it offers that, and the peer is believed for it") {
  Members net(7);
  Member& a = net[0];
  Member& b = net[1];
  const ip::Prefix behind = *ip::Prefix::parse("fd01::/64");
  const ip::Ipv6 there = *ip::Ipv6::parse("fd01::7");
  NetworkPeer to_b = peer(b);
  to_b.networks = {behind};
  a.open({to_b});
  NetworkSettings settings;
  settings.interface = "hsfwd0";
  settings.peers = {peer(a)};
  SECTION("not offered") {
    b.open(settings);
    net.swarm.world.run_for(10_s);
    a.send(datagram(a.address(), there, "anybody?"));
    REQUIRE(net.until([&] { return b.status_of(a.key()).drops[Drop::kNotForUs] == 1; }));
    CHECK(b.received().empty());
  }
  SECTION("offered") {
    settings.offers = {behind};
    b.open(settings);
    net.swarm.world.run_for(10_s);
    a.send(datagram(a.address(), there, "anybody?"));
    REQUIRE(net.until([&] { return !b.received().empty(); }));
    b.send(datagram(there, a.address(), "I am"));
    REQUIRE(net.until([&] { return !a.received().empty(); }));
    // Another network is not b's.
    b.send(datagram(*ip::Ipv6::parse("fd02::7"), a.address(), "I am"));
    CHECK(b.network().drops()[Drop::kForeign] == 1);
  }
}

TEST_CASE("a peer with rules reaches what they name, is told of the rest, and answers everything") {
  Members net(8);
  Member& a = net[0];
  Member& b = net[1];
  a.open({peer(b)});
  b.open({limited_peer(a, {"tcp:22"})});
  net.swarm.world.run_for(10_s);
  const Bytes allowed = segment(a.address(), b.address(), 1000, 22, ip::tcp_flag::kSyn);
  a.send(allowed);
  a.send(segment(a.address(), b.address(), 1000, 80, ip::tcp_flag::kSyn));
  REQUIRE(net.until([&] { return b.status_of(a.key()).drops[Drop::kRefused] == 1; }));
  REQUIRE(net.until([&] { return !a.received().empty(); }));
  CHECK(b.take() == std::vector<Bytes>{allowed});
  CHECK(icmp_of(a.take().at(0)) == kProhibited);
  // What b begins is answered.
  b.send(datagram(b.address(), a.address(), "name?", 53));
  REQUIRE(net.until([&] { return !a.received().empty(); }));
  Bytes answer = datagram(a.address(), b.address(), "a", 5000);
  answer[40] = 0;
  answer[41] = 53;
  a.send(answer);
  REQUIRE(net.until([&] { return !b.received().empty(); }));
}

TEST_CASE("a peer that is killed and comes back is reached again") {
  Members net(9);
  connect(net);
  Member& a = net[0];
  Member& b = net[1];
  b.take();
  // It has no time to say so.
  net.swarm.world.core().set_loss(1);
  b.die();
  net.swarm.world.run_for(1_s);
  net.swarm.world.core().set_loss(0);
  Member again(net.swarm, b.host(), 2);
  again.open({peer(a)});
  const Instant back = net.swarm.world.now();
  REQUIRE(net.until(
      [&] {
        a.send(datagram(a.address(), b.address(), "after"));
        net.swarm.world.run_for(200_ms);
        return !again.received().empty();
      },
      2_min));
  CHECK(net.swarm.world.now() - back < 5_s);
  // Also what it begins itself, while the other side still thinks of the old connection.
  again.send(datagram(again.address(), a.address(), "hello"));
  REQUIRE(net.until([&] { return !a.received().empty(); }));
}

TEST_CASE("a peer that is gone is away after seconds, however long its session waits for it") {
  Members net(23);
  connect(net);
  Member& a = net[0];
  Member& b = net[1];
  const bool from_dialled = GENERATE(true, false);
  Member& left = from_dialled ? a : b;
  const PublicKey gone = from_dialled ? b.key() : a.key();
  const ip::Ipv6 to = from_dialled ? b.address() : a.address();
  net.swarm.world.run_for(10_s);
  // Nothing gets through any more, nor does anybody say so.
  net.swarm.world.core().set_loss(1);
  const Instant since = net.swarm.world.now();
  while (left.status_of(gone).state == Link::State::kOpen) {
    REQUIRE(net.swarm.world.now() - since < 20_s);
    left.send(datagram(left.address(), to, "anybody?"));
    net.swarm.world.run_for(200_ms);
  }
  net.swarm.world.core().set_loss(0);
  left.take();
  REQUIRE(net.until([&] {
    left.send(datagram(left.address(), to, "again"));
    net.swarm.world.run_for(500_ms);
    return left.status_of(gone).state == Link::State::kOpen;
  }));
}

TEST_CASE("a host that moves to another address is in its network again within seconds") {
  Members net(10);
  connect(net);
  Member& a = net[0];
  Member& b = net[1];
  b.take();
  net.swarm.world.run_for(10_s);
  a.move_to(net::Ipv4::of(61, 2, 2, 2));
  const Instant moved = net.swarm.world.now();
  REQUIRE(net.until([&] {
    a.send(datagram(a.address(), b.address(), "after"));
    net.swarm.world.run_for(100_ms);
    return !b.received().empty();
  }));
  CHECK(net.swarm.world.now() - moved < 2500_ms);
  // Nor does the peer wait for its own silence.
  b.send(datagram(b.address(), a.address(), "welcome"));
  REQUIRE(net.until([&] { return !a.received().empty(); }));
  CHECK(net.swarm.world.now() - moved < 3_s);
  // The session goes on, for whoever has dialled it.
  CHECK(a.dials() + b.dials() == 1);
}

TEST_CASE("a host whose addresses change all the time dials no peer that answers") {
  Members net(22);
  connect(net);
  Member& a = net[0];
  Member& b = net[1];
  for (int i = 0; i < 200; ++i) {
    a.host().freeze();
    a.network().on_addresses_changed();
    a.host().run();
    net.swarm.world.run_for(100_ms);
  }
  CHECK(a.dials() + b.dials() == 1);
}

TEST_CASE("a host whose addresses change all the time dials a silent peer no more often") {
  const auto dials = [](Duration between_changes) {
    Members net(23);
    connect(net);
    Member& a = net[0];
    Member& b = net[1];
    a.dial_nobody();
    net.swarm.world.core().set_loss(1);
    b.die();
    net.swarm.world.run_for(100_ms);
    net.swarm.world.core().set_loss(0);
    for (Duration past; past < 20_s; past += between_changes) {
      a.send(datagram(a.address(), b.address(), "hello?"));
      a.host().freeze();
      a.network().on_addresses_changed();
      a.host().run();
      net.swarm.world.run_for(between_changes);
    }
    return a.dials();
  };
  CHECK(dials(50_ms) <= 11);
  CHECK(dials(500_ms) <= 11);
  CHECK(dials(1100_ms) <= 11);
}

TEST_CASE("a peer that has nothing to say is asked whether it is there, and not dialled anew") {
  Members net(17);
  net.open_all();
  Member& a = net[0];
  Member& b = net[1];
  for (int i = 0; i < 100; ++i) {
    a.send(datagram(a.address(), b.address(), "one way"));
    net.swarm.world.run_for(200_ms);
  }
  CHECK(b.received().size() == 100);
  CHECK(a.dials() + b.dials() == 1);
}

TEST_CASE("a peer that leaves the configuration loses its connection, and others keep theirs") {
  Members net(11, 3);
  net.open_all();
  Member& a = net[0];
  Member& b = net[1];
  Member& c = net[2];
  a.send(datagram(a.address(), b.address(), "b"));
  a.send(datagram(a.address(), c.address(), "c"));
  REQUIRE(net.until([&] {
    return a.status_of(b.key()).state == Link::State::kOpen &&
           a.status_of(c.key()).state == Link::State::kOpen;
  }));
  NetworkSettings settings = a.network().settings();
  settings.peers.erase(settings.peers.begin());
  a.host().freeze();
  REQUIRE(a.network().open(settings));
  a.host().run();
  net.swarm.world.run_for(5_s);
  CHECK(b.status_of(a.key()).state != Link::State::kOpen);
  CHECK(a.status_of(c.key()).state == Link::State::kOpen);
  CHECK(a.dials() == 2);
  a.take();
  a.send(datagram(a.address(), b.address(), "b"));
  CHECK(icmp_of(a.take().at(0)) == kNoRoute);
}

TEST_CASE("the network's own datagrams are not led into it") {
  Members net(12);
  Member& a = net[0];
  Member& b = net[1];
  NetworkPeer to_b = peer(b);
  const ip::Ipv6 own = ip::Ipv6::mapped(0x0af60001);
  to_b.addresses = {ip::Ipv6::mapped(0x0af60002)};
  NetworkSettings settings;
  settings.interface = "hsfwd0";
  settings.addresses = {{own, ip::Prefix::kIpv4Bits + 16}};
  settings.peers = {to_b};
  a.open(settings);
  const std::uint16_t port = a.node().status().local.port;
  Bytes packet = {0x45, 0, 0,  28,  0, 0, 0,  0,   64, ip::protocol::kUdp,
                  0,    0, 10, 246, 0, 1, 10, 246, 0,  2};
  append(packet, Bytes{static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port), 0, 9,
                       0, 8, 0, 0});
  a.send(packet);
  CHECK(a.network().drops()[Drop::kLoop] == 1);
  CHECK(a.dials() == 0);
  // Of somebody else, which this host passes on.
  settings.offers = {*ip::Prefix::parse("10.9.0.0/16")};
  a.host().freeze();
  REQUIRE(a.network().open(settings));
  a.host().run();
  Bytes passed_on = packet;
  passed_on[13] = 9;
  a.send(passed_on);
  CHECK(a.network().drops()[Drop::kLoop] == 1);
  packet[20] ^= 1;  // of another program
  a.send(packet);
  CHECK(a.dials() == 1);
}

TEST_CASE(
    "a program of a peer's machine reaches our node through the network, and no connection of the "
    "network does") {
  Members net(14);
  Member& a = net[0];
  Member& b = net[1];
  const ip::Ipv6 of_a = ip::Ipv6::mapped(0x0af60001);
  const ip::Ipv6 of_b = ip::Ipv6::mapped(0x0af60002);
  NetworkSettings settings;
  settings.interface = "hsfwd0";
  settings.addresses = {{of_b, ip::Prefix::kIpv4Bits + 16}};
  settings.peers = {peer(a)};
  settings.peers[0].addresses = {of_a};
  // In which the peer's node is as well.
  settings.peers[0].networks = {*ip::Prefix::parse("60.1.1.0/24")};
  b.open(settings);
  settings.addresses = {{of_a, ip::Prefix::kIpv4Bits + 16}};
  settings.peers = {peer(b)};
  settings.peers[0].addresses = {of_b};
  a.open(settings);
  net.swarm.world.run_for(10_s);
  const auto send = [](Member& from, const ip::Ipv6& source, std::uint16_t source_port,
                       const ip::Ipv6& to, std::uint16_t port) {
    from.send(datagram(source, to, "x", port, source_port));
  };
  const std::uint16_t node_port = b.node().status().local.port;
  send(a, of_a, 4444, of_b, node_port);
  REQUIRE(net.until([&] { return b.received().size() == 1; }));
  send(b, of_b, node_port, of_a, 4444);
  CHECK(net.until([&] { return a.received().size() == 1; }));
  CHECK(b.network().drops()[Drop::kLoop] == 0);
  send(b, of_b, node_port, of_a, 4445);
  CHECK(b.network().drops()[Drop::kLoop] == 1);
  // Where the connection of the network goes, whoever has come from there.
  const net::Address remote = b.status_of(a.key()).connection->stream->info().remote;
  settings = a.network().settings();
  settings.offers = {*ip::Prefix::parse("60.1.1.0/25")};
  settings.peers[0].networks.clear();
  a.host().freeze();
  REQUIRE(a.network().open(settings));
  a.host().run();
  send(a, ip::Ipv6::mapped(remote.host.value), remote.port, of_b, node_port);
  REQUIRE(net.until([&] { return b.received().size() == 2; }));
  send(b, of_b, node_port, ip::Ipv6::mapped(remote.host.value), remote.port);
  CHECK(b.network().drops()[Drop::kLoop] == 2);
}

TEST_CASE("packets of random bytes, from the host and from a peer, do no harm") {
  Members net(13);
  connect(net);
  Member& a = net[0];
  Member& b = net[1];
  b.take();
  sim::SeededRandom random(7);
  for (int i = 0; i < flood(100000); ++i) {
    Bytes packet(random.u64() % 1400 + 1);
    random.fill(packet);
    // Most that is wrong with a packet is found behind what is right.
    if (i % 2 == 0 && packet.size() > 48) {
      const Bytes head = datagram(a.address(), b.address(), std::string(packet.size() - 48, 'x'));
      std::copy_n(head.begin(), 6 + random.u64() % 42, packet.begin());
    }
    a.send(std::move(packet));
    if (i % 50 == 0) net.swarm.world.run_for(10_ms);
  }
  net.swarm.world.run_for(5_s);
  b.take();
  a.take();
  a.send(datagram(a.address(), b.address(), "after"));
  REQUIRE(net.until([&] { return !b.received().empty(); }));
}

TEST_CASE("a connection that nobody uses ends, and is made again when it is wanted") {
  Members net(14);
  connect(net);
  Member& a = net[0];
  Member& b = net[1];
  b.take();
  net.swarm.world.run_for(Link::kIdleTime + 10_s);
  CHECK(a.status_of(b.key()).state == Link::State::kIdle);
  CHECK(a.status_of(b.key()).error.empty());
  CHECK(b.status_of(a.key()).state == Link::State::kIdle);
  a.send(datagram(a.address(), b.address(), "after"));
  REQUIRE(net.until([&] { return !b.received().empty(); }));
  CHECK(a.dials() == 2);
}

TEST_CASE("an interface that is deleted is reported, and opened again") {
  Members net(15);
  net.open_all();
  Member& a = net[0];
  a.host().freeze();
  a.tunnels().lose("hsfwd0", "the interface was deleted");
  a.host().run();
  CHECK(a.lost() == std::vector<std::string>{"the interface was deleted"});
  CHECK(a.network().interface() == nullptr);
  a.host().freeze();
  REQUIRE(a.network().open(a.network().settings()));
  a.host().run();
  a.send(datagram(a.address(), net[1].address(), "again"));
  REQUIRE(net.until([&] { return !net[1].received().empty(); }));
}

TEST_CASE("a peer whose networks cover ours does not speak under our addresses") {
  Members net(17);
  Member& a = net[0];
  Member& b = net[1];
  const ip::Ipv6 own = *ip::Ipv6::parse("fd01::1");
  NetworkSettings settings;
  settings.interface = "hsfwd0";
  settings.addresses = {{own, ip::Prefix::kBits}};
  settings.peers = {peer(b)};
  settings.peers[0].networks = {*ip::Prefix::parse("fd01::/64")};
  a.open(settings);
  NetworkSettings of_b;
  of_b.interface = "hsfwd0";
  of_b.peers = {peer(a)};
  of_b.offers = {*ip::Prefix::parse("fd01::/64")};
  b.open(of_b);
  net.swarm.world.run_for(10_s);
  b.send(datagram(own, a.address(), "I am you"));
  REQUIRE(net.until([&] { return a.status_of(b.key()).drops[Drop::kSpoofed] == 1; }));
  b.send(datagram(*ip::Ipv6::parse("fd01::2"), a.address(), "I am behind b"));
  REQUIRE(net.until([&] { return !a.received().empty(); }));
}

TEST_CASE("a peer that is refused a thousand times leaves the answers to others alone") {
  Members net(18, 3);
  Member& a = net[0];
  Member& b = net[1];
  Member& c = net[2];
  a.open({peer(b)});
  c.open({peer(b)});
  b.open({limited_peer(a, {"tcp:22"}), limited_peer(c, {"tcp:22"})});
  net.swarm.world.run_for(10_s);
  a.send(segment(a.address(), b.address(), 1, 22, ip::tcp_flag::kSyn));
  REQUIRE(net.until([&] { return !b.received().empty(); }));
  b.take();
  for (int i = 0; i < 1000; ++i) {
    a.send(segment(a.address(), b.address(), static_cast<std::uint16_t>(i + 1), 80,
                   ip::tcp_flag::kSyn));
  }
  REQUIRE(net.until([&] { return b.status_of(a.key()).drops[Drop::kRefused] > 500; }));
  net.swarm.world.run_for(1_s);
  const std::size_t answers = a.take().size();
  CHECK(answers > 0);
  CHECK(answers < 200);
  c.send(segment(c.address(), b.address(), 1, 80, ip::tcp_flag::kSyn));
  REQUIRE(net.until([&] { return !c.received().empty(); }));
  CHECK(icmp_of(c.take().at(0)) == kProhibited);
  // And the host's own programs hear of what is nowhere.
  b.send(datagram(b.address(), key_address(net.swarm.keys(99).public_key), "who?"));
  REQUIRE(!b.received().empty());
  CHECK(icmp_of(b.take().back()) == kNoRoute);
}

TEST_CASE("a peer that lets us in and sends us away each time is dialled ever less often") {
  Members net(19);
  Member& a = net[0];
  Member& b = net[1];
  a.open({peer(b)});
  b.open({peer(a)});
  // Its handshake takes packets, and there is no interface behind it.
  b.host().freeze();
  b.tunnels().lose("hsfwd0", "the interface was deleted");
  b.host().run();
  net.swarm.world.run_for(10_s);
  for (int i = 0; i < 600; ++i) {
    a.send(datagram(a.address(), b.address(), "hello"));
    net.swarm.world.run_for(100_ms);
  }
  CHECK(a.dials() > 2);
  CHECK(a.dials() < 12);
  CHECK(!a.status_of(b.key()).error.empty());
}

TEST_CASE("a peer that sends a packet before it sends us away is dialled no more often") {
  Members net(21);
  net.open_all();
  Member& a = net[0];
  Member& b = net[1];
  const NetworkSettings with_a = b.network().settings();
  NetworkSettings without_a = with_a;
  without_a.peers.clear();
  for (int i = 0; i < 100; ++i) {
    a.send(datagram(a.address(), b.address(), "hello"));
    net.swarm.world.run_for(500_ms);
    // It does not dial: what it would lose then is its own.
    if (b.status_of(a.key()).state != Link::State::kOpen) continue;
    b.send(datagram(b.address(), a.address(), "go away"));
    net.swarm.world.run_for(100_ms);
    b.host().freeze();
    REQUIRE(b.network().open(without_a));
    REQUIRE(b.network().open(with_a));
    b.host().run();
    net.swarm.world.run_for(100_ms);
  }
  CHECK(b.dials() == 0);
  CHECK(a.received().size() > 2);
  CHECK(a.dials() > 2);
  CHECK(a.dials() < 12);
}

namespace {

/// A key that lets everybody in, and ends nothing by itself.
class Hoarder {
 public:
  Hoarder(hyperdht::Swarm& swarm, sim::Host& host, std::uint8_t number)
      : host_(host), keys_(swarm.keys(number)) {
    host_.freeze();
    Options options;
    options.bootstrap = swarm.bootstrap;
    options.key_pair = keys_;
    node_.emplace(host.env(), std::move(options));
    REQUIRE(node_->start());
    ServerOptions server;
    server.extension = [](const auto&, const auto&) {
      return Extension{.features = Extension::kIpPackets};
    };
    server_.emplace(node_->create_server([this](PeerSocket socket) { keep(socket.release()); },
                                         std::move(server)));
    REQUIRE(server_->listen(keys_));
    host_.run();
  }
  ~Hoarder() { host_.freeze(); }

  void dial(const PublicKey& peer) {
    host_.freeze();
    ConnectOptions options;
    options.key_pair = keys_;
    options.extension = Extension{.features = Extension::kNoService | Extension::kIpPackets};
    keep(node_->connect_stream(peer, std::move(options)));
    host_.run();
  }
  std::size_t made() const { return kept_.size(); }
  std::size_t open() const {
    return static_cast<std::size_t>(std::count_if(kept_.begin(), kept_.end(), [](const auto& kept) {
      return !kept->over && kept->stream->info().open;
    }));
  }

 private:
  struct Kept final : net::ByteStreamObserver {
    explicit Kept(std::unique_ptr<PeerStream> s) : stream(std::move(s)) {
      stream->set_observer(this);
    }
    void on_readable() override { stream->consume(stream->peek().size()); }
    void on_writable() override {}
    void on_reset(const std::string&) override { over = true; }
    std::unique_ptr<PeerStream> stream;
    bool over = false;
  };
  void keep(std::unique_ptr<PeerStream> stream) {
    kept_.push_back(std::make_unique<Kept>(std::move(stream)));
  }

  sim::Host& host_;
  const KeyPair keys_;
  std::optional<Node> node_;
  std::optional<Server> server_;
  std::vector<std::unique_ptr<Kept>> kept_;
};

}  // namespace

TEST_CASE("a peer that lets us in again and again keeps three connections of ours") {
  Members net(25);
  Member& a = net[0];
  Member& b = net[1];
  b.die();
  Hoarder hoarder(net.swarm, b.host(), 2);
  a.open({peer(b)});
  net.swarm.world.run_for(10_s);
  for (int i = 0; i < 8; ++i) {
    const int dials = a.dials();
    // Silent until it is dialled again, and then there as if nothing had been.
    if (i > 0) net.swarm.world.core().set_loss(1);
    REQUIRE(net.until([&] {
      a.send(datagram(a.address(), b.address(), "hello?"));
      net.swarm.world.run_for(200_ms);
      return a.dials() > dials;
    }));
    net.swarm.world.core().set_loss(0);
    net.swarm.world.run_for(3_s);
  }
  CHECK(hoarder.made() > 4);
  CHECK(hoarder.open() <= Link::kMaxConnections);
  CHECK(hoarder.open() > 0);
}

TEST_CASE("a peer that comes again and again keeps three connections") {
  Members net(26);
  Member& a = net[0];
  Member& b = net[1];
  b.die();
  Hoarder hoarder(net.swarm, b.host(), 2);
  a.open({peer(b)});
  net.swarm.world.run_for(10_s);
  for (int i = 0; i < 8; ++i) {
    hoarder.dial(a.key());
    net.swarm.world.run_for(3_s);
  }
  CHECK(hoarder.open() == Link::kMaxConnections);
  CHECK(a.dials() == 0);
}

TEST_CASE("who has left is out, also if the interface that is asked for cannot be had") {
  Members net(20);
  connect(net);
  Member& a = net[0];
  Member& b = net[1];
  NetworkSettings settings = a.network().settings();
  settings.peers.clear();
  settings.mtu = 1;  // no interface can have that
  a.host().freeze();
  CHECK(!a.network().open(settings));
  a.host().run();
  CHECK(!a.network().admits(b.key()));
  REQUIRE(a.network().interface() != nullptr);
  CHECK(a.network().interface()->mtu() == kDefaultMtu);
  net.swarm.world.run_for(5_s);
  CHECK(b.status_of(a.key()).state != Link::State::kOpen);
}

TEST_CASE("settings that contradict themselves are named") {
  Members net(16, 3);
  Member& a = net[0];
  NetworkSettings settings;
  const auto problem = [&] { return problem_with(a.key(), settings).text; };
  NetworkPeer b = peer(net[1]);
  NetworkPeer c = peer(net[2]);
  b.name = "b";
  c.name = "c";
  settings.peers = {b, c};
  CHECK(problem().empty());
  settings.peers[0].addresses = settings.peers[1].addresses = {ip::Ipv6::mapped(0x0a000001)};
  CHECK(problem() == "b and c both have 10.0.0.1/32");
  CHECK(problem_with(a.key(), settings).peer == 1U);
  settings.peers[0].addresses.clear();
  settings.addresses = {{ip::Ipv6::mapped(0x0a000001), ip::Prefix::kBits}};
  CHECK(problem() == "this host and c both have 10.0.0.1/32");
  settings.addresses.clear();
  settings.peers[0].addresses = {c.key == b.key ? ip::Ipv6() : key_address(c.key)};
  CHECK(problem().find("b and c both have") == 0);
  settings.addresses.assign(2, {ip::Ipv6::mapped(0x0a000003), ip::Prefix::kBits});
  CHECK(problem() == "this host and this host both have 10.0.0.3/32");
  CHECK(!problem_with(a.key(), settings).peer);
  settings.addresses.clear();
  settings.peers = {b, peer(a)};
  settings.peers[0].addresses.clear();
  CHECK(problem().find("has this host's own key") != std::string::npos);
  CHECK(problem_with(a.key(), settings).peer == 1U);
}
