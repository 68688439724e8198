// SPDX-License-Identifier: Apache-2.0
#include "forward/service.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::forward;
using Catch::Matchers::Contains;

TEST_CASE("a target is a port, a host and port or a socket, with or without a name") {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"22", "22", "localhost:22"},
      {"ssh=22", "ssh", "localhost:22"},
      {"10.0.0.7:80", "80", "10.0.0.7:80"},
      {"web=example.org:8080", "web", "example.org:8080"},
      {"[::1]:443", "443", "[::1]:443"},
      {"unix:/run/docker.sock", "docker.sock", "unix:/run/docker.sock"},
      {"dock=unix:rel/a b", "dock", "unix:rel/a b"},
      {"unix:/run/a b", "a_b", "unix:/run/a b"},
      {"udp:53", "53", "udp:localhost:53"},
      {"dns=udp:10.0.0.7:53", "dns", "udp:10.0.0.7:53"},
  };
  for (const auto& [text, name, target] : cases) {
    CAPTURE(text);
    const auto service = Service::parse(text);
    REQUIRE(service.ok());
    CHECK(service->name == name);
    CHECK(service->target.to_string() == target);
  }
}

TEST_CASE("targets that make no sense are explained in one clause") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "'' is not a valid port (1-65535)"},
      {"0", "'0' is not a valid port"},
      {"65536", "'65536' is not a valid port"},
      {"ssh", "'ssh' is not a valid port"},
      {"host:", "'' is not a valid port"},
      {":80", "the host is missing: write 80 for this machine"},
      {":", "'' is not a valid port"},
      {"http://localhost:3000", "'http://localhost:3000' is a URL; write localhost:3000"},
      {"web=https://example.org/a:b", "is a URL; write just HOST:PORT"},
      {"3000/tcp", "'3000/tcp': TCP needs no word; write 3000"},
      {"53/udp", "'53/udp': write udp:53"},
      {"tcp:80", "'tcp:80': TCP needs no word; write 80"},
      {"web=TCP:nas:80", "'TCP:nas:80': TCP needs no word; write nas:80"},
      {"dns=UDP:53", "'UDP:53': write udp:53"},
      {"Unix:/run/x", "'Unix:/run/x': write unix:/run/x"},
      {"localhost:53/udp", "write udp:localhost:53"},
      {"udp:[::1]:53", "UDP goes over IPv4 only"},
      {"udp:unix:/run/x", "a unix socket has no UDP"},
      {"udp:", "'' is not a valid port"},
      {"/run/x.sock", "'/run/x.sock' looks like a path; a unix socket is unix:PATH"},
      {"web=./x", "'./x' looks like a path"},
      {"host:99999", "'99999' is not a valid port (1-65535)"},
      {"3000-3010", "'3000-3010' is a range; list each port by itself"},
      {"10.0.0.7:1-2", "'1-2' is a range"},
      {"a-b", "'a-b' is not a valid port"},
      {"1/2", "'1/2' is not a valid port"},
      {"[]:80", "host is empty"},
      {"::1:80", "IPv6 addresses go in brackets: [::1]"},
      {"=80", "'' is not a valid service name (1 to 64 letters, digits, '-', '_' and '.')"},
      {"a b=80", "'a b' is not a valid service name (1 to 64 letters, digits, '-', '_' and '.')"},
      {"unix:", "path of the socket is missing"},
      {"unix:/run/", "name"},
      {"a=b=80", "="},
      {"ho st:80", "'ho st'"},
  };
  for (const auto& [text, says] : cases) {
    CAPTURE(text);
    const auto service = Service::parse(text);
    REQUIRE(!service.ok());
    CHECK_THAT(service.error(), Contains(says));
  }
  CHECK(!Service::parse(fmt::format("{:a>65}=80", "")).ok());
  CHECK(Service::parse(fmt::format("{:a>64}=80", "")).ok());
}

