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
