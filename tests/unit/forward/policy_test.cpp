// SPDX-License-Identifier: Apache-2.0
#include "forward/policy.hpp"

#include <catch2/catch.hpp>

#include "streams.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;
using Catch::Matchers::Contains;

namespace {

const crypto::PublicKey kAlice = key_of(1);
const crypto::PublicKey kBob = key_of(2);
const crypto::PublicKey kEve = key_of(3);
const net::Place kOffice = {.address = net::Ipv4::of(10, 0, 0, 1)};

Permit permit(std::optional<crypto::PublicKey> who, const std::string& what) {
  auto out = Permit::parse(who, what);
  REQUIRE(out.ok());
  return *out;
}

}  // namespace

TEST_CASE("a policy that names nobody lets everybody reach the services") {
  const Policy policy;
  CHECK(policy.admits_everybody());
  CHECK(policy.admits(kAlice));
  CHECK(policy.allows_service(kAlice, "web"));
  CHECK(Policy(std::set<crypto::PublicKey>()) == policy);
}

TEST_CASE("a policy that names keys lets no other reach anything") {
  const Policy policy({kAlice, kBob});
  CHECK(!policy.admits_everybody());
  CHECK(policy.admits(kBob));
  CHECK(policy.allows_service(kBob, "web"));
  CHECK(!policy.admits(kEve));
  CHECK(!policy.allows_service(kEve, "web"));
  CHECK(policy == Policy({kBob, kAlice}));
  CHECK(!(policy == Policy({kAlice})));
  CHECK(policy.keys().size() == 2);
}

TEST_CASE("no policy lets a peer choose an address unless a permit says so") {
  const Destination to = *Destination::of("10.0.0.1", 22);
  for (const Policy& policy : {Policy(), Policy({kAlice}),
                               Policy({}, {permit(kAlice, "*"), permit(kBob, "10.0.0.0/8:22")})}) {
    CHECK(!policy.may_allow_destination(kAlice, to));
    CHECK(!policy.allows_destination(kAlice, to, kOffice));
  }
}

TEST_CASE("with permits nothing is reached but what one of them names") {
  const Policy policy(
      {}, {permit(kAlice, "ssh,web"), permit(std::nullopt, "web"), permit(kBob, "10.0.0.0/8:22")});
  CHECK(policy.admits_everybody());
  CHECK(policy.allows_service(kAlice, "ssh"));
  CHECK(policy.allows_service(kEve, "web"));
  CHECK(!policy.allows_service(kEve, "ssh"));
  CHECK(!policy.allows_service(kBob, "ssh"));
  CHECK(!policy.allows_service(kAlice, "dns"));
  CHECK(policy.allows_destination(kBob, *Destination::of("10.0.0.1", 22), kOffice));
  CHECK(!policy.allows_destination(kBob, *Destination::of("10.0.0.1", 23), kOffice));
  CHECK(!policy.allows_destination(kAlice, *Destination::of("10.0.0.1", 22), kOffice));
  CHECK(policy.may_allow_destination(kBob, *Destination::of("nas.lan", 22)));
  CHECK(policy.allows_destination(kBob, *Destination::of("nas.lan", 22), kOffice));
  CHECK(!policy.allows_destination(kBob, *Destination::of("nas.lan", 22),
                                   {.address = net::Ipv4::loopback()}));
}

TEST_CASE("who may reach nothing is not admitted") {
  const Policy policy({}, {permit(kAlice, "ssh"), permit(kBob, "*:443")});
  CHECK(!policy.admits_everybody());
  CHECK(policy.admits(kAlice));
  CHECK(policy.admits(kBob));
  CHECK(!policy.admits(kEve));
}

TEST_CASE("a permit for everybody is for those that are let in") {
  const Policy policy({kAlice}, {permit(std::nullopt, "*"), permit(std::nullopt, "*:443")});
  CHECK(!policy.admits_everybody());
  CHECK(policy.allows_service(kAlice, "any"));
  CHECK(!policy.admits(kEve));
  CHECK(!policy.allows_service(kEve, "any"));
  CHECK(!policy.may_allow_destination(kEve, *Destination::of("example.org", 443)));
}

TEST_CASE("what a changed policy takes away it takes of connections, whatever they have come to") {
  Script script;
  script.key = 1;
  const ScriptedPeer peer(script);
  const crypto::PublicKey who = peer.remote_key();
  net::Vicinity vicinity([] {
    return net::HostNetworks{.own = {ip::Prefix::around_ipv4(net::Ipv4::of(5, 6, 7, 8).value, 32)},
                             .near = {}};
  });
  const auto allows = [&](const std::string& what, const OpenConnection& connection) {
    return Policy({}, {permit(who, what)}).still_allows(connection, vicinity, Instant());
  };
  const OpenConnection service{.peer = &peer, .service = "web"};
  CHECK(allows("web", service));
  CHECK(!allows("ssh,dns", service));
  CHECK(!allows("*:*", service));

  const OpenConnection looked_up{
      .peer = &peer, .service = "", .destination = Destination::of("nas.example", 443)};
  CHECK(allows("10.0.0.0/8:443", looked_up));
  CHECK(allows("*.example:443", looked_up));
  CHECK(!allows("10.0.0.0/8:80", looked_up));
  CHECK(!allows("other.example:443", looked_up));
  CHECK(!allows("*", looked_up));

  OpenConnection connected = looked_up;
  connected.address = net::Ipv4::of(10, 0, 0, 1);
  CHECK(allows("10.0.0.0/8:443", connected));
  CHECK(!allows("*.example:443", connected));
  CHECK(!allows("10.0.0.2:443", connected));
  connected.address = net::Ipv4::of(5, 6, 7, 8);
  CHECK(!allows("*.example:443", connected));
  CHECK(allows("5.6.7.8:443", connected));
}

TEST_CASE("who has a rule for a name knows whether there is one") {
  const Policy policy({}, {permit(kAlice, "10.0.0.0/8:443"), permit(kBob, "*.example:443")});
  const Destination to = *Destination::of("nas.example", 443);
  CHECK(!policy.names_destination(kAlice, to));
  CHECK(policy.names_destination(kBob, to));
  CHECK(!policy.names_destination(kBob, *Destination::of("nas.example", 80)));
  CHECK(!policy.names_destination(kEve, to));
}

TEST_CASE("what is neither services nor a destination is told in one line") {
  CHECK_THAT(Permit::parse(std::nullopt, "a b").error(), Contains("not a valid service name"));
  CHECK_THAT(Permit::parse(std::nullopt, "").error(), Contains("not a valid service name"));
  CHECK_THAT(Permit::parse(std::nullopt, "web,").error(), Contains("not a valid service name"));
  CHECK_THAT(Permit::parse(std::nullopt, "10.0.0.1:ssh").error(), Contains("not a valid port"));
}
