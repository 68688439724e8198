// SPDX-License-Identifier: Apache-2.0
// Who may reach what of an exposed key, in a file.
#include "cli/permits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "plans.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;
using forward::Destination;

namespace {

constexpr const char* kHome = "8cc4iq8ei1uptd6fsfdbw7wzxt1by1w4iz8fjaqpfm5m3gf1hrgo";
const std::string kBob(64, '5');

std::string file_with(const std::string& lines) {
  return fmt::format(
      "[peer.home]\nkey = '{}'\n[peer.bob]\nkey = '{}'\n[[expose]]\nidentity = '/id'\n{}\n", kHome,
      kBob, lines);
}

forward::Policy policy_of(const std::string& lines) {
  const Plan plan = plan_of(file_with(lines));
  return specs_of<ExposeSpec>(plan).at(0)->policy;
}

std::string mistake(const std::string& lines) {
  try {
    plan_of(file_with(lines));
  } catch (const UserError& error) {
    CHECK(error.code == "BAD_CONFIG");
    return error.message;
  }
  return "none";
}

const PublicKey kPermitHomeKey = *parse_key(kHome);
const PublicKey kPermitBobKey = *parse_key(kBob);
const PublicKey kStranger = *parse_key(std::string(64, '6'));

}  // namespace

TEST_CASE("peers are permitted services and destinations by name and by key") {
  const auto policy =
      policy_of("services = ['web=80', 'ssh=22']\npermit = ['*: web', 'home: ssh', '" + kBob +
                ":10.0.0.0/8:80,443', 'bob : *.example.org:443']");
  CHECK(policy.allows_service(kStranger, "web"));
  CHECK(!policy.allows_service(kStranger, "ssh"));
  CHECK(policy.allows_service(kPermitHomeKey, "ssh"));
  CHECK(policy.allows_destination(kPermitBobKey, *Destination::of("10.1.1.1", 443),
                                  {.address = net::Ipv4::of(10, 1, 1, 1)}));
  CHECK(policy.may_allow_destination(kPermitBobKey, *Destination::of("www.example.org", 443)));
  CHECK(!policy.may_allow_destination(kPermitHomeKey, *Destination::of("www.example.org", 443)));
  CHECK(permit_texts(policy.permits()) ==
        std::vector<std::string>{"*: web", to_hex(kPermitHomeKey.view()) + ": ssh",
                                 kBob + ": 10.0.0.0/8:80,443", kBob + ": *.example.org:443"});
}

TEST_CASE("destinations may be all that is exposed, but something there has to be") {
  CHECK(policy_of("permit = 'bob: *:443'")
            .may_allow_destination(kPermitBobKey, *Destination::of("example.org", 443)));
  CHECK(mistake("") == "hsfwd.toml:5: [[expose]] needs services, such as services = [\"22\"]");
  CHECK_THAT(mistake("permit = 'bob: *'"), Contains("hsfwd.toml:5: [[expose]] needs services"));
  const auto empty = parse_config(file_with("services = '22'\npermit = []"), "hsfwd.toml");
  REQUIRE(!empty.ok());
  CHECK_THAT(empty.error().to_string(), Contains("leave it out to open all services"));
}

TEST_CASE("a permit that cannot be meant is told with its line") {
  const auto of = [](const std::string& permit) {
    return mistake("services = ['web=80', 'ssh=22']\npermit = ['" + permit + "']");
  };
  CHECK(of("web") ==
        "hsfwd.toml:8: permit 'web': 'web' is not WHO: WHAT, such as \"*: web\", "
        "\"KEY: ssh\" or \"KEY: 10.0.0.0/8:80,443\"");
  CHECK_THAT(of(": web"), Contains("is not WHO: WHAT"));
  CHECK_THAT(of("eve: web"),
             Contains("hsfwd.toml:8: ") && Contains("no [peer.NAME] has that name"));
  CHECK(of("bob: dns") ==
        "hsfwd.toml:8: permit 'bob: dns': there is no service 'dns'; there is web, ssh");
  CHECK_THAT(of("bob: "), Contains("it does not say what: services, or a destination"));
  CHECK_THAT(of("bob: 10.0.0.1:http"), Contains("not a valid port"));
  CHECK_THAT(mistake("services = '22'\nallow = 'home'\npermit = ['bob: 22']"),
             Contains("'bob' is not among those that are allowed to connect"));
}

TEST_CASE("there are as many permits as a policy may have, wherever they come from") {
  std::vector<forward::Permit> permits;
  const std::vector<forward::Service> services(1, forward::Service{"web", {}});
  const auto add = [&] { return add_permit(permits, "*: web", {}, services, {}); };
  for (std::size_t i = 0; i < forward::Policy::kMaxPermits; ++i) REQUIRE(add());
  CHECK(add().error() == "there may be 1024 of them");
  CHECK(permits.size() == 1024);
  std::vector<forward::ListenPermit> listens;
  const auto listen = [&] { return add_permit(listens, "*: 8080", {}, {}); };
  for (std::size_t i = 0; i < forward::Policy::kMaxPermits; ++i) REQUIRE(listen());
  CHECK(listen().error() == "there may be 1024 of them");
}

TEST_CASE("a permit that nearly says what was meant is told what it lacks") {
  const auto why = [](const std::string& what) {
    const std::string begin = "hsfwd.toml:8: permit '*: " + what + "': ";
    const std::string out =
        mistake("services = ['web=80', 'ssh=22']\npermit = ['*: " + what + "']");
    CHECK_THAT(out, Catch::StartsWith(begin));
    return out.substr(std::min(begin.size(), out.size()));
  };
  CHECK(why("10.0.0.0/8") ==
        "'10.0.0.0/8' is a destination without ports; write 10.0.0.0/8:80,443, or 10.0.0.0/8:* for "
        "all");
  CHECK_THAT(why("10.0.0.1"), Contains("is a destination without ports"));
  CHECK_THAT(why("*.example.org"), Contains("is a destination without ports"));
  CHECK(why("example.org") ==
        "there is no service 'example.org'; a destination has ports: example.org:443, or "
        "example.org:* for all");
  CHECK_THAT(why("http://example.org:80"), Contains("without what a URL has"));
  CHECK(why("tcp:10.0.0.1:80") == "destinations are TCP: leave out tcp:");
  CHECK_THAT(why("udp:10.0.0.1:53"), Contains("UDP is reached as a service only"));
  for (const char* several :
       {"web,10.0.0.1:80", "10.0.0.1:80,10.0.0.2:80", "10.0.0.1:80 10.0.0.2:80"})
    CHECK(why(several) == "one permit has either services or one destination: write several");
  CHECK(
      policy_of("services = ['web=80', 'ssh=22']\npermit = ['*: web, ssh', '*: 10.0.0.1:80, 443']")
          .allows_destination(kStranger, *Destination::of("10.0.0.1", 443),
                              {.address = net::Ipv4::of(10, 0, 0, 1)}));
  CHECK_THAT(mistake("permit = ['*: web', '*: *:443']"),
             Contains("there is no service 'web', nor any other"));
}

TEST_CASE("another permit is another policy of the same identity") {
  const auto spec = [](const std::string& permit) {
    return plan_of(file_with("services = '22'\npermit = ['" + permit + "']"));
  };
  const Plan one = spec("bob: 22");
  const Plan other = spec("bob: 10.0.0.0/8:22");
  CHECK(one.tunnels[0]->same(*spec("bob: 22").tunnels[0]));
  CHECK(!one.tunnels[0]->same(*other.tunnels[0]));
  CHECK(one.tunnels[0]->key() == other.tunnels[0]->key());
}
