// SPDX-License-Identifier: Apache-2.0
// A server at home has to stay reachable through all that happens to it in a day.
#include <set>

#include "watcher.hpp"

using namespace hsfwd;
using namespace hsfwd::scenarios;

namespace {

/// A server behind a NAT that keeps mappings for half a minute and no longer, picks its ports at
/// random, and so maps anew whenever it can; somebody behind another NAT dials it.
struct Home {
  explicit Home(std::uint64_t seed, std::size_t nodes = 24) : lab(seed, nodes) {
    sim::NatProfile profile;
    profile.ports = sim::PortAssignment::kRandom;
    profile.lifetime = 30_s;
    place = lab.add_place(Kind::kConsistent);
    place.home->set_profile(profile);
    away = lab.add_place(Kind::kConsistent);
    peer = lab.add_peer(place, lab.keys(1));
    client = lab.add_peer(away, lab.keys(2));
    greeter = std::make_unique<Greeter>(lab, *peer, lab.keys(10));
    watcher = std::make_unique<Watcher>(lab, *client, greeter->public_key);
    lab.world.run_for(60_s);
    REQUIRE(greeter->relays == 3);
  }

  /// Dials on from now; how long nobody got through.
  Duration dark() {
    const Instant event = lab.world.now();
    watcher->watch(15_s, 500_ms);
    watcher->settle();
    greeter->sockets.clear();
    UNSCOPED_INFO(watcher->last_failure());
    CHECK(watcher->failed_between(event + 10_s, lab.world.now()) == 0);
    return watcher->dark_after(event);
  }
  /// How long one dial takes.
  Duration dial() {
    const Instant began = lab.world.now();
    watcher->watch(1_ms, 1_ms);
    watcher->settle();
    greeter->sockets.clear();
    UNSCOPED_INFO(watcher->last_failure());
    return watcher->dark_after(began);
  }
  std::set<net::Address> relays() const {
    std::set<net::Address> out;
    for (const auto& relay : greeter->server->announcer()->relays()) {
      out.insert(relay.relay_address);
    }
    return out;
  }
  void sleep_relays() {
    const auto gone = relays();
    for (const auto& node : lab.swarm.nodes) {
      if (gone.contains(node->address())) node->host().sleep();
    }
  }
  void wake_nodes() {
    for (const auto& node : lab.swarm.nodes) {
      if (node->host().asleep()) node->host().wake();
    }
  }

  Lab lab;
  Place place;
  Place away;
  std::unique_ptr<Peer> peer;
  std::unique_ptr<Peer> client;
  std::unique_ptr<Greeter> greeter;
  std::unique_ptr<Watcher> watcher;
};

}  // namespace

// Servers went dark between announcements: the relays forwarded to the address they had seen when
// the server announced, while its pings only proved that they were alive.
TEST_CASE("a NAT that maps anew is noticed in a relay's pong and announced at once") {
  Home home(1);
  CHECK(home.dark() < 1_s);
  home.place.home->reboot();
  CHECK(home.dark() < 10_s);
}

TEST_CASE("a new lease of the home's address") {
  Home home(2);
  home.place.home->set_pool({home.lab.public_address()});
  CHECK(home.dark() < 10_s);
}

// A NAT forgets what is idle. Nobody calls for hours, and then somebody does.
TEST_CASE("mappings are kept open while nobody calls") {
  Home home(3);
  home.lab.world.run_for(3_h);
  CHECK(home.dark() < 1_s);
}

// A server that drops every node it cannot reach has nobody left to ask when its line is back.
TEST_CASE("mappings that expired while the line was down") {
  Home home(4);
  home.lab.swarm.nodes.front()->host().sleep();  // no bootstrap node either
  sim::Link& line = GENERATE(true, false) ? home.place.home->link() : home.peer->host().link();
  line.set_connected(false);
  home.lab.world.run_for(5_min);
  line.set_connected(true);
  CHECK(home.dark() < 10_s);
}

TEST_CASE("the machine moves to another network") {
  Home home(5);
  Place other = home.lab.add_place(Kind::kConsistent);
  home.peer->host().set_address(*other.segment, net::Ipv4::of(192, 168, 7, 7));
  home.peer->host().freeze();
  home.peer->dht().on_interfaces_changed();
  CHECK(home.dark() < 10_s);
}

