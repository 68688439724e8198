// SPDX-License-Identifier: Apache-2.0
#include "cli/service_question.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::cli;

TEST_CASE("a command to type has no service that a peer's name could make another command of") {
  const auto problem = [](const std::string& service) {
    PeerInfo peer;
    peer.extension =
        Extension{.features = Extension::kUdpFlows, .service = service, .services = {}};
    return service_problem(peer, "");
  };
  CHECK(problem("dns") == "the peer's service 'dns' is UDP; connect with -L udp:PORT:dns");
  CHECK(problem("dns; rm -r ~") ==
        "the peer's service 'dns; rm -r ~' is UDP; connect with -L udp:PORT");
}

TEST_CASE(
    "what a peer says of its services tells whether one is there, and of the kind that is wanted") {
  Extension answer{.services = {"web", "dns"}};
  answer.say_udp(0, false);
  answer.say_udp(1, true);
  CHECK(problem_told(answer, {PeerWish::Kind::kTcp, "web"}) == "");
  CHECK(problem_told(answer, {PeerWish::Kind::kTcp, ""}) == "");
  CHECK(problem_told(answer, {PeerWish::Kind::kUdp, "dns"}) == "");
  CHECK(problem_told(answer, {PeerWish::Kind::kUdp, "web"}) ==
        "the peer's service 'web' is TCP; leave out udp:");
  CHECK(problem_told(answer, {PeerWish::Kind::kUdp, ""}) ==
        "the peer's service 'web' is TCP; leave out udp:");
  CHECK(problem_told(answer, {PeerWish::Kind::kTcp, "dns"}) ==
        "the peer's service 'dns' is UDP; connect with -L udp:PORT:dns");
  CHECK(problem_told(answer, {PeerWish::Kind::kTcp, "ssh"}) ==
        "the peer has no service 'ssh'; it has web, dns");
}

TEST_CASE("an older peer, and a plain one, say nothing of the kind") {
  const Extension older{.services = {"web"}};
  CHECK(problem_told(older, {PeerWish::Kind::kUdp, "web"}) == "");
  CHECK(problem_told(std::nullopt, {PeerWish::Kind::kTcp, "web"}) ==
        "the peer is a plain one, without named services; leave the name out");
}

TEST_CASE("a plain peer has what is asked for by no name, and a name in another case is found") {
  CHECK(problem_told(std::nullopt, {PeerWish::Kind::kTcp, ""}) == "");
  CHECK(problem_told(Extension{.services = {"Web"}}, {PeerWish::Kind::kTcp, "web"}) == "");
}

TEST_CASE("of a peer that has destinations alone it is said how they are reached") {
  for (const char* service : {"", "web"}) {
    CHECK(problem_told(Extension{}, {PeerWish::Kind::kTcp, service}) ==
          "the peer has no services for this key; destinations that it may permit are reached with "
          "connect -D PORT");
  }
}

TEST_CASE("of a plain peer it is said at the start that SOCKS gets to its one service only") {
  const PeerWish::Wanted anywhere{PeerWish::Kind::kDestinations};
  CHECK(
      problem_told(std::nullopt, anywhere) ==
      "the peer is a plain one, and leads to its one service only: SOCKS clients get nowhere else "
      "through it");
  // What it permits a peer does not say to who asks.
  CHECK(problem_told(Extension{}, anywhere) == "");
  CHECK(problem_told(Extension{.services = {"web"}}, anywhere) == "");
}
