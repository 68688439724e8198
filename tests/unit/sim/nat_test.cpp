// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "sockets.hpp"

using namespace hsfwd;
using namespace hsfwd::sim;

namespace {

constexpr Ipv4 kOuter = Ipv4::of(80, 1, 1, 1);

/// Two hosts behind a NAT, two hosts on the core.
struct Home {
  explicit Home(const NatProfile& profile, std::vector<Ipv4> pool = {kOuter})
      : world(1),
        lan(world.add_segment(0)),
        nat(world.add_nat(lan, world.core(), std::move(pool), profile)),
        a(world.add_host(lan, Ipv4::of(192, 168, 0, 2))),
        b(world.add_host(lan, Ipv4::of(192, 168, 0, 3))),
        x(world.add_host(Ipv4::of(52, 0, 0, 1))),
        y(world.add_host(Ipv4::of(52, 0, 0, 2))) {}

  /// Sends from inside and returns as whom the destination sees the sender.
  Address seen_by(TestSocket& destination, TestSocket& from) {
    destination.last_from.reset();
    from.send(destination.inside(), "hello");
    world.run_for(100_ms);
    REQUIRE(destination.last_from);
    return *destination.last_from;
  }
  /// Whether what `from` sends to an outer endpoint comes in at `inside`.
  bool reaches(TestSocket& from, const Address& outer, TestSocket& inside) {
    inside.last_from.reset();
    from.send(outer, "knock");
    world.run_for(100_ms);
    return inside.last_from.has_value();
  }

  World world;
  Segment& lan;
  Nat& nat;
  Host& a;
  Host& b;
  Host& x;
  Host& y;
};

}  // namespace

TEST_CASE("mapping: how many destinations see the same outer endpoint") {
  const auto seen = [](NatBehavior mapping) {
    NatProfile profile;
    profile.mapping = mapping;
    profile.ports = PortAssignment::kRandom;
    Home home(profile);
    TestSocket inside(home.a), x(home.x), x2(home.x, 5001), y(home.y);
    std::vector<Address> out;
    for (TestSocket* to : {&x, &x2, &y, &x}) out.push_back(home.seen_by(*to, inside));
    for (const Address& address : out) CHECK(address.host == kOuter);
    CHECK(out[0] == out[3]);
    return std::make_pair(out[0] == out[1], out[0] == out[2]);
  };
  CHECK(seen(NatBehavior::kEndpointIndependent) == std::make_pair(true, true));
  CHECK(seen(NatBehavior::kAddressDependent) == std::make_pair(true, false));
  CHECK(seen(NatBehavior::kAddressAndPortDependent) == std::make_pair(false, false));
}

TEST_CASE("filtering: who may answer to an outer endpoint") {
  const auto open = [](NatBehavior filtering) {
    NatProfile profile;
    profile.filtering = filtering;
    Home home(profile);
    TestSocket inside(home.a), x(home.x), x2(home.x, 5001), y(home.y);
    const Address outer = home.seen_by(x, inside);
    CHECK(home.reaches(x, outer, inside));
    CHECK(!home.reaches(x, {outer.host, 4999}, inside));
    return std::make_pair(home.reaches(x2, outer, inside), home.reaches(y, outer, inside));
  };
  CHECK(open(NatBehavior::kEndpointIndependent) == std::make_pair(true, true));
  CHECK(open(NatBehavior::kAddressDependent) == std::make_pair(true, false));
  CHECK(open(NatBehavior::kAddressAndPortDependent) == std::make_pair(false, false));
}

