// SPDX-License-Identifier: Apache-2.0
#include "cli/health.hpp"
#include "cli/events/answers.hpp"

#include <catch2/catch.hpp>

#include "cli/control_client.hpp"
#include "cli/table.hpp"
#include "cli/up_texts.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

events::HealthProblem problem(const std::string& level, const std::string& what) {
  return {.code = "LISTEN_FAILED",
          .level = level,
          .what = what,
          .why = "address already in use",
          .advice = "choose another",
          .since = "2026-01-01T00:00:00Z",
          .seconds = 125};
}

Json status_event(const Json& health) {
  Json out = {{"event", "status"},
              {"config", "/etc/x.toml"},
              {"pid", 7U},
              {"seconds", 61},
              {"publicKey", ""},
              {"key", "k"},
              {"node",
               {{"online", true},
                {"persistent", false},
                {"firewalled", true},
                {"address", nullptr},
                {"nat", "open"},
                {"bytesBuffered", 0}}},
              {"sessions", Json::array()}};
  if (!health.is_null()) out["health"] = health;
  return out;
}

}  // namespace

TEST_CASE("status begins with what does not work: since when, why, what to do") {
  const std::string text =
      status_text(status_event(encode(std::vector{problem("error", "127.0.0.1:53: not open")})));
  CHECK_THAT(text, StartsWith("error: 127.0.0.1:53: not open, for 2 min 5 s\n"
                              "  why:   address already in use\n"
                              "  to do: choose another\n"
                              "\n"
                              "up:"));
}

TEST_CASE("status says in a line that all is well, or nothing where an older up does not know") {
  CHECK_THAT(status_text(status_event(Json::array())),
             StartsWith("all is well: online, 0 tunnels, 0 sessions\n\nup:"));
  CHECK_THAT(status_text(status_event(nullptr)), StartsWith("up:"));
}

TEST_CASE("what is long goes on below itself") {
  auto one = problem("warning", std::string(60, 'w') + " and 127.0.0.1:5353: not open");
  one.seconds.reset();
  CHECK_THAT(health_text({one}, ""), StartsWith("warning: " + std::string(60, 'w') +
                                                " and\n         127.0.0.1:5353: not open\n"));
  CHECK(wrapped_text("a: ", "bb cc dd", 8) == "a: bb cc\n   dd");
  CHECK(wrapped_text("a: ", "", 8) == "a: ");
}

TEST_CASE("the colours of health are those of its words, and of no line below it") {
  CHECK(with_health_colours("all is well: online") == "\x1b[32mall is well\x1b[0m: online");
  CHECK(with_health_colours("error: a\n  why:   error: b\nwarning: c\n\nerror: d\nall is well") ==
        "\x1b[31merror: \x1b[0ma\n  why:   error: b\n\x1b[33mwarning: \x1b[0mc\n\nerror: d\nall is "
        "well");
  CHECK(with_health_colours("up: x") == "up: x");
}

TEST_CASE("what a peer or a file called something does not steer the terminal") {
  const std::string text =
      status_text(status_event(encode(std::vector{problem("error", "a\x1b[2J\nall is well")})));
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK_THAT(text, StartsWith("error: a\\x1b[2J\\nall is well"));
}

TEST_CASE("answers of several commands stand under their names, each with its colours") {
  const AnswerText text{status_text, with_health_colours};
  Json up = status_event(Json::array());
  up["command"] = "up";
  Json expose = up;
  expose["command"] = "expose\x1b[2J";
  expose["health"] = encode(std::vector{problem("error", "x")});
  CHECK(heading_of(up).empty());
  CHECK(heading_of(status_event(nullptr)).empty());
  const std::string both = shown_text({up, expose}, text, true);
  CHECK_THAT(both, StartsWith("\x1b[32mall is well\x1b[0m: ") &&
                       Contains("\nup:   /etc/x.toml, process 7, for"));
  CHECK_THAT(both, Contains("\n\nhsfwd expose\\x1b[2J, process 7:\n\x1b[31merror: \x1b[0mx, for"));
  CHECK_THAT(
      shown_text({expose}, text, false),
      StartsWith("hsfwd expose\\x1b[2J, process 7:\nerror: x") && Contains("\nage:  1 min 1 s\n"));
}