TEST_CASE("a local address leads to the default service or to a named one") {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"2222", "127.0.0.1:2222", ""},
      {"0", "127.0.0.1:0", ""},
      {"2222:ssh", "127.0.0.1:2222", "ssh"},
      {"2222:22", "127.0.0.1:2222", "22"},
      {"0.0.0.0:2222", "0.0.0.0:2222", ""},
      {"localhost:2222:web", "localhost:2222", "web"},
      {"[::]:2222:22", "[::]:2222", "22"},
      {"unix:/tmp/s", "unix:/tmp/s", ""},
      {"udp:5353", "udp:127.0.0.1:5353", ""},
      {"udp:5353:dns", "udp:127.0.0.1:5353", "dns"},
      {"udp:localhost:53:dns", "udp:127.0.0.1:53", "dns"},
      {"udp:0.0.0.0:0:53", "udp:0.0.0.0:0", "53"},
      {"unix:/tmp/s:web", "unix:/tmp/s", "web"},
  };
  for (const auto& [text, listen, service] : cases) {
    CAPTURE(text);
    const auto forward = LocalForward::parse(text);
    REQUIRE(forward.ok());
    CHECK(forward->listen.to_string() == listen);
    CHECK(forward->service == service);
  }
}

TEST_CASE("a local address that is written as ssh has it is told what to write") {
  const auto forward = LocalForward::parse("2222:localhost:22");
  REQUIRE(!forward.ok());
  CHECK_THAT(forward.error(), Contains("2222 or 2222:SERVICE"));
}

TEST_CASE("a local address that is nearly one is told what is wrong with it") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"99999", "'99999' is not a valid port (0-65535)"},
      {"tcp:80", "'tcp:80': TCP needs no word; write 80"},
      {"tcp:127.0.0.1:80:web", "'tcp:127.0.0.1:80:web': TCP needs no word; write 127.0.0.1:80:web"},
      {"UDP:53", "'UDP:53': write udp:53"},
      {"TCP+udp:53", "'TCP+udp:53': write tcp+udp:53"},
      {"localhost:70000:ssh", "'70000' is not a valid port (0-65535)"},
      {"::1:22", "'::1:22' is not [BIND:]PORT[:SERVICE]"},
      {"/tmp/x.sock:web", "'/tmp/x.sock:web' looks like a path; a unix socket is unix:PATH"},
      {"~/x.sock", "'~/x.sock' looks like a path; a unix socket is unix:PATH"},
  };
  for (const auto& [text, says] : cases) CHECK(LocalForward::parse(text).error() == says);
}

TEST_CASE("a service is found in whatever case its name is written, and first in its own") {
  const std::vector<std::string> names = {"Web", "web", "SSH"};
  CHECK(service_meant(names, "web") == "web");
  CHECK(service_meant(names, "Web") == "Web");
  CHECK(service_meant(names, "WEB") == "Web");
  CHECK(service_meant(names, "ssh") == "SSH");
  CHECK(service_meant(names, "dns") == "");
}

TEST_CASE("the path of a socket has to fit into the address of one") {
  const std::string fits = fmt::format("unix:/{:x>106}", "");
  CHECK(Service::parse("a=" + fits).ok());
  CHECK(LocalForward::parse(fits + ":web").ok());
  const char* says = "the path of the socket is longer than 107 bytes";
  CHECK(Service::parse("a=" + fits + "x").error() == says);
  CHECK(LocalForward::parse(fits + "x").error() == says);
  CHECK(LocalForward::parse(fits + "x:web").error() == says);
}

TEST_CASE("local addresses that make no sense are explained in one clause") {
  for (const char* text :
       {"", ":", "ssh", "70000", "-1", "1:2:3:4", "host:port", ":2222", "2222:", "2222:a b",
        "[::1]", "[::1", "[]:1", "unix:", "unix::web", "::1:22", "ho st:1"}) {
    CAPTURE(text);
    const auto forward = LocalForward::parse(text);
    CHECK(!forward.ok());
    if (!forward.ok()) CHECK(!forward.error().empty());
  }
}
