// SPDX-License-Identifier: Apache-2.0
// What a file asks of a private network and does not get, or not as it looks.
#include "cli/tun_kind.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/up_texts.hpp"
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
  return doubts_of(specs_of<TunSpec>(plan).at(0)->settings, host);
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

TEST_CASE("a peer of a network is called as the folder beside the file says") {
  const platform::Scratch scratch;
  const std::string& folder = scratch.path;
  std::filesystem::create_directory(folder + "/peers.d");
  std::ofstream(folder + "/peers.d/home") << kHomeKey << '\n';
  std::ofstream(folder + "/hsfwd.toml") << "[tun]\npeers = ['home']\n";
  const Plan plan = load_plan(folder + "/hsfwd.toml");
  CHECK(specs_of<TunSpec>(plan).at(0)->settings.peers.at(0).name == "home");
}

TEST_CASE("no interface can be made, and none is there: a doubt") {
  const auto none = doubts("", {.has_interface = false});
  REQUIRE(none.size() == 1);
  CHECK_THAT(none[0], Contains("CAP_NET_ADMIN") && Contains("systemd unit"));
}

TEST_CASE(
    "what a file says of a peer in a network does nothing without a [tun], and is warned of") {
  const std::string of_peer = "networks = ['10.9.0.0/16']\nallow = ['tcp:22']\n";
  const std::string exposed = "[[expose]]\nservices = ['ssh=22']\n";
  const Plan plan = plan_with("home", of_peer, exposed);
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0] ==
        "hsfwd.toml:3: without a [tun] this does nothing: networks, allow of [peer.home]");
  CHECK_THAT(plan_with("home", "address = '10.9.0.1'\n", exposed).warnings.at(0),
             Contains("hsfwd.toml:3: ") && Contains("address of [peer.home]"));
  CHECK(plan_with("home", "", exposed).warnings.empty());
  CHECK(plan_with("home", of_peer, "[tun]\npeers = ['home']\n").warnings.empty());
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

TEST_CASE("a nospoon peer needs an IPv4 address, as does this machine, and is what is said") {
  const auto plan = [](const std::string& of_peer, const std::string& words) {
    return plan_with("vpn", of_peer, "[tun]\npeers = ['vpn']\n" + words);
  };
  const auto mistake = [&](const std::string& of_peer, const std::string& words) -> std::string {
    try {
      plan(of_peer, words);
    } catch (const UserError& error) {
      return error.message;
    }
    return "none";
  };
  const std::string own = "address = '10.0.0.2/24'\n";
  const std::string address = "address = '10.0.0.1'\n";
  const Plan good = plan(address + "nospoon = 'server'\n", own);
  const auto& peer = specs_of<TunSpec>(good).at(0)->settings.peers.at(0);
  CHECK(peer.nospoon == overlay::Nospoon::kServer);
  CHECK(specs_of<TunSpec>(plan(address + "nospoon = 'client'\n", own))
            .at(0)
            ->settings.peers.at(0)
            .nospoon == overlay::Nospoon::kClient);
  CHECK(good.warnings.empty());
  CHECK(mistake("nospoon = 'server'\n", own) ==
        "hsfwd.toml:3: a nospoon server has no address but its own: give its IPv4 address there, "
        "such as "
        "address = \"10.0.0.1\"");
  CHECK_THAT(mistake("address = 'fd00::1'\nnospoon = 'client'\n", own),
             Contains("hsfwd.toml:4: ") && Contains("its IPv4 address"));
  CHECK(mistake(address + "nospoon = 'peer'\n", own) ==
        "hsfwd.toml:4: nospoon 'peer': what that peer is, \"server\" or \"client\"");
  CHECK(mistake(address + "nospoon = 'server'\n", "") ==
        "hsfwd.toml:4: with 'vpn', which speaks nospoon, this machine needs an IPv4 address that "
        "it knows: "
        "address in [tun], such as 10.0.0.2/24");
  CHECK_THAT(
      plan_with("vpn", "nospoon = 'server'\n", "[[expose]]\nservices = '22'\n").warnings.at(0),
      Contains("hsfwd.toml:3: ") && Contains("nospoon of [peer.vpn]"));
}

TEST_CASE("the status of a nospoon peer shows what it is, and the address that it was given") {
  TunStatus tun;
  tun.peers = {
      {.name = "vpn", .addresses = {"10.0.0.1", "10.0.0.9"}, .nospoon = "server", .state = "open"}};
  const Json status = {{"networks", encode(std::vector{tun})}};
  CHECK(status["networks"][0]["peers"][0]["nospoon"] == "server");
  const std::string text = tunnels_text(status, tunnel_kinds());
  CHECK_THAT(text, Contains("10.0.0.1") && !Contains("10.0.0.9"));
}

TEST_CASE(
    "a peer that has this host's own key, and two with one address: mistakes with their line") {
  const platform::Scratch scratch;
  const std::string file = scratch.path + "/hsfwd.toml";
  std::ofstream(scratch.path + "/id") << std::string(64, '7') << "\n";
  std::filesystem::permissions(scratch.path + "/id", std::filesystem::perms(0600));
  const auto own = platform::read_identity(scratch.path + "/id");
  REQUIRE((own && *own));
  const std::string key = key_text((*own)->keys.public_key);
  const auto mistake = [&](const std::string& text) -> std::string {
    std::ofstream(file) << "identity = 'id'\n" << text;
    try {
      load_plan(file);
    } catch (const UserError& error) {
      CHECK(error.exit_code == kBadConfig);
      return error.message;
    }
    return "none";
  };
  const std::string home = fmt::format("[peer.home]\nkey = '{}'\n", kHomeKey);
  CHECK(mistake(home + "[peer.x]\nkey = '" + key + "'\n[tun]\npeers = ['home', 'x']\n") ==
        file + ":5: [tun]: x has this host's own key");
  CHECK(mistake(home + "[tun]\npeers = ['home',\n'" + key + "']\n") ==
        fmt::format("{}:6: [tun]: {} has this host's own key", file, key));
  CHECK_THAT(
      mistake(home + "address = '10.9.0.1'\n[tun]\npeers = 'home'\naddress = '10.9.0.1/16'\n"),
      Contains(file + ":3: [tun]: this host and home both have"));
  CHECK_THAT(mistake(home + "[tun]\npeers = 'home'\naddress = ['10.9.0.1/16', '10.9.0.1/16']\n"),
             Contains(file + ": [tun]: this host and this host both have"));
}

TEST_CASE("the manual page explains each word of a network's status") {
  std::ifstream file(HSFWD_DOCS "/man/hsfwd.1");
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::size_t begin = page.find(".SH STATUS OF A NETWORK\n");
  REQUIRE(begin != std::string::npos);
  const std::string section = page.substr(begin, page.find("\n.SH", begin) - begin);
  for (int i = 0; i < static_cast<int>(overlay::Drop::kCount); ++i) {
    CHECK_THAT(section, Contains(fmt::format("\n.TP\n.B {}\n",
                                             overlay::to_string(static_cast<overlay::Drop>(i)))));
  }
  for (const char* state : {"open", "dialling", "idle", "resting"}) {
    CHECK_THAT(section, Contains(fmt::format("\n.B {}\n", state)));
  }
}

TEST_CASE("a peer that was not reached has one word for it, for people and for scripts") {
  TunStatus tun;
  tun.peers = {{.name = "home", .addresses = {"fdae::1"}, .state = "resting"}};
  const Json status = {{"networks", encode(std::vector{tun})}};
  const std::string text = tunnels_text(status, tunnel_kinds());
  CHECK_THAT(text, Contains("resting") && !Contains("not reached"));
}
