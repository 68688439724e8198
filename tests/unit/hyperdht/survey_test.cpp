// SPDX-License-Identifier: Apache-2.0
// What a look at the own network finds.
#include "hyperdht/diagnose/survey.hpp"

#include <catch2/catch.hpp>

#include "homes.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

SurveyReport survey_of(Swarm& swarm, Peer& peer) {
  std::optional<SurveyReport> report;
  Survey survey(peer.dht().context(), [&](const SurveyReport& r) { report = r; });
  peer.host().freeze();
  survey.start();
  REQUIRE(swarm.world.run_until([&] { return report.has_value(); }, 2_min));
  return *report;
}

DhtOptions ordinary(const Swarm& swarm) {
  DhtOptions options;
  options.node.bootstrap = swarm.bootstrap;
  options.key_pair = swarm.keys(1);
  return options;
}

}  // namespace

TEST_CASE("an open host: seen by all as it is, and packets of full size") {
  Swarm swarm(1);
  swarm.grow_to(20);
  auto peer = swarm.add_peer(1);
  const SurveyReport report = survey_of(swarm, *peer);
  CHECK(report.online());
  CHECK(report.nat == Firewall::kOpen);
  CHECK(!report.firewalled);
  CHECK(!report.translated());
  CHECK(report.keeps_port);
  CHECK(report.open_address == peer->address());
  CHECK(report.public_hosts == std::vector<net::Ipv4>{peer->address().host});
  CHECK(report.samples.size() >= 8);
  REQUIRE(report.bootstrap.size() == 1);
  // 5 ms a link, two links a way
  CHECK(report.bootstrap[0].rtt == 20_ms);
  REQUIRE(report.mtu);
  CHECK(report.mtu->size == 1500);
}

TEST_CASE("the path's size is that of its narrowest link") {
  Swarm swarm(2);
  swarm.grow_to(20);
  auto peer = swarm.add_peer(1, {.mtu = 1433});
  const SurveyReport report = survey_of(swarm, *peer);
  REQUIRE(report.mtu);
  CHECK(report.mtu->size == 1420);  // the next size below that is looked at
}

TEST_CASE("behind a NAT that keeps ports: consistent, translated, firewalled") {
  Swarm swarm(3);
  swarm.grow_to(20);
  Home home(swarm, 1, kConsistentNat);
  const SurveyReport report = survey_of(swarm, home.peer);
  CHECK(report.nat == Firewall::kConsistent);
  CHECK(report.firewalled);
  CHECK(report.translated());
  CHECK(report.keeps_port);
  CHECK(!report.open_address);
  CHECK(report.public_hosts == std::vector<net::Ipv4>{home.nat.address()});
}

TEST_CASE("behind a NAT with another port for everybody: random") {
  Swarm swarm(4);
  swarm.grow_to(20);
  Home home(swarm, 1, kRandomNat);
  const SurveyReport report = survey_of(swarm, home.peer);
  CHECK(report.nat == Firewall::kRandom);
  CHECK(report.translated());
  CHECK(!report.keeps_port);
}

TEST_CASE("bootstrap nodes that are gone or unknown are told from the one that answers") {
  Swarm swarm(5);
  swarm.grow_to(20);
  DhtOptions options = ordinary(swarm);
  options.node.bootstrap.push_back(*rpc::BootstrapNode::parse("52.99.99.99:49737"));
  options.node.bootstrap.push_back(*rpc::BootstrapNode::parse("nowhere.example:49737"));
  Peer peer(swarm.world.add_host(Swarm::address_of(5000)), options);
  REQUIRE(swarm.world.run_until([&] { return peer.dht().bootstrapped(); }, 60_s));
  const SurveyReport report = survey_of(swarm, peer);
  REQUIRE(report.bootstrap.size() == 3);
  CHECK(report.bootstrap[0].rtt);
  CHECK(report.bootstrap[1].address);
  CHECK(!report.bootstrap[1].rtt);
  CHECK(!report.bootstrap[2].address);
  CHECK(report.bootstrap[2].unresolved);
  CHECK(report.online());
}

TEST_CASE("no network: the survey ends and says so") {
  Swarm swarm(6);
  swarm.grow_to(5);
  sim::Host& host = swarm.world.add_host(Swarm::address_of(5000));
  host.link().set_connected(false);
  Peer peer(host, ordinary(swarm));
  REQUIRE(swarm.world.run_until([&] { return peer.dht().bootstrapped(); }, 60_s));
  const SurveyReport report = survey_of(swarm, peer);
  CHECK(!report.online());
  CHECK(report.nat == Firewall::kUnknown);
  CHECK(!report.mtu);
  REQUIRE(report.interfaces.size() == 2);
}

TEST_CASE("a survey that is cut short tells what is known by then, and nothing more") {
  Swarm swarm(8);
  swarm.grow_to(5);
  sim::Host& host = swarm.world.add_host(Swarm::address_of(5000));
  host.link().set_connected(false);
  DhtOptions options = ordinary(swarm);
  // Still at its address, whose name has not been asked for.
  options.node.bootstrap.push_back(*rpc::BootstrapNode::parse("192.0.2.1@nobody.example:49737"));
  Peer peer(host, options);
  std::vector<SurveyReport> reports;
  Survey survey(peer.dht().context(), [&](const SurveyReport& r) { reports.push_back(r); });
  host.freeze();
  survey.start();
  swarm.world.run_for(1_s);
  REQUIRE(reports.empty());
  survey.conclude();
  survey.conclude();
  REQUIRE(reports.size() == 1);
  CHECK(!reports[0].online());
  REQUIRE(reports[0].bootstrap.size() == 2);
  CHECK(reports[0].bootstrap[0].address);
  CHECK(!reports[0].bootstrap[1].address);
  CHECK(!reports[0].bootstrap[1].unresolved);
  swarm.world.run_for(2_min);
  CHECK(reports.size() == 1);
}

TEST_CASE("a survey that is dropped says nothing") {
  Swarm swarm(7);
  swarm.grow_to(10);
  auto peer = swarm.add_peer(1);
  bool told = false;
  {
    Survey survey(peer->dht().context(), [&](const SurveyReport&) { told = true; });
    survey.start();
  }
  swarm.world.run_for(1_min);
  CHECK(!told);
}
