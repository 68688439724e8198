// SPDX-License-Identifier: Apache-2.0
// What goes wrong in the middle of things.
#include "watcher.hpp"

using namespace hsfwd;
using namespace hsfwd::scenarios;

namespace {

Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  return out;
}

struct Pair {
  Pair(Lab& l, Kind server, Kind guest)
      : lab(l), place(lab.add_place(server)), away(lab.add_place(guest)) {
    peer = lab.add_peer(place, lab.keys(1));
    client = lab.add_peer(away, lab.keys(2));
    greeter = std::make_unique<Greeter>(lab, *peer, lab.keys(10));
    lab.world.run_for(60_s);
  }
  std::unique_ptr<Dial> dial(Peer& from) {
    from.host().freeze();
    hyperdht::ConnectOptions options;
    options.extension = hyperdht::Extension{};
    return std::make_unique<Dial>(lab.world,
                                  from.dht().connect(greeter->public_key, std::move(options)));
  }
  std::unique_ptr<Dial> connect() {
    auto out = dial(*client);
    REQUIRE(lab.world.run_until([&] { return out->heard_at.has_value(); }, 15_s));
    return out;
  }

  Lab& lab;
  Place place;
  Place away;
  std::unique_ptr<Peer> peer;
  std::unique_ptr<Peer> client;
  std::unique_ptr<Greeter> greeter;
};

}  // namespace

// Bulk transfer died of an MTU that shrank: large packets vanished, and every repeat was as large.
TEST_CASE("the path's MTU shrinks in the middle of a transfer") {
  for (const std::size_t mtu : {1400u, 1280u, 1240u}) {
    CAPTURE(mtu);
    Lab lab(1);
    Pair pair(lab, Kind::kConsistent, Kind::kConsistent);
    const auto dial = pair.connect();
    const Bytes sent = pattern(8'000'000);
    dial->send(Bytes(sent), true);
    SocketRecorder& server = *pair.greeter->sockets.front();
    REQUIRE(lab.world.run_until([&] { return server.received.size() > 2'000'000; }, 60_s));
    sim::LinkProfile narrow = lab.core_link;
    narrow.mtu = mtu;
    pair.away.home->link().set_profile(narrow);
    const Instant shrank = lab.world.now();
    REQUIRE(lab.world.run_until([&] { return server.ended || server.reset; }, 60_s));
    CHECK(lab.world.now() - shrank < 10_s);
    CHECK(server.received == sent);
  }
}

// Punches whose clients were gone held their places until no handshake was let in any more.
TEST_CASE("clients that vanish in the middle of a punch leave nothing behind and lock nobody out") {
  const Kind kind = GENERATE(Kind::kConsistent, Kind::kRandom);
  CAPTURE(to_string(kind));
  Lab lab(2);
  Pair pair(lab, kind, Kind::kConsistent);
  std::vector<Place> places;
  std::vector<std::unique_ptr<Peer>> guests;
  for (std::uint32_t i = 0; i < 40; ++i) {
    places.push_back(lab.add_place(i % 2 == 0 ? Kind::kRandom : Kind::kConsistent));
    guests.push_back(lab.add_peer(places.back(), lab.keys(100 + i)));
  }
  lab.world.run_for(60_s);
  std::vector<std::unique_ptr<Dial>> dials;
  for (const auto& guest : guests) dials.push_back(pair.dial(*guest));
  // In the middle of it: handshakes are answered, punches are not through.
  lab.world.run_for(200_ms);
  for (const auto& guest : guests) guest->host().sleep();

  const auto dial = pair.dial(*pair.client);
  REQUIRE(lab.world.run_until([&] { return dial->heard_at || dial->reset; }, 30_s));
  CHECK(dial->heard_at);
  CHECK(*dial->heard_at - dial->began < 10_s);
  lab.world.run_for(120_s);
  CHECK(pair.greeter->server->sessions() == 0);
  CHECK(pair.peer->dht().punch_budget().available(lab.world.now()));
  pair.greeter->sockets.clear();
  dials.clear();
}

