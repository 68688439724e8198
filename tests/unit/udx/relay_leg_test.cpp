// SPDX-License-Identifier: Apache-2.0
// What a relay does with the packets of two peers.
#include <array>
#include <catch2/catch.hpp>

#include "relayed.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

/// A relay whose packets are handed in by hand. Only the first leg leads anywhere.
struct HalfRelay {
  explicit HalfRelay(std::uint64_t seed)
      : world(seed), r_node(world.add_host(net::Ipv4::of(52, 0, 0, 3))) {
    known.leg = r_node.mux_.create_leg(known);
    unknown.leg = r_node.mux_.create_leg(unknown);
    RelayLeg::join(*known.leg, *unknown.leg);
    known.leg->connect(*r_node.socket_, {1}, peer(1));
  }
  static net::Address peer(std::uint16_t n) { return {net::Ipv4::of(52, 0, 0, 9), n}; }

  void arrive(const RelayLeg& leg, net::Address from, std::uint8_t flags = kData) {
    const Header header{.flags = flags, .stream = leg.id()};
    std::array<std::uint8_t, kHeaderSize> bytes{};
    header.write(bytes.data());
    r_node.mux_.on_datagram(*r_node.socket_, {from, bytes});
    r_node.mux_.end_batch();
    world.run_for(50_ms);
  }

  sim::World world;
  Node r_node;
  LegEnd known, unknown;
};

}  // namespace

TEST_CASE("two legs make a relay that changes nothing but the id") {
  sim::World world(31);
  Node a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1)));
  Node b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2)));
  Node r_node(world.add_host(net::Ipv4::of(52, 0, 0, 3)));
  Recorder a, b;
  LegEnd leg_a, leg_b;
  a.stream = a_node.mux_.create_stream(a);
  b.stream = b_node.mux_.create_stream(b);
  leg_a.leg = r_node.mux_.create_leg(leg_a);
  leg_b.leg = r_node.mux_.create_leg(leg_b);
  RelayLeg::join(*leg_a.leg, *leg_b.leg);
  a.stream->connect(*a_node.socket_, leg_a.leg->id(), r_node.address());
  b.stream->connect(*b_node.socket_, leg_b.leg->id(), r_node.address());
  a.send(1024 * 1024, true);
  b.send(10'000, true);
  world.run_for(4_ms);
  leg_a.leg->connect(*r_node.socket_, a.stream->id(), a_node.address());
  leg_b.leg->connect(*r_node.socket_, b.stream->id(), b_node.address());
  REQUIRE(world.run_until([&] { return a.closed && b.closed; }, 20_s));
  CHECK(b.received == 1024 * 1024);
  CHECK(a.received == 10'000);
  CHECK(a.intact);
  CHECK(b.intact);
  CHECK(!leg_a.closed);
}

TEST_CASE("a leg passes on what its peer repeats from another socket, and no reset from there") {
  Relayed net(36);
  net.world.run_for(50_ms);
  Header header{.flags = kDestroy, .stream = net.leg_a.leg->id()};
  std::array<std::uint8_t, kHeaderSize> bytes{};
  const auto say = [&] {
    header.write(bytes.data());
    const net::OutboundDatagram datagram{.to = net.r_node.address(), .parts = {ByteView(bytes)}};
    net.a_direct->send({&datagram, 1});
    net.world.run_for(50_ms);
  };
  say();
  CHECK(!net.leg_a.closed);
  CHECK(!net.b.closed);
  CHECK(net.leg_a.leg->refused() == 1);
  header.flags = kData;
  say();
  CHECK(net.b.stream->stats().packets_received == 1);
}

TEST_CASE("a reset through a relay frees both legs") {
  sim::World world(32);
  Node a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1)));
  Node r_node(world.add_host(net::Ipv4::of(52, 0, 0, 3)));
  Recorder a;
  LegEnd leg_a, leg_b;
  a.stream = a_node.mux_.create_stream(a);
  leg_a.leg = r_node.mux_.create_leg(leg_a);
  leg_b.leg = r_node.mux_.create_leg(leg_b);
  RelayLeg::join(*leg_a.leg, *leg_b.leg);
  a.stream->connect(*a_node.socket_, leg_a.leg->id(), r_node.address());
  a.stream->destroy();
  world.run_for(1_s);
  CHECK(leg_a.closed);
  CHECK(leg_b.closed);
  CHECK(r_node.mux_.streams() == 0);
}

TEST_CASE("what comes before a leg knows where its peer is, is kept for it, up to four packets") {
  HalfRelay relay(33);
  for (int i = 0; i < 6; ++i) relay.arrive(*relay.known.leg, relay.peer(1));
  CHECK(relay.r_node.host_.sent() == 0);
  relay.unknown.leg->connect(*relay.r_node.socket_, {2}, relay.peer(2));
  relay.r_node.mux_.end_batch();
  relay.world.run_for(50_ms);
  CHECK(relay.r_node.host_.sent() == RelayLeg::kMaxHeld);
}

TEST_CASE("the observer of a leg decides what is passed on, but for resets") {
  HalfRelay relay(34);
  relay.unknown.leg->connect(*relay.r_node.socket_, {2}, relay.peer(2));
  relay.known.allow = false;
  relay.arrive(*relay.known.leg, relay.peer(1));
  CHECK(relay.r_node.host_.sent() == 0);
  relay.arrive(*relay.unknown.leg, relay.peer(2));
  CHECK(relay.r_node.host_.sent() == 1);
  relay.arrive(*relay.known.leg, relay.peer(1), kDestroy);
  CHECK(relay.r_node.host_.sent() == 2);
  CHECK(relay.known.closed);
  CHECK(relay.unknown.closed);
  // Nobody has the id now.
  relay.arrive(*relay.known.leg, relay.peer(1));
  CHECK(relay.r_node.host_.sent() == 2);
}

TEST_CASE("a leg that is destroyed takes the other with it, and says nothing") {
  HalfRelay relay(35);
  relay.known.leg.reset();
  CHECK(!relay.unknown.closed);
  relay.world.run_for(50_ms);
  CHECK(!relay.known.closed);
  CHECK(relay.unknown.closed);
  CHECK(relay.r_node.mux_.streams() == 0);
  CHECK(relay.r_node.host_.sent() == 0);
}
