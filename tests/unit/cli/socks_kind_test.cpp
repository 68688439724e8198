// SPDX-License-Identifier: Apache-2.0
// What names in SOCKS requests lead to, and [[socks]] in a file.
#include "cli/socks_kind.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "cli/plan_diff.hpp"
#include "plans.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;
using forward::SocksReply;

namespace {

constexpr const char* kSocksHome = "8cc4iq8ei1uptd6fsfdbw7wzxt1by1w4iz8fjaqpfm5m3gf1hrgo";
const std::string kSocksBob(64, '5');

Plan socks_file(const std::string& lines) {
  return plan_of(fmt::format("[peer.home]\nkey = '{}'\n[peer.Bob]\nkey = '{}'\n{}\n", kSocksHome,
                             kSocksBob, lines));
}

const SocksSpec& spec_of(const Plan& plan) {
  return *specs_of<SocksSpec>(plan).at(0);
}

/// "PEER SERVICE", or the number of the reply.
std::string way(const SocksSpec& spec, const std::string& host, std::uint16_t port = 80) {
  const auto route = spec.directory.find({host, port});
  if (!route) {
    CHECK(!route.error().why.empty());
    return std::to_string(static_cast<int>(route.error().reply));
  }
  return route->peer.name + " " + route->service;
}

std::string socks_mistake(const std::string& lines) {
  try {
    socks_file(lines);
  } catch (const UserError& error) {
    return error.message;
  }
  return "none";
}

}  // namespace

TEST_CASE("names of peers lead to their services, whatever the port") {
  const Plan plan = socks_file("[[socks]]\nlisten = '1080'");
  const SocksSpec& spec = spec_of(plan);
  CHECK(way(spec, "web.home.hsfwd") == "home web");
  CHECK(way(spec, "web.home.hsfwd", 1) == "home web");
  CHECK(way(spec, "home.hsfwd") == "home ");
  CHECK(way(spec, "a.b.home.HSFWD.") == "home a.b");
  CHECK(way(spec, "Web.bob.hsfwd") == "Bob Web");
  CHECK(way(spec, std::string("ssh.") + kSocksHome + ".hsfwd") == std::string(kSocksHome) + " ssh");
  CHECK(way(spec, "web.eve.hsfwd") == "4");
  CHECK(way(spec, "web..hsfwd") == "4");
  CHECK(way(spec, ".home.hsfwd") == "4");
  CHECK(way(spec, "a b.home.hsfwd") == "4");
}

TEST_CASE(
    "without a peer nothing else leads anywhere, with one it goes there as it was asked for") {
  const Plan none = socks_file("[[socks]]\nlisten = '1080'");
  for (const std::string host : {"example.org", "10.0.0.1", "hsfwd", ".hsfwd", "home"}) {
    CHECK(way(spec_of(none), host) == "2");
  }
  const Plan plan = socks_file("[[socks]]\nlisten = '1080'\npeer = 'home'");
  const SocksSpec& spec = spec_of(plan);
  CHECK(way(spec, "Example.org.", 443) == "home tcp:example.org:443");
  CHECK(way(spec, "10.0.0.1") == "home tcp:10.0.0.1:80");
  CHECK(way(spec, "web.Bob.hsfwd") == "Bob web");
  CHECK(way(spec, "::1") == "8");
  CHECK(way(spec, "127.1") == "4");
  CHECK(way(spec, "a\nb") == "4");
}

TEST_CASE("addresses of [[socks]] are local ones, and others are warned of") {
  const Plan plan = socks_file("[[socks]]\nlisten = ['1080', '[::1]:1081', '0.0.0.0:1082']");
  CHECK(specs_of<SocksSpec>(plan).size() == 3);
  CHECK(spec_of(plan).listen.to_string() == "127.0.0.1:1080");
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], Contains("hsfwd.toml:6: ") && Contains("0.0.0.0:1082"));
  CHECK_THAT(parse_config("[[socks]]", "hsfwd.toml").error().to_string(),
             Contains("[[socks]] needs listen"));
  CHECK_THAT(socks_mistake("[[socks]]\nlisten = '1080:web'"), Contains("is not [BIND:]PORT"));
  CHECK_THAT(socks_mistake("[[socks]]\nlisten = 'udp:1080'"), Contains("SOCKS is TCP"));
  CHECK_THAT(socks_mistake("[[socks]]\nlisten = 'unix:/s'"), Contains("is not [BIND:]PORT"));
  CHECK_THAT(socks_mistake("[[socks]]\nlisten = '1080-1090'"),
             Catch::EndsWith("'1080-1090' is not [BIND:]PORT"));
  CHECK_THAT(socks_mistake("[[socks]]\nlisten = '" + std::string(64, 'a') + "'"),
             Contains("the peer is a word of its own"));
  CHECK_THAT(socks_mistake("[[socks]]\nlisten = '1080'\npeer = 'eve'"), Contains("no [peer.NAME]"));
  CHECK_THAT(
      socks_mistake("[[connect]]\npeer = 'home'\nlisten = '1080'\n[[socks]]\nlisten = '1080'"),
      Contains("is taken by another listen"));
}

TEST_CASE("a SOCKS address that names lead elsewhere from is a changed one") {
  const std::string text = "[[socks]]\nlisten = '1080'";
  const Plan one = socks_file(text);
  CHECK(diff(one, socks_file(text)).kept.size() == 1);
  CHECK(diff(one, socks_file(text + "\npeer = 'home'")).changed.size() == 1);
  CHECK(diff(one, socks_file(text + "\n[peer.eve]\nkey = '" + kSocksBob + "'")).changed.size() ==
        1);
  CHECK(diff(one, socks_file("[[socks]]\nlisten = '1081'")).removed.size() == 1);
}