// Hundreds of datagrams to ports where nobody has asked for them look like an attack, so how many
// there are, and how fast they come, is bounded; and whoever waits is told in time.
TEST_CASE("probes that hit nothing stay polite and end with a verdict") {
  Lab lab(6);
  const bool server_probes = GENERATE(false, true);
  CAPTURE(server_probes);
  Pair pair(lab, server_probes ? Kind::kConsistent : Kind::kRandom,
            server_probes ? Kind::kRandom : Kind::kConsistent);
  sim::Nat& random = server_probes ? *pair.away.home : *pair.place.home;
  sim::NatProfile profile = random.profile();
  // Room for the search and the handshake of a client, and none for a birthday.
  profile.max_mappings = random.mappings() + (server_probes ? 30 : 4);
  random.set_profile(profile);
  Peer& prober = server_probes ? *pair.peer : *pair.client;
  const auto dial = pair.dial(*pair.client);
  std::vector<std::uint64_t> sent{prober.host().sent()};
  while (!dial->reset && sent.size() < 300) {
    lab.world.run_for(100_ms);
    sent.push_back(prober.host().sent());
  }
  CHECK(lab.world.now() - dial->began < 15_s);
  CHECK(dial->socket->error() == hyperdht::ConnectError::kHolepunchAborted);
  const std::uint64_t talk = 100;  // the search, the handshake, pings
  CHECK(sent.back() - sent.front() <= hyperdht::Holepuncher::kMaxProbes + talk);
  CHECK(sent.back() - sent.front() > hyperdht::Holepuncher::kMaxProbes);
  for (std::size_t second = 10; second < sent.size(); ++second) {
    CHECK(sent[second] - sent[second - 10] <= hyperdht::Holepuncher::kProbesPerSecond + talk);
  }
}

// One random punch at a time, and each leaves a pause: a tunnel whose peer restarts came too often.
TEST_CASE("a server behind a random NAT takes one client after the other") {
  Lab lab(3);
  Pair pair(lab, Kind::kRandom, Kind::kConsistent);
  std::vector<Place> places;
  std::vector<std::unique_ptr<Peer>> guests;
  for (std::uint32_t i = 0; i < 3; ++i) {
    places.push_back(lab.add_place(Kind::kConsistent));
    guests.push_back(lab.add_peer(places.back(), lab.keys(100 + i)));
  }
  lab.world.run_for(60_s);
  for (const auto& guest : guests) {
    const auto dial = pair.dial(*guest);
    REQUIRE(lab.world.run_until([&] { return dial->heard_at || dial->reset; }, 30_s));
    CHECK(dial->heard_at);
    lab.world.run_for(20_s);
  }
}

// The other way round from the server's side: the client's network changes under a connection. It
// is told apart from a slow path within seconds, and the next connection works.
TEST_CASE("the client moves to another network with a connection open") {
  Lab lab(4);
  Pair pair(lab, Kind::kConsistent, Kind::kConsistent);
  const auto dial = pair.connect();
  Place other = lab.add_place(Kind::kRestrictedCone);
  pair.client->host().set_address(*other.segment, net::Ipv4::of(10, 9, 8, 7));
  pair.client->host().freeze();
  pair.client->dht().on_interfaces_changed();
  REQUIRE(lab.world.run_until([&] { return dial->reset.has_value(); }, 30_s));
  CHECK(lab.world.now() - dial->began < 10_s);
  const auto again = pair.connect();
  CHECK(*again->heard_at - again->began < 5_s);
}

// A NAT of a few mappings, as small routers have: the birthday sockets of one punch fill it.
TEST_CASE("a full NAT table does not take the server off the network") {
  Lab lab(5);
  Pair pair(lab, Kind::kRandom, Kind::kConsistent);
  sim::NatProfile profile = pair.place.home->profile();
  profile.max_mappings = 128;
  profile.lifetime = 60_s;
  pair.place.home->set_profile(profile);
  for (int i = 0; i < 3; ++i) {
    const auto dial = pair.dial(*pair.client);
    lab.world.run_until([&] { return dial->heard_at || dial->reset; }, 60_s);
    lab.world.run_for(90_s);
  }
  CHECK(pair.place.home->stats().refused > 0);
  const auto relays = pair.greeter->server->announcer()->relays();
  CHECK(relays.size() == 3);
  // Anybody with an open port gets in without a punch.
  Place open = lab.add_place(Kind::kPublic);
  const auto guest = lab.add_peer(open, lab.keys(3));
  lab.world.run_for(60_s);
  const auto dial = pair.dial(*guest);
  REQUIRE(lab.world.run_until([&] { return dial->heard_at || dial->reset; }, 30_s));
  CHECK(dial->heard_at);
}
