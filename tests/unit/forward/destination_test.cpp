// SPDX-License-Identifier: Apache-2.0
#include "forward/destination.hpp"

#include <catch2/catch.hpp>

#include "forward/destination_rule.hpp"
#include "forward/service.hpp"
#include "net/internet.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;
using Catch::Matchers::Contains;

namespace {

std::string service_read(const std::string& service) {
  const auto to = Destination::from_service(service);
  return to ? to->to_service() : "none";
}

Destination to(const std::string& host, std::uint16_t port = 443) {
  const auto out = Destination::of(host, port);
  REQUIRE(out);
  return *out;
}

net::Ipv4 ipv4(const std::string& text) {
  return *net::Ipv4::parse(text);
}

bool covers(const std::string& rule, const std::string& host, const net::Place& at,
            std::uint16_t port = 443) {
  const auto parsed = DestinationRule::parse(rule);
  REQUIRE(parsed.ok());
  const Destination destination = to(host, port);
  const bool out = parsed->covers(destination, at);
  // What is reached was not ruled out before.
  if (out) CHECK(parsed->may_cover(destination));
  return out;
}

bool covers(const std::string& rule, const std::string& host, const std::string& address,
            std::uint16_t port = 443) {
  return covers(rule, host, net::Place{.address = ipv4(address)}, port);
}

std::string mistake(const std::string& rule) {
  const auto parsed = DestinationRule::parse(rule);
  return parsed ? "none" : parsed.error();
}

}  // namespace

TEST_CASE("a destination is read as it is written, and no service has such a name") {
  CHECK(service_read("tcp:10.0.0.1:22") == "tcp:10.0.0.1:22");
  CHECK(service_read("tcp:Example.ORG.:443") == "tcp:example.org:443");
  CHECK(service_read("tcp:_srv.a-b.example:65535") == "tcp:_srv.a-b.example:65535");
  CHECK(service_read("tcp:localhost:80") == "tcp:127.0.0.1:80");
  CHECK(to("10.0.0.1").address() == ipv4("10.0.0.1"));
  CHECK(!to("example.org").address());
  CHECK(!is_service_name("tcp:10.0.0.1:22"));
  CHECK(!Destination::is_meant("tcp"));
}

TEST_CASE("what is neither an address nor a name is no destination") {
  for (const std::string text : {"",
                                 "web",
                                 "tcp:",
                                 "tcp:22",
                                 "tcp::22",
                                 "tcp:host:",
                                 "tcp:host:0",
                                 "tcp:host:65536",
                                 "tcp:host:-1",
                                 "tcp:host: 1",
                                 "tcp:host:1:2",
                                 "tcp:[::1]:22",
                                 "tcp:::1:22",
                                 "tcp:a b:1",
                                 "tcp:a..b:1",
                                 "tcp:.a:1",
                                 "tcp:a/b:1",
                                 "udp:10.0.0.1:53",
                                 "TCP:10.0.0.1:22",
                                 "tcp:\xc3\xa9:1",
                                 "tcp:.:1"}) {
    CAPTURE(text);
    CHECK(service_read(text) == "none");
  }
  // What inet_aton() takes for addresses.
  for (const std::string text : {"2130706433", "127.1", "0x7f000001", "0177.0.0.1", "10.0.0.0x1",
                                 "256.0.0.1", "1.2.3.4.5"}) {
    CAPTURE(text);
    CHECK(!is_dns_name(text));
    CHECK(!Destination::of(text, 1));
  }
  CHECK(is_dns_name(std::string(63, 'a') + ".b"));
  CHECK(!is_dns_name(std::string(64, 'a') + ".b"));
  std::string longest = "a";
  while (longest.size() < Destination::kMaxName) longest += ".a";
  CHECK(is_dns_name(longest));
  CHECK(!is_dns_name(longest + "a.a"));
}

TEST_CASE("a byte that no answer has counts as a failure") {
  CHECK(destination_answer(0) == DestinationAnswer::kConnected);
  CHECK(destination_answer(5) == DestinationAnswer::kRefused);
  CHECK(destination_answer(7) == DestinationAnswer::kFailed);
  CHECK(destination_answer(255) == DestinationAnswer::kFailed);
}

TEST_CASE("a rule with addresses opens them, by whatever name they are asked for") {
  CHECK(covers("10.0.0.5:443", "10.0.0.5", "10.0.0.5"));
  CHECK(!covers("10.0.0.5:443", "10.0.0.6", "10.0.0.6"));
  CHECK(covers("10.0.0.0/8:80,443", "10.9.9.9", "10.9.9.9"));
  CHECK(!covers("10.0.0.0/8:80,443", "10.9.9.9", "10.9.9.9", 81));
  CHECK(covers("10.0.0.0/8:8000-8003", "nas.lan", "10.1.2.3", 8003));
  CHECK(!covers("10.0.0.0/8:8000-8003", "nas.lan", "10.1.2.3", 8004));
  CHECK(!covers("10.0.0.0/8:*", "nas.lan", "11.0.0.1"));
  CHECK(covers("10.0.0.0/8:*", "nas.lan", "10.255.0.1", 1));
  CHECK(DestinationRule::parse("10.0.0.0/8:80")->may_cover(to("nas.lan", 80)));
  CHECK(!DestinationRule::parse("10.0.0.0/8:80")->may_cover(to("nas.lan", 81)));
}

