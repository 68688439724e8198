// SPDX-License-Identifier: Apache-2.0
// What every implementation of the packet tunnel seam owes (net/packet_tunnel.hpp): the system's, and
// the simulator's.
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tunnel_place.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

#define TUNNEL_IMPLEMENTATIONS SystemTunnels, SimulatedTunnels

/// A host with a tunnel.
template <class Place>
struct Tunnelled : Place {
  explicit Tunnelled(const net::TunnelSettings& settings = usual_settings())
      : tunnel(opened(this->tunnels(), recorder, settings)), name(tunnel->name()) {
    this->host_listens();
  }
  void host_sends(const Bytes& payload) { Place::host_sends(name, payload); }
  std::size_t write(const std::vector<Bytes>& payloads) {
    std::vector<Bytes> packets;
    for (const Bytes& payload : payloads) packets.push_back(udp_packet(kThere, kHere, payload));
    return tunnel->write(Outbound(packets).packets());
  }
  bool host_hears(std::size_t count) {
    return this->run_until([&] {
      for (Bytes& bytes : this->host_heard(name)) heard.push_back(std::move(bytes));
      return heard.size() >= count;
    });
  }
  bool hears(std::size_t count) {
    return this->run_until([&] { return recorder.said().size() >= count; });
  }

  TunnelRecorder recorder;
  std::unique_ptr<net::PacketTunnel> tunnel;
  const std::string name;
  std::vector<Bytes> heard;
};

/// Of different lengths, each recognised.
std::vector<Bytes> different(std::size_t count) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.emplace_back(1 + i * 37 % 1300, static_cast<std::uint8_t>(i));
  }
  return out;
}

template <class Place>
int packets_to_the_host() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  const std::vector<Bytes> says = different(100);
  REQUIRE(host.write(says) == says.size());
  REQUIRE(host.host_hears(says.size()));
  REQUIRE((host.heard == says));
  return 0;
}

template <class Place>
int packets_from_the_host() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  const std::vector<Bytes> says = different(300);
  for (const Bytes& payload : says) host.host_sends(payload);
  REQUIRE(host.recorder.calls == 0);  // never inside a call
  REQUIRE(host.hears(says.size()));
  REQUIRE((host.recorder.said() == says));
  REQUIRE(host.recorder.calls >= 3);
  REQUIRE(host.recorder.rooms_hold);
  REQUIRE(host.recorder.largest_batch > 1);
  REQUIRE(host.recorder.largest_batch <= net::kMaxTunnelBatch);
  return 0;
}

template <class Place>
int names() {
  if (!Place::possible()) return kNotAllowed;
  Place place;
  TunnelRecorder recorder;
  auto first = opened(place.tunnels(), recorder, {.name = "some%d"});
  const auto second = opened(place.tunnels(), recorder, {.name = "some%d"});
  REQUIRE(first->name() == "some0");
  REQUIRE(second->name() == "some1");
  const auto taken = place.tunnels().open({.name = "some1"}, recorder);
  REQUIRE_FALSE(taken.ok());
  REQUIRE(taken.error().text == "the interface 'some1' is in use by another program");
  first.reset();
  REQUIRE_FALSE(place.host_has("some0"));
  REQUIRE(place.host_has("some1"));
  const auto again = opened(place.tunnels(), recorder, {.name = "some0"});
  REQUIRE(again->name() == "some0");
  return 0;
}

template <class Place>
int taken_routes() {
  if (!Place::possible()) return kNotAllowed;
  Place place;
  TunnelRecorder recorder;
  for (const auto* text : {"10.99.0.0/16", "fd99::/64"}) {
    const ip::Prefix to = *ip::Prefix::parse(text);
    net::TunnelSettings settings{.name = "some0", .routes = {{.to = to}}};
    const auto first = opened(place.tunnels(), recorder, settings);
    settings.name = "some1";
    const auto second = place.tunnels().open(settings, recorder);
    REQUIRE_FALSE(second.ok());
    REQUIRE(second.error().taken_route == to);
    REQUIRE(second.error().text ==
            std::string("there is a route to ") + text + " of metric 1024 already through 'some0'");
    REQUIRE_FALSE(place.host_has("some1"));
    // Not what is wrong otherwise.
    settings.name = "some0";
    const auto same_name = place.tunnels().open(settings, recorder);
    REQUIRE_FALSE(same_name.ok());
    REQUIRE_FALSE(same_name.error().taken_route);
    settings.name = "some1";
    settings.routes[0].metric = 1025U;
    REQUIRE(opened(place.tunnels(), recorder, settings)->name() == "some1");
  }
  return 0;
}

