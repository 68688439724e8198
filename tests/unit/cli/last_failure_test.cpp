// SPDX-License-Identifier: Apache-2.0
#include "cli/last_failure.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "cli/app.hpp"
#include "cli/connect_kind.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using forward::Cause;
using forward::ClosedConnection;

namespace {

struct Led {
  void close(Cause cause, const std::string& reason) {
    last.on_closed({.id = 1,
                    .peer = key,
                    .service = "web",
                    .stats = {},
                    .cause = cause,
                    .reason = reason,
                    .service_error = {}},
                   true);
  }
  std::string told() const {
    ConnectStatus out;
    last.fill(out);
    return out.last_failure ? *out.last_failure : "";
  }

  App app{OutputOptions()};
  PublicKey key;
  LastFailure last{app, key};
};

}  // namespace

TEST_CASE("a peer that speaks as if this machine did is what has failed all the same") {
  const std::string words = GENERATE("local connection: the client went away", "shutting down", "",
                                     "the peer closed the connection: service web: refused");
  Led led;
  led.last.on_open(1);
  led.close(Cause::kPeer, words);
  CHECK(led.told() == words);
  const auto trouble = led.last.trouble("127.0.0.1:80", {.key = led.key, .name = "home"}, "web");
  REQUIRE(trouble);
  CHECK(trouble->advice == "see there whether that service runs; the next client tries again");
}

TEST_CASE("what is this machine's own doing is no failure of the peer, whatever the words") {
  const Cause cause = GENERATE(Cause::kLocal, Cause::kHsfwd, Cause::kNormal);
  Led led;
  led.close(cause, "the peer closed the connection: gone");
  CHECK(led.told().empty());
  CHECK(!led.last.trouble("127.0.0.1:80", {.key = led.key, .name = "home"}, "web"));
}

TEST_CASE("a client that was answered is no failure, however it ends") {
  Led led;
  led.last.on_open(1);
  ClosedConnection closed{.id = 1,
                          .peer = led.key,
                          .service = "web",
                          .stats = {},
                          .cause = Cause::kPeer,
                          .reason = "gone",
                          .service_error = {}};
  closed.stats.from_peer = 1;
  led.last.on_closed(closed, true);
  CHECK(led.told().empty());
}
