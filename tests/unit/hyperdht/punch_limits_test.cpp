// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "homes.hpp"
#include "hyperdht/nat/introductions.hpp"
#include "hyperdht/nat/punch_limits.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

const Instant kPunchStart = Instant::from_micros(1'000'000'000);
constexpr net::Ipv4 kHost = net::Ipv4::of(62, 1, 1, 1);

Address public_node(std::uint8_t network, std::uint8_t host) {
  return {net::Ipv4::of(71, 1, network, host), 49737};
}

}  // namespace

TEST_CASE("a host that is not confirmed gets 32 punches in a minute, from whoever asks") {
  sim::SeededRandom random(1);
  PunchLimits limits(random);
  int sent = 0;
  for (int i = 0; i < 6000; ++i) {
    const auto proof = i % 2 == 0 ? PeerProof::kNone : PeerProof::kEchoed;
    sent += limits.take(kHost, proof, kPunchStart + Duration::millis(10 * i)) ? 1 : 0;
  }
  CHECK(sent <= 32);
  CHECK(sent >= 30);
  CHECK(limits.take(kHost, PeerProof::kConfirmed, kPunchStart));
}

TEST_CASE("hosts that are not confirmed share what a node sends to such") {
  sim::SeededRandom random(1);
  PunchLimits limits(random);
  int sent = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    sent += limits.take({kHost.value + i}, PeerProof::kNone, kPunchStart) ? 1 : 0;
  }
  CHECK(sent == 512);
}

TEST_CASE("a host that the peer turns out to be at gets back what was spent on it") {
  sim::SeededRandom random(1);
  PunchLimits limits(random);
  for (int client = 0; client < 200; ++client) {
    const Instant now = kPunchStart + Duration::millis(100 * client);
    for (int i = 0; i < 6; ++i) CHECK(limits.take(kHost, PeerProof::kNone, now));
    limits.give_back(kHost, 6, now);
  }
}

TEST_CASE("echoes are rationed by host before they are in all") {
  sim::SeededRandom random(1);
  PunchLimits limits(random);
  int greedy = 0;
  for (int i = 0; i < 1000; ++i) greedy += limits.take_echo(kHost, kPunchStart) ? 1 : 0;
  CHECK(greedy == 32);
  CHECK(limits.take_echo({kHost.value + 1}, kPunchStart));
  int all = 0;
  for (std::uint32_t i = 2; i < 1000; ++i)
    all += limits.take_echo({kHost.value + i}, kPunchStart) ? 1 : 0;
  CHECK(all == 100 - 33);
}

TEST_CASE("introducers of one network count once, except in a private one") {
  Introductions seen;
  seen.add(kHost, public_node(1, 1));
  seen.add(kHost, public_node(1, 2));
  seen.add(kHost, {public_node(1, 2).host, 7});
  CHECK(seen.count(kHost) == 1);
  seen.add({kHost.value + 1}, public_node(2, 1));
  CHECK(seen.count(kHost) == 1);
  seen.add(kHost, public_node(2, 1));
  CHECK(seen.count(kHost) == 2);

  Introductions local;
  local.add(kHost, {net::Ipv4::loopback(), 1});
  local.add(kHost, {net::Ipv4::loopback(), 2});
  CHECK(local.count(kHost) == 2);
}

TEST_CASE("a server whose introducers are in one network takes the word of one") {
  const auto relay = [](const Address& at) {
    return RelayInfo{.relay_address = at, .peer_address = {}};
  };
  CHECK(Introductions::wanted({}) == 1);
  CHECK(Introductions::wanted({relay(public_node(1, 1)), relay(public_node(1, 2))}) == 1);
  CHECK(Introductions::wanted({relay(public_node(1, 1)), relay(public_node(2, 2))}) == 2);
}

TEST_CASE("nobody outside names hosts of this network or this machine") {
  const net::Ipv4 outside = net::Ipv4::of(71, 1, 1, 1);
  const net::Ipv4 neighbour = net::Ipv4::of(192, 168, 1, 5);
  const net::Ipv4 here = net::Ipv4::of(127, 0, 3, 1);
  CHECK(net::may_lead_to(outside, kHost));
  CHECK_FALSE(net::may_lead_to(outside, neighbour));
  CHECK_FALSE(net::may_lead_to(outside, here));
  CHECK(net::may_lead_to(neighbour, net::Ipv4::of(10, 0, 0, 1)));
  CHECK(net::may_lead_to(neighbour, kHost));
  CHECK_FALSE(net::may_lead_to(neighbour, here));
  CHECK(net::may_lead_to(here, net::Ipv4::loopback()));
  for (const net::Ipv4 reserved :
       {net::Ipv4::any(), net::Ipv4::of(224, 0, 0, 251), net::Ipv4::of(255, 255, 255, 255)}) {
    CHECK_FALSE(net::may_lead_to(here, reserved));
  }
}

// Whoever was pinged from a client's socket knows where it is. A punch sends the client there with
// its stream.
TEST_CASE("a client takes a punch for its server's only if it comes from a host of the server's") {
  struct Count final : HolepuncherObserver {
    void on_punch(net::UdpSocket&, const net::Address&) override { ++punches; }
    void on_exhausted() override {}
    int punches = 0;
  } count;
  Swarm swarm(13);
  swarm.grow_to(20, {.delay = 10_ms});
  Home home(swarm, 2, kConsistentNat);
  home.peer.host().freeze();
  Holepuncher puncher(home.peer.dht().context(), Holepuncher::Role::kClient, Firewall::kConsistent,
                      count);
  puncher.introduce({kHost, 5}, public_node(1, 1));
  const auto punch_from = [&](const Address& from) {
    Bytes byte(1);
    net::InboundDatagram datagram{from, byte};
    home.peer.dht().endpoint().on_datagrams(puncher.socket(), {&datagram, 1});
    return std::exchange(count.punches, 0);
  };
  CHECK(punch_from({net::Ipv4::of(62, 1, 1, 2), 5}) == 0);
  CHECK(punch_from({kHost, 5}) == 1);
  CHECK(punch_from({kHost, 999}) == 1);
  CHECK(punch_from({net::Ipv4::of(192, 168, 2, 9), 5}) == 0);
  CHECK(punch_from(puncher.socket().local_address()) == 0);
  // Behind the router of both, which passes on what it has inside.
  swarm.world.run_for(1_s);
  home.peer.host().freeze();
  REQUIRE_FALSE(puncher.nat().addresses().empty());
  puncher.introduce({puncher.nat().addresses()[0].host, 77}, public_node(1, 1));
  CHECK(punch_from({net::Ipv4::of(192, 168, 2, 9), 5}) == 1);
  CHECK(punch_from({net::Ipv4::loopback(), 5}) == 0);
  CHECK(punch_from({net::Ipv4::any(), 5}) == 0);
  puncher.stop();
}