template <class Place>
int mtu() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  REQUIRE(host.tunnel->mtu() == 1400);
  REQUIRE(host.tunnel->set_mtu(9000).ok());
  REQUIRE(host.tunnel->mtu() == 9000);
  host.host_sends(Bytes(9000 - 28, 1));
  REQUIRE(host.hears(1));
  REQUIRE(host.recorder.heard.back().size() == 9000);
  REQUIRE_FALSE(host.tunnel->set_mtu(net::kMinMtuV4 - 1).ok());
  const auto too_large = host.tunnel->set_mtu(65536);
  REQUIRE_FALSE(too_large.ok());
  REQUIRE(too_large.error() == "65536 is not a valid MTU here (576-65535)");
  REQUIRE(host.tunnel->mtu() == 9000);
  host.host_sets_mtu(host.name, 1300);
  REQUIRE(host.run_until([&] { return host.tunnel->mtu() == 1300; }));
  return 0;
}

/// IPv6 leaves an interface that carries less than it asks for, and takes its addresses with it.
template <class Place>
int least_mtu() {
  if (!Place::possible()) return kNotAllowed;
  net::TunnelSettings settings = usual_settings();
  settings.addresses.push_back(kHereV6);
  Tunnelled<Place> host(settings);
  REQUIRE_FALSE(host.tunnel->set_mtu(net::kMinMtuV6 - 1).ok());
  REQUIRE(host.tunnel->set_mtu(net::kMinMtuV6).ok());
  return 0;
}

template <class Place>
int pausing() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  Tunnelled<Place>* const self = &host;
  host.recorder.then = [self](net::PacketTunnel& tunnel) {
    if (!self->recorder.said().empty()) tunnel.pause_reading();
  };
  host.host_sends(Bytes{1});
  REQUIRE(host.hears(1));
  host.host_sends(Bytes{2});
  // Writing goes on meanwhile.
  REQUIRE(host.write({Bytes{9}}) == 1);
  REQUIRE(host.host_hears(1));
  REQUIRE(host.recorder.said().size() == 1);
  host.tunnel->resume_reading();
  REQUIRE(host.hears(2));
  REQUIRE((host.recorder.said() == std::vector<Bytes>{{1}, {2}}));
  return 0;
}

/// Whoever does not read is no matter to the writer, and what is too much is lost.
template <class Place>
int many_packets() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  const std::vector<Bytes> says(20'000, Bytes(1000, 7));
  REQUIRE(host.write(says) == says.size());
  REQUIRE(host.host_hears(10));
  while (!host.host_heard(host.name).empty()) continue;
  host.heard.clear();
  REQUIRE(host.write({Bytes{8}}) == 1);
  REQUIRE(host.host_hears(1));
  REQUIRE((host.heard == std::vector<Bytes>{{8}}));
  return 0;
}

template <class Place>
int refused_alone() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  const Outbound packets({udp_packet(kThere, kHere, Bytes{1}), Bytes{}, Bytes{0x45}, Bytes(40, 0),
                          Bytes(2000, 0xff), udp_packet(kThere, kHere, Bytes{2})});
  REQUIRE(host.tunnel->write(packets.packets()) == packets.packets().size());
  REQUIRE(host.tunnel->write({}) == 0);
  REQUIRE(host.host_hears(2));
  REQUIRE((host.heard == std::vector<Bytes>{{1}, {2}}));
  REQUIRE(host.recorder.losses == 0);
  return 0;
}

template <class Place>
int written_inside() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  Tunnelled<Place>* const self = &host;
  host.recorder.then = [self](net::PacketTunnel&) {
    for (const Bytes& payload : self->recorder.said()) self->write({payload});
  };
  host.host_sends(Bytes{5});
  REQUIRE(host.host_hears(1));
  REQUIRE((host.heard.front() == Bytes{5}));
  return 0;
}