TEST_CASE("a rule with a name opens it where the internet has it, and nowhere else") {
  CHECK(covers("example.org:443", "example.org", "93.184.216.34"));
  CHECK(covers("Example.org:443", "EXAMPLE.org.", "93.184.216.34"));
  CHECK(!covers("example.org:443", "www.example.org", "93.184.216.34"));
  CHECK(!covers("example.org:443", "93.184.216.34", "93.184.216.34"));
  CHECK(covers("*.example.org:443", "a.b.example.org", "93.184.216.34"));
  CHECK(!covers("*.example.org:443", "example.org", "93.184.216.34"));
  CHECK(!covers("*.example.org:443", "notexample.org", "93.184.216.34"));
  CHECK(covers("*:443", "example.net", "93.184.216.34"));
  CHECK(covers("*:443", "93.184.216.34", "93.184.216.34"));
}

TEST_CASE("who answers for a name does not choose an address of this machine or its neighbours") {
  for (const std::string address :
       {"127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1",
        "255.255.255.255", "192.88.99.1"}) {
    CAPTURE(address);
    CHECK(!net::is_internet(ipv4(address)));
    for (const std::string rule : {"example.org:*", "*.org:*", "*:*"}) {
      CHECK(!covers(rule, "example.org", address));
    }
    CHECK(!covers("*:*", address, address));
  }
}

TEST_CASE("this machine and its link are in no network but theirs, and nobody in none at all") {
  for (const std::string wide : {"0.0.0.0/0:*", "126.0.0.0/7:*", "128.0.0.0/1:*"}) {
    CHECK(!covers(wide, "127.0.0.1", "127.0.0.1"));
    CHECK(!covers(wide, "meta.data", "169.254.169.254"));
  }
  CHECK(covers("0.0.0.0/0:*", "10.0.0.1", "10.0.0.1"));
  CHECK(covers("127.0.0.1:443", "127.0.0.1", "127.0.0.1"));
  CHECK(covers("127.0.0.0/8:443", "localhost", "127.0.0.1"));
  CHECK(covers("localhost:443", "rebound.example", "127.0.0.1"));
  CHECK(!covers("127.0.0.1:443", "127.0.0.2", "127.0.0.2"));
  CHECK(covers("169.254.169.254:80", "169.254.169.254", "169.254.169.254", 80));
  for (const std::string nobody : {"0.0.0.0", "224.0.0.1", "255.255.255.255"}) {
    CHECK(!covers("0.0.0.0/0:*", nobody, nobody));
    CHECK(!covers(nobody + "/32:*", nobody, nobody));
  }
}

TEST_CASE("this machine is in no network but those that it has its addresses in") {
  const auto own = [](const std::string& address, const std::string& network, bool near) {
    return net::Place{
        .address = ipv4(address), .near = near, .own = *hsfwd::ip::Prefix::parse(network)};
  };
  const net::Place alone = own("5.6.7.8", "5.6.7.8/32", false);
  const net::Place in_lan = own("192.168.1.5", "192.168.1.0/24", true);
  for (const net::Place& at : {alone, in_lan}) {
    const std::string host = at.address.to_string();
    for (const std::string wide : {"0.0.0.0/0:*", "*:*", "128.0.0.0/1:*", "192.168.0.0/16:*"}) {
      CHECK(!covers(wide, host, at));
      CHECK(!covers(wide, "rebound.example", at));
    }
    CHECK(!covers("rebound.example:*", "rebound.example", at));
    CHECK(covers(host + ":443", host, at));
    CHECK(covers(host + ":443", "rebound.example", at));
  }
  CHECK(!covers("5.6.7.0/24:*", "5.6.7.8", alone));
  CHECK(covers("192.168.1.0/24:*", "192.168.1.5", in_lan));
}

TEST_CASE("a neighbour with an address of the internet is reached by no name") {
  const net::Place neighbour{.address = ipv4("5.6.7.8"), .near = true};
  for (const std::string rule : {"*:*", "db.example:*", "*.example:*"}) {
    CHECK(!covers(rule, "db.example", neighbour));
  }
  CHECK(!covers("*:*", "5.6.7.8", neighbour));
  CHECK(covers("5.6.7.0/24:*", "db.example", neighbour));
}

TEST_CASE("where clouds answer with secrets is in no network but its own") {
  // Of Azure, Alibaba and Oracle.
  for (const std::string cloud : {"168.63.129.16", "100.100.100.200", "192.0.0.192"}) {
    CAPTURE(cloud);
    CHECK(!covers("0.0.0.0/0:*", cloud, cloud));
    CHECK(!covers("0.0.0.0/0:*", "meta.data", cloud));
    CHECK(covers(cloud + ":80", cloud, cloud, 80));
  }
}

TEST_CASE("a rule that is none is told in one line") {
  CHECK_THAT(mistake("example.org"), Contains("is not HOST:PORTS"));
  CHECK_THAT(mistake(":80"), Contains("is not HOST:PORTS"));
  CHECK_THAT(mistake("example.org:"), Contains("is not HOST:PORTS"));
  CHECK(mistake("10.0.0.1/8:80") ==
        "'10.0.0.1/8' is a host in a network; write 10.0.0.1 or 10.0.0.0/8");
  CHECK_THAT(mistake("10.0.0.0/33:80"), Contains("is not an IPv4 network"));
  CHECK_THAT(mistake("example.org/8:80"), Contains("is not an IPv4 network"));
  CHECK_THAT(mistake("[::1]:80"), Contains("IPv4 addresses and names"));
  CHECK_THAT(mistake("*example.org:80"), Contains("*.SUFFIX"));
  CHECK_THAT(mistake("example.org:http"), Contains("'http' is not a valid port (1-65535)"));
  CHECK_THAT(mistake("example.org:0"), Contains("not a valid port"));
  CHECK(mistake("example.org:80-70") == "the range '80-70' ends before it begins");
  std::string many = "example.org:1";
  for (int i = 0; i < 32; ++i) many += ",1";
  CHECK(mistake(many) == "a rule has at most 32 ports and ranges");
}