TEST_CASE("port assignment: what becomes of the inside port") {
  NatProfile profile;
  SECTION("preserved, and another one where it is taken") {
    Home home(profile);
    TestSocket a(home.a), b(home.b), x(home.x), y(home.y);
    CHECK(home.seen_by(x, a).port == 5000);
    CHECK(home.seen_by(x, b).port != 5000);
    CHECK(home.seen_by(y, b) == home.seen_by(x, b));
  }
  SECTION("overloaded, as long as the destinations differ") {
    profile.mapping = NatBehavior::kAddressAndPortDependent;
    profile.ports = PortAssignment::kOverloading;
    Home home(profile);
    TestSocket a(home.a), b(home.b), x(home.x), y(home.y);
    const Address shared = home.seen_by(x, a);
    CHECK(shared.port == 5000);
    CHECK(home.seen_by(y, b) == shared);
    CHECK(home.seen_by(x, b).port != 5000);
    CHECK(home.reaches(x, shared, a));
    CHECK(home.reaches(y, shared, b));
    CHECK(!home.reaches(y, shared, a));
  }
  SECTION("even stays even, odd stays odd") {
    profile.ports = PortAssignment::kParity;
    Home home(profile);
    TestSocket x(home.x);
    for (std::uint16_t port = 5000; port < 5020; ++port) {
      TestSocket a(home.a, port);
      const Address outer = home.seen_by(x, a);
      CHECK(outer.port != port);
      CHECK((outer.port & 1) == (port & 1));
    }
  }
  SECTION("one after the other") {
    profile.mapping = NatBehavior::kAddressAndPortDependent;
    profile.ports = PortAssignment::kSequential;
    Home home(profile);
    TestSocket a(home.a), x(home.x), x2(home.x, 5001), y(home.y);
    const std::uint16_t first = home.seen_by(x, a).port;
    CHECK(home.seen_by(x2, a).port == first + 1);
    CHECK(home.seen_by(y, a).port == first + 2);
    CHECK(home.seen_by(x, a).port == first);
  }
  SECTION("at random, all over the range and never twice") {
    profile.mapping = NatBehavior::kAddressAndPortDependent;
    profile.ports = PortAssignment::kRandom;
    Home home(profile);
    TestSocket a(home.a);
    std::set<std::uint16_t> ports;
    for (std::uint16_t i = 0; i < 200; ++i) {
      TestSocket x(home.x, static_cast<std::uint16_t>(6000 + i));
      ports.insert(home.seen_by(x, a).port);
    }
    CHECK(ports.size() == 200);
    CHECK(*ports.begin() < 8000);
    CHECK(*ports.rbegin() > 58000);
  }
}

TEST_CASE("a mapping lives on what goes out, and on what comes in only if told so") {
  NatProfile profile;
  profile.lifetime = 30_s;
  profile.ports = PortAssignment::kRandom;
  Home home(profile);
  TestSocket a(home.a), x(home.x), y(home.y);
  const Address outer = home.seen_by(x, a);
  for (int i = 0; i < 4; ++i) {
    home.world.run_for(20_s);
    CHECK(home.seen_by(x, a) == outer);
  }
  CHECK(home.nat.mappings() == 1);
  home.world.run_for(20_s);
  CHECK(home.reaches(x, outer, a));
  home.world.run_for(20_s);
  CHECK(!home.reaches(x, outer, a));
  CHECK(home.nat.mappings() == 0);
  CHECK(home.seen_by(x, a) != outer);

  // Each destination's right to answer runs out by itself, the mapping being kept by others.
  const Address second = home.seen_by(x, a);
  for (int i = 0; i < 3; ++i) {
    home.world.run_for(20_s);
    CHECK(home.seen_by(y, a) == second);
  }
  CHECK(!home.reaches(x, second, a));

  profile.refresh_by_inbound = true;
  home.nat.set_profile(profile);
  CHECK(home.seen_by(x, a) == second);
  for (int i = 0; i < 4; ++i) {
    home.world.run_for(20_s);
    CHECK(home.reaches(x, second, a));
  }
}

TEST_CASE("hairpin: hosts inside meet at their outer endpoints, or do not") {
  NatProfile profile;
  profile.filtering = NatBehavior::kEndpointIndependent;
  profile.ports = PortAssignment::kRandom;
  profile.hairpin = GENERATE(false, true);
  Home home(profile);
  TestSocket a(home.a), b(home.b), x(home.x);
  const Address outer_a = home.seen_by(x, a);
  const Address outer_b = home.seen_by(x, b);
  CHECK(home.reaches(b, outer_a, a) == profile.hairpin);
  if (profile.hairpin) CHECK(a.last_from == outer_b);
  CHECK(home.reaches(b, a.inside(), a));
  home.lan.set_isolated(true);
  CHECK(!home.reaches(b, a.inside(), a));
}

TEST_CASE("a pool is paired: a host keeps its outer address") {
  std::vector<Ipv4> pool;
  for (std::uint8_t i = 0; i < 8; ++i) pool.push_back(Ipv4::of(80, 1, 1, i));
  NatProfile profile;
  profile.mapping = NatBehavior::kAddressAndPortDependent;
  profile.paired = GENERATE(true, false);
  Home home(profile, pool);
  TestSocket a(home.a);
  std::set<Ipv4> hosts;
  for (std::uint16_t i = 0; i < 30; ++i) {
    TestSocket x(home.x, static_cast<std::uint16_t>(6000 + i));
    const Address outer = home.seen_by(x, a);
    CHECK(home.reaches(x, outer, a));
    hosts.insert(outer.host);
  }
  CHECK((hosts.size() == 1) == profile.paired);
}

