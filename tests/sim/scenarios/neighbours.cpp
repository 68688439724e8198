// SPDX-License-Identifier: Apache-2.0
// Peers that share a network, or a NAT, and cannot always make use of it.
#include "watcher.hpp"

using namespace hsfwd;
using namespace hsfwd::scenarios;

namespace {

/// A server and a client, wherever they are put.
struct Pair {
  Pair(Lab& l, Place& server_at, Place& client_at) : lab(l) {
    peer = lab.add_peer(server_at, lab.keys(1));
    client = lab.add_peer(client_at, lab.keys(2));
    greeter = std::make_unique<Greeter>(lab, *peer, lab.keys(10));
    lab.world.run_for(60_s);
  }
  /// How long it took until the server's greeting came, or the attempt failed.
  Duration connect() {
    hyperdht::ConnectOptions options;
    options.extension = hyperdht::Extension{};
    options.timeline = [this](const hyperdht::AttemptEvent& event) { verdict = event.text; };
    client->host().freeze();
    dial = std::make_unique<Dial>(lab.world,
                                  client->dht().connect(greeter->public_key, std::move(options)));
    REQUIRE(lab.world.run_until([&] { return dial->heard_at || dial->reset; }, 60_s));
    return lab.world.now() - dial->began;
  }

  Lab& lab;
  std::unique_ptr<Peer> peer;
  std::unique_ptr<Peer> client;
  std::unique_ptr<Greeter> greeter;
  std::unique_ptr<Dial> dial;
  std::string verdict;
};

/// Two homes of one carrier, each behind a NAT of its own and that of the carrier.
struct CarrierHomes {
  CarrierHomes(std::uint64_t seed, bool hairpin) : lab(seed) {
    sim::NatProfile profile;
    profile.hairpin = hairpin;
    sim::Segment& carrier = lab.add_carrier(first, profile);
    lab.add_home(first, carrier, {});
    second.carrier = first.carrier;
    lab.add_home(second, carrier, {});
  }
  Lab lab;
  Place first;
  Place second;
};

}  // namespace

// The NAT does not matter to those behind the same one.
TEST_CASE("hosts of one network find each other there, whatever their NAT") {
  const Kind kind =
      GENERATE(Kind::kConsistent, Kind::kRandom, Kind::kCgnat, Kind::kCgnatRandom, Kind::kFullCone);
  CAPTURE(to_string(kind));
  Lab lab(1);
  Place home = lab.add_place(kind);
  Pair pair(lab, home, home);
  CHECK(pair.connect() < 300_ms);
  CAPTURE(pair.verdict);
  REQUIRE(pair.dial->heard_at);
  CHECK(pair.dial->socket->path() == hyperdht::PathKind::kLan);
}

// Guest networks keep their guests apart.
TEST_CASE(
    "isolated hosts of one network meet at the NAT if that hairpins, and else learn so soon") {
  const bool hairpin = GENERATE(true, false);
  CAPTURE(hairpin);
  Lab lab(2);
  Place hotel = lab.add_place(Kind::kConsistent);
  hotel.segment->set_isolated(true);
  sim::NatProfile profile = hotel.home->profile();
  profile.hairpin = hairpin;
  hotel.home->set_profile(profile);
  Pair pair(lab, hotel, hotel);
  CHECK(pair.connect() < (hairpin ? 1_s : 15_s));
  CAPTURE(pair.verdict);
  CHECK(pair.dial->heard_at.has_value() == hairpin);
  if (!hairpin) CHECK(pair.dial->socket->error() == hyperdht::ConnectError::kHolepunchAborted);
}

TEST_CASE("homes of one carrier meet at its NAT if that hairpins, and else learn so soon") {
  const bool hairpin = GENERATE(true, false);
  CAPTURE(hairpin);
  CarrierHomes homes(3, hairpin);
  homes.second.hosts = 7;  // else both had the same private address, and each found itself there
  Pair pair(homes.lab, homes.first, homes.second);
  CHECK(pair.connect() < (hairpin ? 1_s : 15_s));
  CAPTURE(pair.verdict);
  CHECK(pair.dial->heard_at.has_value() == hairpin);
}

// Somebody at home has the private address that the peer has in its own home.
TEST_CASE("homes of one carrier, and a bystander where the peer says it is") {
  CarrierHomes homes(5, true);
  const auto bystander = homes.lab.add_peer(homes.second, homes.lab.keys(3));
  Pair pair(homes.lab, homes.first, homes.second);
  REQUIRE(bystander->address() == pair.peer->address());
  CHECK(pair.connect() < 3_s);
  CAPTURE(pair.verdict);
  CHECK(pair.dial->heard_at);
}

// Both have 192.168.1.2, and ask for the peer at an address that is their own.
TEST_CASE("homes of one carrier with the same private addresses") {
  CarrierHomes homes(4, true);
  Pair pair(homes.lab, homes.first, homes.second);
  CHECK(pair.connect() < 1_s);
  CAPTURE(pair.verdict);
  CHECK(pair.dial->heard_at);
}