template <class Place>
int given_up_inside() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  Tunnelled<Place>* const self = &host;
  host.recorder.then = [self](net::PacketTunnel& tunnel) {
    tunnel.resume_reading();
    self->scheduler().retire(std::move(self->tunnel));
    tunnel.resume_reading();
  };
  for (std::size_t i = 0; i < 2 * net::kMaxTunnelBatch; ++i) host.host_sends(Bytes{1});
  REQUIRE(host.run_until([&] { return !host.host_has(host.name); }));
  REQUIRE(host.recorder.calls == 1);
  REQUIRE(host.recorder.losses == 0);
  // The name is free, and a successor hears nothing of what was meant for the one before.
  TunnelRecorder next;
  net::TunnelSettings settings = usual_settings();
  settings.name = host.name;
  const auto tunnel = opened(host.tunnels(), next, settings);
  host.host_sends(Bytes{2});
  REQUIRE(host.run_until([&] { return !next.said().empty(); }));
  REQUIRE((next.said() == std::vector<Bytes>{{2}}));
  REQUIRE(host.recorder.calls == 1);
  return 0;
}

template <class Place>
int cancelled() {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  host.host_sends(Bytes{1});
  host.tunnel->cancel();
  host.host_deletes(host.name);
  REQUIRE(host.write({Bytes{1}}) == 1);
  TunnelRecorder other;
  const auto tunnel = opened(host.tunnels(), other, usual_settings());
  host.host_listens();
  host.Place::host_sends(tunnel->name(), Bytes{2});
  REQUIRE(host.run_until([&] { return !other.said().empty(); }));
  REQUIRE(host.recorder.calls == 0);
  REQUIRE(host.recorder.losses == 0);
  return 0;
}

template <class Place>
int lost(void (Place::*lose)(const std::string&), const std::string& reason) {
  if (!Place::possible()) return kNotAllowed;
  Tunnelled<Place> host;
  Tunnelled<Place>* const self = &host;
  std::size_t taken = 0;
  host.recorder.on_loss = [&](net::PacketTunnel&) {
    taken = self->write({Bytes{1}, Bytes{2}});
    self->scheduler().retire(std::move(self->tunnel));
  };
  host.tunnel->pause_reading();  // it is told nevertheless
  (host.*lose)(host.name);
  REQUIRE(host.recorder.losses == 0);  // never inside a call
  REQUIRE(host.write({Bytes{1}}) == 1);
  REQUIRE(host.run_until([&] { return host.recorder.losses > 0; }));
  REQUIRE(host.recorder.reason == reason);
  REQUIRE(taken == 2);
  REQUIRE(host.run_until([&] { return !host.host_has(host.name); }));
  REQUIRE(host.recorder.losses == 1);
  return 0;
}

template <class Place>
int deleted() {
  return lost<Place>(&Place::host_deletes, "the interface was deleted");
}

template <class Place>
int set_down() {
  return lost<Place>(&Place::host_sets_down, "the interface was set down");
}

template <class Place>
int wrong_settings() {
  if (!Place::possible()) return kNotAllowed;
  Place place;
  TunnelRecorder recorder;
  const auto refusal = [&](const net::TunnelSettings& settings) {
    const auto tunnel = place.tunnels().open(settings, recorder);
    return tunnel ? std::string() : tunnel.error().text;
  };
  for (const char* name : {"", "%d", "a b", "../a", ".", "a%s", "%da", "a\n", "sixteen-letters-"}) {
    REQUIRE(refusal({.name = name}).find("is not a valid name of an interface") !=
            std::string::npos);
  }
  REQUIRE(refusal({.mtu = 100}) == "100 is not a valid MTU here (576-65535)");
  REQUIRE(refusal({.mtu = 1279, .addresses = {{{}, 64}}}) ==
          "1279 is not a valid MTU here (1280-65535)");
  REQUIRE(refusal({.addresses = {ip::InterfaceAddress::ipv4(kHere.host.value, 33)}}) ==
          "an address has a network longer than itself");
  for (const ip::InterfaceAddress address :
       {ip::InterfaceAddress{{}, 129}, ip::InterfaceAddress{ip::Ipv6::mapped(1), 95}}) {
    REQUIRE(refusal({.addresses = {address}}) == "an address has a network longer than itself");
  }
  for (const ip::Prefix to : {ip::Prefix{{}, 129}, ip::Prefix{ip::Ipv6::loopback(), 127}}) {
    REQUIRE(refusal({.routes = {{to}}}) == "a route leads to what is no network");
  }
  REQUIRE(refusal({.firewall_mark = 0U}) == "0 is not a valid firewall mark");
  REQUIRE_FALSE(place.host_has("hsfwd0"));
  return 0;
}

}  // namespace

