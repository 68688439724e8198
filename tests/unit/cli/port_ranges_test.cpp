// SPDX-License-Identifier: Apache-2.0
#include "cli/port_ranges.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <catch2/catch.hpp>

#include "cli/targets.hpp"
#include "plans.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;

namespace {

std::string text_of(const Result<std::vector<std::string>, std::string>& words) {
  return words ? fmt::format("{}", fmt::join(*words, " ")) : words.error();
}
std::string services(const std::string& text) {
  return text_of(services_of_range(text));
}
std::string forwards(const std::string& text) {
  return text_of(forwards_of_range(text));
}
std::string reverses(const std::string& text) {
  return text_of(reverses_of_range(text));
}

}  // namespace

TEST_CASE("a range of services is one for each port") {
  CHECK(services("8000-8003") == "8000 8001 8002 8003");
  CHECK(services("10.0.0.7:1-2") == "10.0.0.7:1 10.0.0.7:2");
  CHECK(services("[::1]:1-2") == "[::1]:1 [::1]:2");
  CHECK(services("udp:1-2") == "udp:1 udp:2");
  CHECK(services("web=80-81") == "web-80=80 web-81=81");
  CHECK(services("web=a-b:80-81,proxy") == "web-80=a-b:80,proxy web-81=a-b:81,proxy");
  CHECK(services("7-7") == "7");
}

TEST_CASE("TCP and UDP in one word are one of each, of a range as well") {
  CHECK(services("tcp+udp:53") == "53 udp:53");
  CHECK(services("dns=tcp+udp:10.0.0.7:53") == "dns=10.0.0.7:53 dns=udp:10.0.0.7:53");
  CHECK(services("game=tcp+udp:80-81") == "game-80=80 game-81=81 game-80=udp:80 game-81=udp:81");
  CHECK(services("tcp+udp:3-1") == "the range 3-1 ends before it begins");
  CHECK(forwards("tcp+udp:5353:dns") == "5353:dns udp:5353:dns");
  CHECK(forwards("tcp+udp:0.0.0.0:5353") == "0.0.0.0:5353 udp:0.0.0.0:5353");
  CHECK(forwards("tcp+udp:1-2") == "1:1 2:2 udp:1:1 udp:2:2");
}

TEST_CASE("a name may be a service of TCP and one of UDP, and no more") {
  const Plan plan = plan_of("[[expose]]\nservices = ['dns=53', 'dns=udp:10.0.0.1:5300']\n");
  CHECK(specs_of<ExposeSpec>(plan).at(0)->services.size() == 2);
  CHECK_THROWS_AS(plan_of("[[expose]]\nservices = ['dns=tcp+udp:53', 'dns=udp:54']\n"), UserError);
  CHECK_THROWS_AS(plan_of("[[expose]]\nservices = ['dns=tcp+udp:53', 'dns=54']\n"), UserError);
}

TEST_CASE("what is no range is left as it is") {
  for (const std::string text : {"", "80", "web=80", "a-b=80", "my-host:80", "unix:/a/1-2",
                                 "s=unix:/1-2", "-", "1-", "-2", "1-x", "[::1]:80", "80,proxy"}) {
    CHECK(services(text) == text);
  }
  for (const std::string text :
       {"", "80", "80:web", "80:my-web", "127.0.0.1:80:web", "[::1]:80:web", "unix:/1-2",
        "unix:/s:1-2", "0", "a:b:c:d", "[::1", "80:a.b"}) {
    CHECK(forwards(text) == text);
  }
}

TEST_CASE("a range of local ports leads to services that are called after numbers") {
  CHECK(forwards("8000-8002") == "8000:8000 8001:8001 8002:8002");
  CHECK(forwards("9000-9001:8000-8001") == "9000:8000 9001:8001");
  CHECK(forwards("0.0.0.0:1-2") == "0.0.0.0:1:1 0.0.0.0:2:2");
  CHECK(forwards("[::1]:1-2:3-4") == "[::1]:1:3 [::1]:2:4");
  CHECK(forwards("udp:1-2:3-4") == "udp:1:3 udp:2:4");
  CHECK(forwards("udp:0.0.0.0:1-2") == "udp:0.0.0.0:1:1 udp:0.0.0.0:2:2");
  CHECK(forwards("udp:0.0.0.0:1-2:3-4") == "udp:0.0.0.0:1:3 udp:0.0.0.0:2:4");
}

