// SPDX-License-Identifier: Apache-2.0
// What a file asks of a private network and does not get, or not as it looks.
#include "cli/tun_kind.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <fstream>

#include "plans.hpp"
#include "platform/identity_file.hpp"
#include "unit/platform/scratch.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kHomeKey = "8cc4iq8ei1uptd6fsfdbw7wzxt1by1w4iz8fjaqpfm5m3gf1hrgo";

/// A file with a peer, and what follows.
Plan plan_with(const std::string& name, const std::string& of_peer, const std::string& rest) {
  return plan_of(fmt::format("[peer.{}]\nkey = '{}'\n{}{}", name, kHomeKey, of_peer, rest));
}

std::vector<std::string> doubts(const std::string& words, const platform::HostNetwork& host) {
  const Plan plan = plan_with("home", "", "[tun]\npeers = ['home']\n" + words);
  return doubts_of(*specs_of<TunSpec>(plan).at(0), host);
}

}  // namespace

TEST_CASE("a network is offered where nothing is forwarded: a doubt for each version of IP") {
  const std::string offers = "offer = ['192.168.7.0/24', '10.9.0.0/16', 'fd09::/16']\n";
  CHECK(doubts(offers, {}).empty());
  CHECK(doubts("", {.forwards_ipv4 = false, .forwards_ipv6 = false}).empty());
  const auto v4 = doubts(offers, {.forwards_ipv4 = false});
  REQUIRE(v4.size() == 1);
  CHECK(
      v4[0] ==
      "[tun]: peers do not get to 192.168.7.0/24, 10.9.0.0/16, which it offers: this machine does "
      "not forward IPv4 (sysctl net.ipv4.ip_forward=1)");
  const auto v6 = doubts(offers, {.forwards_ipv6 = false});
  REQUIRE(v6.size() == 1);
  CHECK_THAT(v6[0], Contains("fd09::/16") && Contains("net.ipv6.conf.all.forwarding=1") &&
                        !Contains("192.168"));
  CHECK(doubts("offer = ['10.9.0.0/16']\n", {.forwards_ipv6 = false}).empty());
  CHECK(doubts(offers, {.forwards_ipv4 = false, .forwards_ipv6 = false}).size() == 2);
}

TEST_CASE("no interface can be made, and none is there: a doubt") {
  const auto none = doubts("", {.has_interface = false});
  REQUIRE(none.size() == 1);
  CHECK_THAT(none[0], Contains("CAP_NET_ADMIN") && Contains("systemd unit"));
}

TEST_CASE("a name with a dot in it is none in the network, and is warned of once") {
  const auto warnings = [](const std::string& name) {
    return plan_with(
               name, "",
               "[tun]\npeers = ['a.b', 'a-b']\n[peer.a-b]\nkey = '" + std::string(64, '1') + "'\n")
        .warnings;
  };
  const auto found = warnings("'a.b'");
  REQUIRE(found.size() == 1);
  CHECK(found[0] == fmt::format("hsfwd.toml:2: 'a.b' is not a name that is found in the network "
                                "(letters, digits, '-' and '_'): that peer is {}.hsfwd",
                                kHomeKey));
  // Outside of a network it is a name like any other.
  CHECK(plan_with("'a.b'", "", "[[connect]]\npeer = 'a.b'\nlisten = '0'\n").warnings.empty());
}

TEST_CASE("a peer with an IPv4 address, and a host with none: a warning, unless it gets one") {
  const auto warnings = [](const std::string& address, const std::string& words) {
    return plan_with("home", "address = '" + address + "'\n", "[tun]\npeers = ['home']\n" + words)
        .warnings;
  };
  const auto found = warnings("192.168.99.2", "");
  REQUIRE(found.size() == 1);
  CHECK_THAT(found[0], Contains("hsfwd.toml:3: ") && Contains("192.168.99.2"));
  CHECK(warnings("192.168.99.2", "address = '10.1.0.1/16'\n").empty());
  CHECK(warnings("192.168.99.2", "pool = '10.246.0.0/16'\n").empty());
  CHECK(warnings("fd99::2", "").empty());
}