TEMPLATE_TEST_CASE("a packet that is written arrives at a program of the host", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(packets_to_the_host<TestType>);
}

TEMPLATE_TEST_CASE("what the host sends comes whole, in order, in batches with room around", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(packets_from_the_host<TestType>);
}

TEMPLATE_TEST_CASE("a tunnel has a name of its own, as long as it lives", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(names<TestType>);
}

TEMPLATE_TEST_CASE("a route that is another interface's is named in the refusal", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(taken_routes<TestType>);
}

TEMPLATE_TEST_CASE("the MTU is what was set, by whomever", "", TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(mtu<TestType>);
}

TEMPLATE_TEST_CASE("a tunnel with an IPv6 address carries what IPv6 asks for", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(least_mtu<TestType>);
}

TEMPLATE_TEST_CASE("nothing comes while reading is paused, and nothing is lost", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(pausing<TestType>);
}

TEMPLATE_TEST_CASE("a host that does not read holds up nobody", "", TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(many_packets<TestType>);
}

TEMPLATE_TEST_CASE("what the host refuses is lost alone", "", TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(refused_alone<TestType>);
}

TEMPLATE_TEST_CASE("what is written inside a callback arrives", "", TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(written_inside<TestType>);
}

TEMPLATE_TEST_CASE("a tunnel that is given up inside a callback tells nothing more, and is gone",
                   "", TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(given_up_inside<TestType>);
}

TEMPLATE_TEST_CASE("a tunnel that is cancelled tells nothing more though it is still there", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(cancelled<TestType>);
}

TEMPLATE_TEST_CASE("a tunnel whose interface is deleted is lost, once", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(deleted<TestType>);
}

TEMPLATE_TEST_CASE("a tunnel whose interface is set down is lost, once", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(set_down<TestType>);
}

TEMPLATE_TEST_CASE("settings that make no sense are refused, and leave nothing", "",
                   TUNNEL_IMPLEMENTATIONS) {
  TestType::expect_of(wrong_settings<TestType>);
}

// A kernel takes what it is given, so that only the simulator's host is ever full.
TEST_CASE("a host that is full takes the front, and tells when there is room again") {
  Tunnelled<SimulatedTunnels> host;
  const std::vector<Bytes> says = different(10);
  host.own.set_room(host.name, 4);
  REQUIRE(host.write(says) == 4);
  REQUIRE(host.write(says) == 0);
  REQUIRE(host.recorder.writable == 0);
  std::size_t taken = 4;
  host.recorder.on_room = [&] {
    taken += host.write({says.begin() + static_cast<std::ptrdiff_t>(taken), says.end()});
  };
  host.own.set_room(host.name, 3);
  REQUIRE(host.run_until([&] { return taken == 7; }));
  host.own.set_room(host.name, 100);
  REQUIRE(host.run_until([&] { return taken == 10; }));
  CHECK((host.host_heard(host.name) == says));
}

TEST_CASE("a simulated host loses what its queue has no room for") {
  Tunnelled<SimulatedTunnels> host;
  host.tunnel->pause_reading();
  for (std::size_t i = 0; i < sim::Tunnels::kQueue + 100; ++i) host.host_sends(Bytes{1});
  host.tunnel->resume_reading();
  REQUIRE(host.hears(sim::Tunnels::kQueue));
  host.host_sends(Bytes{2});
  REQUIRE(host.run_until([&] { return host.recorder.said().back() == Bytes{2}; }));
  CHECK(host.recorder.said().size() == sim::Tunnels::kQueue + 1);
}

TEST_CASE("a simulated host that sleeps reads nothing until it wakes") {
  Tunnelled<SimulatedTunnels> host;
  host.host.sleep();
  host.host_sends(Bytes{1});
  host.world.run_for(1_s);
  CHECK(host.recorder.calls == 0);
  host.host.wake();
  CHECK(host.hears(1));
}
