// SPDX-License-Identifier: Apache-2.0
// Servers are announced, and taken back, whatever happens meanwhile.
#include <catch2/catch.hpp>

#include "homes.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

TEST_CASE("a server that is closed while it announces takes back what is under way") {
  Swarm swarm(1);
  swarm.grow_to(12, {.delay = 20_ms});
  auto host = swarm.add_peer(1, {.delay = 20_ms, .jitter = 30_ms});
  const rpc::Target target = target_of_peer(swarm.keys(10).public_key);
  const bool announced_before = GENERATE(false, true);
  // From the query through the announcements to the watching.
  for (int millis = 0; millis < 400; millis += 5) {
    INFO("closed after " << millis << " ms, announced before: " << announced_before);
    int announced = 0;
    auto server = host->dht().create_server({}, [](auto) {});
    REQUIRE(server->listen(swarm.keys(10), [&](std::size_t) { ++announced; }));
    if (announced_before) {
      swarm.world.run_for(1_s);
      host->host().freeze();
      server->refresh();
    }
    host->host().run();
    swarm.world.run_for(Duration::millis(millis));
    const int before = announced;
    host->host().freeze();
    bool closed = false;
    server->close([&] { closed = true; });
    host->host().run();
    REQUIRE(swarm.world.run_until([&] { return closed; }, 5_s));
    swarm.world.run_for(500_ms);
    CHECK(announced == before);
    CHECK(server->announcer()->relays().empty());
    for (const auto& node : swarm.nodes) CHECK(!node->dht().router().relay_for(target));
  }
}

TEST_CASE("an open server whose address changes under it announces anew") {
  Swarm swarm(2);
  swarm.grow_to(20, {.delay = 10_ms});
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);
  std::vector<std::unique_ptr<PeerSocket>> sockets;
  auto server = swarm.listen(*host, swarm.keys(10), {},
                             [&](auto socket) { sockets.push_back(std::move(socket)); });
  REQUIRE(host->node().remote_address() == host->address());
  // Nobody says so: it shows in the answers of the relays.
  host->host().set_address(swarm.world.core(), net::Ipv4::of(60, 9, 9, 9));
  const auto knows = [&] { return host->node().remote_address() == host->address(); };
  REQUIRE(swarm.world.run_until(knows, 90_min));
  swarm.world.run_for(2_s);
  CHECK(server->announcer()->relay_addresses().front() == host->address());
  guest->host().freeze();
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
  CHECK(swarm.world.run_until([&] { return client.opened; }, 5_s));
  client.socket->reset();
}