TEST_CASE("a range of a peer's ports leads to as many of this machine or its network") {
  CHECK(reverses("8000-8001") == "8000 8001");
  CHECK(reverses("*:8000-8001") == "*:8000 *:8001");
  CHECK(reverses("8000-8001:9000-9001") == "8000:9000 8001:9001");
  CHECK(reverses("8000-8001:localhost:8000-8001") == "8000:localhost:8000 8001:localhost:8001");
  CHECK(reverses("0.0.0.0:1-2:nas:3-4") == "0.0.0.0:1:nas:3 0.0.0.0:2:nas:4");
  CHECK(reverses("1-2:[::1]:3-4") == "1:[::1]:3 2:[::1]:4");
  for (const std::string text : {"", "80", "8080:3000", "*:8080:my-nas:3000", "8080:unix:/a/1-2",
                                 "[::1]:80", "a:b", "8080:"}) {
    CHECK(reverses(text) == text);
  }
  CHECK(reverses("3-1") == "the range 3-1 ends before it begins");
  CHECK(reverses("1-4:80") ==
        "'1-4:80' leads 4 ports to 1 target: each port of a range leads to one of its own");
  CHECK_THAT(reverses("80:nas:1-2"), Contains("leads 1 port to 2 targets"));
  CHECK_THAT(reverses("1-2:unix:/s"), Contains("leads 2 ports to 1 target"));
}

TEST_CASE("ranges that cannot be are told in one line") {
  CHECK(services("8003-8000") == "the range 8003-8000 ends before it begins");
  CHECK(services("0-3") == "the range 0-3 is not one of ports (1-65535)");
  CHECK(services("65535-65536") == "the range 65535-65536 is not one of ports (1-65535)");
  CHECK(services("1000-2000") == "the range 1000-2000 has 1001 ports, and may have 256");
  CHECK(forwards("1000-2000") == "the range 1000-2000 has 1001 ports, and may have 256");
  CHECK(forwards("9000-9003:8000-8001") ==
        "'9000-9003:8000-8001' has 4 ports and 2 services: a range of ports leads to as many "
        "services, "
        "called after their numbers");
  CHECK_THAT(forwards("9000-9003:web"), Contains("has 4 ports and 1 service:"));
  CHECK_THAT(forwards("9000:8000-8003"), Contains("has 1 port and 4 services"));
}

TEST_CASE("ranges in a file are services and local addresses by themselves") {
  const Plan plan =
      plan_of("[[expose]]\nservices = ['22', '8000-8002,proxy']\n[[connect]]\npeer = '" +
              std::string(64, '5') + "'\nlisten = ['9000-9001:8000-8001']\n");
  const auto& expose = *specs_of<ExposeSpec>(plan).at(0);
  REQUIRE(expose.services.size() == 4);
  CHECK(expose.services[3].name == "8002");
  CHECK(expose.services[3].proxy_header);
  CHECK(!expose.services[0].proxy_header);
  const auto connects = specs_of<ConnectSpec>(plan);
  REQUIRE(connects.size() == 2);
  CHECK(connects[1]->forward.listen.port == 9001);
  CHECK(connects[1]->forward.service == "8001");
  const auto mistake = [](const std::string& services) -> std::string {
    try {
      plan_of("[[expose]]\nservices = [" + services + "]\n");
    } catch (const UserError& error) {
      return error.message;
    }
    return "none";
  };
  CHECK(mistake("'8000', '7999-8001'") == "hsfwd.toml:2: two services are called '8000'");
  CHECK(mistake("'2-1'") == "hsfwd.toml:2: service '2-1': the range 2-1 ends before it begins");
}

TEST_CASE("a service that is told who a peer is, whatever its target") {
  CHECK(parse_service("web=8080,proxy")->proxy_header);
  CHECK(parse_service("unix:/run/web.sock,proxy")->target.path == "/run/web.sock");
  CHECK(parse_service("web=8080,proxi").error() ==
        "',proxi' is not known; behind a TARGET there is ,proxy or nothing");
  CHECK(parse_service("web=8080,").error() == "nothing is behind the comma; ,proxy has no space");
  CHECK(parse_service("8080,proxy,proxy").error() == ",proxy is there twice");
  CHECK(parse_service("80,443").error() ==
        "a TARGET has one port, or a range; write several of them");
  CHECK(parse_local_forward("8080:web,proxy").error() ==
        ",proxy is said on the side that exposes the service");
  CHECK(parse_service("dns=udp:53,proxy").error() == "UDP has no header of the PROXY protocol");
  CHECK(!parse_service("web=8080")->proxy_header);
}