// A NAT that was consistent stayed so in the server's mind, whatever it did later.
TEST_CASE("the NAT changes its mind about ports, and back") {
  Home home(10);
  const sim::NatProfile consistent = home.place.home->profile();
  home.place.home->set_profile(nat_profile(Kind::kRandom));
  home.place.home->reboot();
  home.lab.world.run_for(30_s);
  CHECK(home.dial() < 10_s);
  home.lab.world.run_for(30_min);
  CHECK(home.dial() < 10_s);
  home.place.home->set_profile(consistent);
  home.place.home->reboot();
  home.lab.world.run_for(3_min);
  CHECK(home.dial() < 500_ms);
}

TEST_CASE("sleep and wake") {
  for (const Duration nap : {20_s, 10_min, 8_h}) {
    CAPTURE(nap.to_seconds());
    Home home(6);
    home.peer->host().sleep();
    home.lab.world.run_for(nap);
    home.peer->host().wake();
    CHECK(home.dark() < 10_s);
  }
}

TEST_CASE("all relays vanish at once") {
  Home home(7);
  home.sleep_relays();
  CHECK(home.dark() < 10_s);
  home.lab.world.run_for(60_s);
  for (const auto& relay : home.relays()) CHECK(relay.port == 49737);
  CHECK(home.greeter->relays == 3);
}

TEST_CASE("the bootstrap node is gone, and the server's network changes after that") {
  Home home(8);
  home.lab.swarm.nodes.front()->host().sleep();
  home.lab.world.run_for(30_min);
  home.place.home->set_pool({home.lab.public_address()});
  CHECK(home.dark() < 10_s);
}

TEST_CASE("24 hours with something happening every hour") {
  Home home(9);
  Lab& lab = home.lab;
  Watcher& watcher = *home.watcher;
  struct Event {
    Instant at;
    const char* what;
  };
  std::vector<Event> events;
  Duration asleep;
  const Instant start = lab.world.now();
  Place places[] = {home.place, lab.add_place(Kind::kConsistent)};
  for (Place& place : places) place.home->set_profile(home.place.home->profile());
  std::size_t here = 0;
  for (int hour = 0; hour < 24; ++hour) {
    watcher.watch(59_min + Duration::millis(lab.world.random().below(60'000)), 30_s);
    home.greeter->sockets.clear();
    const char* what = "";
    switch (hour % 8) {
      case 0:
        what = "the NAT reboots";
        places[here].home->reboot();
        break;
      case 1:
        what = "a new lease";
        places[here].home->set_pool({lab.public_address()});
        break;
      case 2:
        what = "all relays vanish";
        home.wake_nodes();
        home.sleep_relays();
        break;
      case 3: {
        what = "sleep";
        home.peer->host().sleep();
        const Duration nap = 1_min * (1 + lab.world.random().below(30));
        lab.world.run_for(nap);
        asleep += nap;
        home.peer->host().wake();
        break;
      }
      case 4: {
        what = "three minutes without a cable";
        home.peer->host().link().set_connected(false);
        lab.world.run_for(3_min);
        asleep += 3_min;
        home.peer->host().link().set_connected(true);
        break;
      }
      case 5:
        what = "another network";
        here = 1 - here;
        home.peer->host().set_address(*places[here].segment, Lab::private_address(40));
        home.peer->host().freeze();
        home.peer->dht().on_interfaces_changed();
        break;
      case 6:
        what = "the client's NAT reboots";
        home.away.home->reboot();
        break;
      case 7:
        what = "the bootstrap node goes, or comes back";
        home.wake_nodes();
        if (hour % 16 == 7) lab.swarm.nodes.front()->host().sleep();
        break;
    }
    events.push_back({lab.world.now(), what});
    watcher.watch(60_s, 1_s);
  }
  watcher.settle();

  Duration dark;
  for (const Event& event : events) {
    const Duration d = watcher.dark_after(event.at);
    fmt::print("{:>6.2f} h  dark for {:>5.2f} s  {}\n", (event.at - start).to_seconds() / 3600,
               d.to_seconds(), event.what);
    CAPTURE(event.what);
    CHECK(d < 10_s);
    CHECK(watcher.failed_between(event.at + 10_s, event.at + 60_s) == 0);
    dark += d;
  }
  const Duration total = lab.world.now() - start - asleep;
  const double reachable = 1 - dark.to_seconds() / total.to_seconds();
  const int failed = watcher.failed_between(start, lab.world.now());
  fmt::print("reachable {:.3f} % of {:.1f} h; {} of {} dials failed\n", reachable * 100,
             total.to_seconds() / 3600, failed, watcher.records().size());
  UNSCOPED_INFO(watcher.last_failure());
  CHECK(reachable >= 0.999);
}
