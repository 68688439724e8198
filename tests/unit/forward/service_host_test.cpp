// SPDX-License-Identifier: Apache-2.0
#include "forward/service_host.hpp"

#include <catch2/catch.hpp>
#include <memory>

#include "dialled.hpp"
#include "streams.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

Service service(const std::string& text) {
  return *Service::parse(text);
}

struct Hosted {
  Hosted()
      : host(scheduler, streams, {service("a=1"), service("b=2")},
             [this](const ClosedConnection& connection) { closed.push_back(connection); }) {
    scheduler.freeze(Instant::from_micros(1'000'000));
  }
  std::uint64_t serve(Script& peer, const std::string& name) {
    const std::uint64_t id = ids.take();
    host.serve(id, std::make_unique<ScriptedPeer>(peer), *host.find(name));
    return id;
  }
  /// The oldest dial that waits comes through.
  void answer(Script& local) {
    const auto done = *streams.dialled.front().done;
    streams.dialled.pop_front();
    done(std::unique_ptr<net::ByteStream>(std::make_unique<LocalStream>(local)));
    run();
  }
  void run() { scheduler.advance_to(scheduler.now() + 1_ms); }

  Scheduler scheduler;
  Services streams;
  ConnectionIds ids;
  std::vector<ClosedConnection> closed;
  ServiceHost host;
};

}  // namespace

TEST_CASE("connections are listed with their services and bytes, and bytes are counted on") {
  Hosted h;
  Script peer;
  Script local;
  const std::uint64_t id = h.serve(peer, "b");
  REQUIRE(h.host.list().size() == 1);
  CHECK(h.host.list()[0].service == "b");
  CHECK(h.host.list()[0].since == h.scheduler.now());
  h.answer(local);
  peer.arrive(Bytes(7));
  local.arrive(Bytes(3));
  const auto listed = h.host.list();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].id == id);
  CHECK(listed[0].peer != nullptr);
  CHECK(listed[0].stats.from_peer == 7);
  CHECK(listed[0].stats.to_peer == 3);
  h.host.end_connections([](const OpenConnection&) { return true; }, "enough");
  CHECK(h.host.list().empty());
  REQUIRE(h.closed.size() == 1);
  CHECK(h.closed[0].reason == "enough");
  CHECK(h.closed[0].service == "b");
  CHECK(h.closed[0].peer == ScriptedPeer(peer).remote_key());
  CHECK(peer.was_reset);
  CHECK(local.was_reset);
  CHECK(h.host.total().from_peer == 7);
  CHECK(h.host.total().to_peer == 3);
}

TEST_CASE("other services: connections to those that are still there the same go on") {
  Hosted h;
  Script peers[3];
  Script locals[2];
  h.serve(peers[0], "a");
  h.serve(peers[1], "b");
  h.answer(locals[0]);
  h.answer(locals[1]);
  h.serve(peers[2], "b");  // its service has not answered yet
  h.host.set_services({service("c=3"), service("a=1"), service("b=4")}, "changed");
  CHECK(h.host.find("")->name == "c");
  CHECK(!peers[0].was_reset);
  CHECK(peers[1].was_reset);
  CHECK(peers[2].was_reset);
  REQUIRE(h.closed.size() == 2);
  CHECK(h.closed[0].reason == "changed");
  peers[0].arrive(Bytes(5));
  CHECK(locals[0].written.size() == 5);
  CHECK(h.host.list().size() == 1);
  // The dial that was given up does not come through any more.
  REQUIRE(h.streams.dialled.size() == 1);
  CHECK(!*h.streams.dialled.front().done);
}

TEST_CASE("a service that wants to know who a peer is gets a header ahead of its bytes") {
  Hosted h;
  std::vector<Service> services = {service("a=1"), service("b=2")};
  services[1].proxy_header = true;
  h.host.set_services(services, "changed");
  Script peers[2];
  Script locals[2];
  h.serve(peers[0], "a");
  h.serve(peers[1], "b");
  for (Script& peer : peers) peer.incoming = {'x'};
  h.answer(locals[0]);
  h.answer(locals[1]);
  CHECK(locals[0].written == Bytes{'x'});
  REQUIRE(locals[1].written.size() > 16);
  CHECK(locals[1].written[0] == 0x0d);
  CHECK(locals[1].written.back() == 'x');
  // One without room for it gets nothing.
  Script peer;
  Script full;
  full.room = 10;
  h.serve(peer, "b");
  h.answer(full);
  CHECK(peer.was_reset);
  CHECK(h.closed.back().reason == "service b: no room for a header");
}

TEST_CASE("a service that is not there is told from a peer that says so") {
  Hosted h;
  Script peers[2];
  h.serve(peers[0], "b");
  const auto refused = *h.streams.dialled.front().done;
  h.streams.dialled.pop_front();
  refused(Err(std::string("Connection refused")));
  REQUIRE(h.closed.size() == 1);
  CHECK(h.closed[0].cause == Cause::kService);
  CHECK(h.closed[0].reason == "service localhost:2: Connection refused");
  CHECK(h.closed[0].service_error == "Connection refused");
  // The same words of a peer that leaves while its service is dialled.
  h.serve(peers[1], "b");
  peers[1].error = ConnectError::kReset;
  peers[1].observer->on_reset("service localhost:2: Connection refused");
  REQUIRE(h.closed.size() == 2);
  CHECK(h.closed[1].cause == Cause::kPeer);
  CHECK(h.closed[1].service_error.empty());
}
