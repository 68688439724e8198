// SPDX-License-Identifier: Apache-2.0
#include "overlay/port_rules.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::overlay;
using Traffic = PortRule::Traffic;

namespace {

std::string problem_of(std::string_view text) {
  const auto rule = PortRule::parse(text);
  return rule ? "" : rule.error();
}

PortRules rules(const std::vector<std::string>& texts) {
  return *PortRules::parse(texts);
}

}  // namespace

TEST_CASE("rules for ports as people write them") {
  CHECK(*PortRule::parse("tcp:22") == PortRule{Traffic::kTcp, 22, 22});
  CHECK(*PortRule::parse("udp:5000-6000") == PortRule{Traffic::kUdp, 5000, 6000});
  CHECK(*PortRule::parse("tcp:1-65535") == PortRule{Traffic::kTcp, 1, 65535});
  CHECK(*PortRule::parse("tcp:*") == PortRule{Traffic::kTcp, 0, 65535});
  CHECK(*PortRule::parse("icmp") == PortRule{Traffic::kPing});
  CHECK(*PortRule::parse("*") == PortRule{Traffic::kAny});
}

TEST_CASE("what is no rule for ports says what it could be") {
  CHECK(problem_of("22") == "'22' is not a rule for ports, write tcp:22 or udp:22");
  CHECK(problem_of("22/tcp") == "'22/tcp' is not a rule for ports, write tcp:22");
  CHECK(problem_of("udp/53") == "'udp/53' is not a rule for ports, write udp:53");
  CHECK(problem_of("tcp") == "'tcp' is not a rule for ports, write tcp:* for all ports");
  CHECK(problem_of("icmp:8") == "'icmp:8': icmp has no ports, write icmp");
  CHECK(problem_of("tcp:ssh") == "'ssh' is not a valid port (1-65535)");
  CHECK(problem_of("udp:5-4") == "the range '5-4' ends before it begins");
  for (const char* text : {"tcp:", "tcp:0", "tcp:65536", "tcp:-1", "tcp:1-", "tcp:1-2-3", "tcp:+1",
                           "tcp: 22", "tcp:22 ", "tcp:0-5", "tcp:1,2", "udp:**"}) {
    INFO(text);
    CHECK_THAT(problem_of(text), Catch::Contains("is not a valid port (1-65535)"));
  }
  for (const char* text :
       {"", "TCP:22", "ssh", "any", "sctp:1", "tcp 22", " *", "icmp6", "0", "22/sctp", "\n"}) {
    INFO(text);
    CHECK_THAT(problem_of(text), Catch::Contains("(tcp:22, udp:5000-6000, tcp:*, icmp or *)"));
    CHECK(problem_of(text).find('\n') == std::string::npos);
  }
}

TEST_CASE("a list of rules is as good as its worst, and not endless") {
  CHECK(PortRules::parse(std::vector<std::string>{"tcp:22", "x"}).error() ==
        PortRule::parse("x").error());
  const std::vector<std::string> many(PortRules::kMaxRules + 1, "icmp");
  CHECK(PortRules::parse(many).error() == "there are more than 64 rules for ports");
  CHECK(PortRules::parse(std::span(many).first(PortRules::kMaxRules)).ok());
}

TEST_CASE("rules allow what they name and nothing else") {
  const PortRules none = rules({});
  CHECK((!none.everything() && !none.ping() && !none.port(Traffic::kTcp, 22)));
  const PortRules some = rules({"tcp:22", "udp:5000-6000", "tcp:80"});
  CHECK((!some.everything() && !some.ping()));
  for (const std::uint16_t port : {22, 80}) CHECK(some.port(Traffic::kTcp, port));
  for (const std::uint16_t port : {0, 21, 23, 79, 5000}) CHECK(!some.port(Traffic::kTcp, port));
  for (const std::uint16_t port : {5000, 5500, 6000}) CHECK(some.port(Traffic::kUdp, port));
  for (const std::uint16_t port : {22, 4999, 6001}) CHECK(!some.port(Traffic::kUdp, port));
  CHECK((rules({"icmp"}).ping() && !rules({"icmp"}).everything()));
  const PortRules all = rules({"tcp:22", "*"});
  CHECK((all.everything() && all.ping() && all.port(Traffic::kUdp, 1)));
}
