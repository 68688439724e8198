// SPDX-License-Identifier: Apache-2.0
// What the host's interface is asked for.
#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/overlay/members.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

const ip::Prefix kBehind = *ip::Prefix::parse("60.0.0.0/8");
const ip::Prefix kBehindV6 = *ip::Prefix::parse("2001:db8::/32");
const ip::Ipv6 kAddress = ip::Ipv6::mapped(0x0af60002);

NetworkSettings with_peer(Member& member, std::vector<ip::Prefix> networks) {
  NetworkSettings settings;
  settings.interface = "hsfwd0";
  settings.peers = {{.key = member.key(),
                     .name = {},
                     .addresses = {kAddress},
                     .networks = std::move(networks),
                     .allow = {}}};
  return settings;
}

std::vector<ip::Prefix> routes_of(const net::TunnelSettings& settings, bool even_marked) {
  std::vector<ip::Prefix> out;
  for (const net::TunnelRoute& route : settings.routes) {
    if (route.even_marked == even_marked) out.push_back(route.to);
  }
  return out;
}

}  // namespace

TEST_CASE("the network's datagrams are marked only if a peer has networks that they may go to") {
  Members net(21);
  Member& a = net[0];
  a.open(with_peer(net[1], {}));
  const std::vector<ip::Prefix> to_hosts{network_prefix(),
                                         ip::Prefix::around(kAddress, ip::Prefix::kBits)};
  const auto settings = [&] { return a.tunnels().settings("hsfwd0"); };
  CHECK_FALSE(settings().firewall_mark);
  CHECK(routes_of(settings(), false).empty());
  CHECK((routes_of(settings(), true) == to_hosts));

  const auto change = [&](std::vector<ip::Prefix> networks) {
    a.host().freeze();
    REQUIRE(a.network().open(with_peer(net[1], std::move(networks))));
    a.host().run();
  };
  change({kBehind, kBehindV6});
  CHECK(settings().firewall_mark == kFirewallMark);
  CHECK((routes_of(settings(), false) == std::vector<ip::Prefix>{kBehind, kBehindV6}));
  // What no peer is reached at stays everybody's: of two networks on a host, each has its own there.
  CHECK((routes_of(settings(), true) == to_hosts));

  change({});
  CHECK_FALSE(settings().firewall_mark);
}

TEST_CASE(
    "beside another network of the host there is a route to each peer, and none to all keys") {
  Members net(22);
  Member& a = net[0];
  const ip::Prefix to_peer = ip::Prefix::around(net[1].address(), ip::Prefix::kBits);
  struct : net::PacketTunnelObserver {
    void on_packets(net::PacketTunnel&, std::span<MutableBytes>) override {}
    void on_tunnel_lost(net::PacketTunnel&, const std::string&) override {}
  } nobody;
  const auto other = a.tunnels().open(
      {.name = "other0", .routes = {{.to = network_prefix(), .even_marked = true}}}, nobody);
  REQUIRE(other.ok());
  a.open(with_peer(net[1], {}));
  CHECK((routes_of(a.tunnels().settings("hsfwd0"), true) ==
         std::vector<ip::Prefix>{to_peer, ip::Prefix::around(kAddress, ip::Prefix::kBits)}));
}

TEST_CASE(
    "an interface that cannot be had for another reason is asked for once, and as it was meant") {
  Members net(23);
  Member& a = net[0];
  NetworkSettings settings = with_peer(net[1], {});
  settings.mtu = 1;
  a.host().freeze();
  const auto refused = a.network().open(settings);
  REQUIRE(!refused.ok());
  CHECK(refused.error() == "1 is not a valid MTU here (1280-65535)");
  CHECK(a.tunnels().opens() == 1);
  a.host().run();
}
