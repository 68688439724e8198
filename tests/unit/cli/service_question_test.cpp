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