TEST_CASE("a full table refuses new mappings until old ones expire") {
  NatProfile profile;
  profile.max_mappings = 3;
  profile.lifetime = 30_s;
  Home home(profile);
  TestSocket x(home.x);
  TestSocket sockets[] = {TestSocket(home.a, 1), TestSocket(home.a, 2), TestSocket(home.a, 3)};
  for (TestSocket& socket : sockets) home.seen_by(x, socket);
  TestSocket late(home.a, 4);
  late.send(x.inside(), "too many");
  home.world.run_for(1_s);
  CHECK(!x.has("too many"));
  CHECK(home.nat.stats().refused == 1);
  home.world.run_for(30_s);
  CHECK(home.seen_by(x, late).host == kOuter);
  CHECK(home.nat.mappings() == 1);
}

TEST_CASE("a reboot loses the mappings, a new lease the address too") {
  NatProfile profile;
  profile.ports = PortAssignment::kRandom;
  Home home(profile);
  TestSocket a(home.a), x(home.x);
  const Address before = home.seen_by(x, a);
  home.nat.reboot();
  CHECK(!home.reaches(x, before, a));
  const Address after = home.seen_by(x, a);
  CHECK(after != before);
  CHECK(after.host == kOuter);

  home.nat.set_pool({Ipv4::of(80, 2, 2, 2)});
  CHECK(!home.reaches(x, after, a));
  const Address moved = home.seen_by(x, a);
  CHECK(moved.host == Ipv4::of(80, 2, 2, 2));
  CHECK(home.reaches(x, moved, a));
}

TEST_CASE("a punch with a low ttl opens the own NATs and dies on the way") {
  World world(1);
  Segment& carrier = world.add_segment(1);
  Segment& lan = world.add_segment(0);
  Nat& outer = world.add_nat(carrier, world.core(), {kOuter}, {});
  Nat& home = world.add_nat(lan, carrier, {Ipv4::of(100, 64, 0, 2)}, {});
  Host& a_host = world.add_host(lan, Ipv4::of(192, 168, 0, 2));
  Host& x_host = world.add_host(Ipv4::of(52, 0, 0, 1));
  TestSocket a(a_host), x(x_host);
  a.send(x.inside(), "punch", 5);
  world.run_for(1_s);
  CHECK(!x.has("punch"));
  CHECK(home.mappings() == 1);
  CHECK(outer.mappings() == 1);
  x.send({kOuter, 5000}, "welcome");
  world.run_for(1_s);
  CHECK(a.has("welcome"));

  a.send(x.inside(), "through two NATs");
  world.run_for(1_s);
  REQUIRE(x.has("through two NATs"));
  CHECK(x.last_from == Address{kOuter, 5000});

  // A ttl of one does not even leave the house.
  TestSocket b(a_host, 5001);
  b.send(x.inside(), "nothing", 1);
  world.run_for(1_s);
  CHECK(home.mappings() == 1);
  CHECK(home.stats().expired == 1);
}

TEST_CASE("homes of one carrier reach each other only if its NAT hairpins") {
  const bool hairpin = GENERATE(false, true);
  World world(1);
  Segment& carrier = world.add_segment(1);
  NatProfile with;
  with.hairpin = hairpin;
  world.add_nat(carrier, world.core(), {kOuter}, with);
  Host* hosts[2];
  for (std::uint8_t i = 0; i < 2; ++i) {
    Segment& lan = world.add_segment(0);
    world.add_nat(lan, carrier, {Ipv4::of(100, 64, 0, static_cast<std::uint8_t>(2 + i))}, {});
    hosts[i] = &world.add_host(lan, Ipv4::of(192, 168, 0, 2));
  }
  TestSocket a(*hosts[0], 5000), b(*hosts[1], 5001);
  const Address outer_a{kOuter, 5000}, outer_b{kOuter, 5001};
  a.send(outer_b, "first");
  world.run_for(1_s);
  CHECK(!b.has("first"));
  b.send(outer_a, "second");
  world.run_for(1_s);
  CHECK(a.has("second") == hairpin);
}
