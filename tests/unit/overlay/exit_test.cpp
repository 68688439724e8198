// SPDX-License-Identifier: Apache-2.0
// A peer that everything goes through which is nobody's, and what it may send in for it.
#include <algorithm>
#include <catch2/catch.hpp>

#include "ip/icmp.hpp"
#include "net/internet.hpp"
#include "unit/overlay/host_packets.hpp"
#include "unit/overlay/members.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

const ip::Ipv6 kServer = *ip::Ipv6::parse("2620:fe::fe");
const ip::Ipv6 kSecondServer = *ip::Ipv6::parse("2620:fe::9");
const ip::Ipv6 kPage = *ip::Ipv6::parse("2600:1901::1");
const ip::InterfaceAddress kIpv4 = *ip::InterfaceAddress::parse("10.88.0.2/24");

/// www.example, A, and nothing else.
const std::string kForeignQuestion(
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    "\x03www\x07"
    "example\x00\x00\x01\x00\x01",
    29);

/// The first sends everything through the second, which offers the internet.
struct Travellers : Members {
  explicit Travellers(std::uint64_t seed, std::size_t count = 2) : Members(seed, count) {}

  void open(NetworkSettings home = {}) {
    NetworkSettings settings;
    settings.interface = home.interface = "hsfwd0";
    settings.addresses = {kIpv4};
    for (std::size_t i = 1; i < all.size(); ++i) settings.peers.push_back(peer((*this)[i]));
    settings.exit = exit().key();
    settings.name_servers = {kServer, kSecondServer};
    REQUIRE(exit_problem(settings).empty());
    traveller().open(settings);
    home.peers = {peer(traveller())};
    home.offers_internet = true;
    exit().open(home);
    swarm.world.run_for(10_s);
  }
  Member& traveller() { return (*this)[0]; }
  Member& exit() { return (*this)[1]; }

  /// Of what has arrived at a host, the packets between these.
  std::vector<Bytes> between(Member& at, const ip::Ipv6& from, const ip::Ipv6& to) {
    std::vector<Bytes> out;
    for (const Bytes& bytes : at.received()) {
      const auto packet = ip::Packet::parse(bytes);
      if (packet->source == from && packet->destination == to) out.push_back(bytes);
    }
    return out;
  }
  bool gets(Member& at, const Bytes& packet) {
    return until([&] {
      const auto& got = at.received();
      return std::find(got.begin(), got.end(), packet) != got.end();
    });
  }
  bool never_gets(Member& at, const Bytes& packet) {
    swarm.world.run_for(3_s);
    const auto& got = at.received();
    return std::find(got.begin(), got.end(), packet) == got.end();
  }
  /// The questions that have come to the exit for a server.
  std::vector<Bytes> asked(const ip::Ipv6& server) {
    return between(exit(), traveller().address(), server);
  }
  void ask(const std::string& question = kForeignQuestion) {
    traveller().send(datagram(traveller().address(), name_server_address(), question, 53));
  }
  /// What the name server has told the host.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (const Bytes& bytes : between(traveller(), name_server_address(), traveller().address())) {
      out.emplace_back(as_text(ip::Packet::parse(bytes)->payload()));
    }
    return out;
  }
  /// A server's answer to a question that has come to it.
  void answer(const Bytes& question, const std::string& records) {
    const auto packet = ip::Packet::parse(question);
    std::string message(as_text(packet->payload()));
    message[2] = static_cast<char>(message[2] | 0x80);
    exit().send(datagram(packet->destination, packet->source, message + records,
                         packet->ports->source, 53));
  }
};

}  // namespace

TEST_CASE("all that is nobody's goes through the exit, and answers come back") {
  Travellers net(31);
  net.open();
  Member& a = net.traveller();
  Member& b = net.exit();
  const Bytes question = datagram(a.address(), kPage, "question", 443);
  a.send(question);
  REQUIRE(net.gets(b, question));
  const Bytes answer = datagram(kPage, a.address(), "answer", 5000, 443);
  b.send(answer);
  CHECK(net.gets(a, answer));
  // The exit itself is reached as any peer is.
  const Bytes hello = datagram(a.address(), b.address(), "hello");
  a.send(hello);
  CHECK(net.gets(b, hello));
}

TEST_CASE(
    "an exit that nothing was asked of is not silent; it is from the first question to the first "
    "answer") {
  Travellers net(31);
  net.open();
  Member& a = net.traveller();
  Member& b = net.exit();
  a.send(datagram(a.address(), b.address(), "hello"));  // it is a peer as well
  net.swarm.world.run_for(1_s);
  CHECK(!a.network().exit_asked_at());
  CHECK(!a.network().exit_has_answered());
  const Bytes question = datagram(a.address(), kPage, "question", 443);
  a.send(question);
  REQUIRE(net.gets(b, question));
  const auto asked = a.network().exit_asked_at();
  REQUIRE(asked);
  a.send(datagram(a.address(), kPage, "again", 443));
  net.swarm.world.run_for(1_s);
  CHECK(a.network().exit_asked_at() == asked);
  const Bytes answer = datagram(kPage, a.address(), "answer", 5000, 443);
  b.send(answer);
  REQUIRE(net.gets(a, answer));
  CHECK(!a.network().exit_asked_at());
  CHECK(a.network().exit_has_answered());
}

TEST_CASE("nothing that begins elsewhere comes in through the exit, though the peer itself may") {
  Travellers net(32);
  net.open();
  Member& a = net.traveller();
  Member& b = net.exit();
  const Bytes from_peer = datagram(b.address(), a.address(), "from the peer");
  b.send(from_peer);
  REQUIRE(net.gets(a, from_peer));
  const Bytes stranger = datagram(kPage, a.address(), "from somewhere", 22, 443);
  b.send(stranger);
  CHECK(net.never_gets(a, stranger));
  CHECK(a.status_of(b.key()).drops[Drop::kRefused] == 1);
  // From another port than the one that was asked, neither.
  a.send(datagram(a.address(), kPage, "question", 443));
  const Bytes other_port = datagram(kPage, a.address(), "answer", 5000, 444);
  b.send(other_port);
  CHECK(net.never_gets(a, other_port));
}

TEST_CASE("a connection through the exit from before this process goes on") {
  Travellers net(33);
  net.open();
  Member& a = net.traveller();
  Member& b = net.exit();
  const Bytes in = segment(kPage, a.address(), 443, 5000, ip::tcp_flag::kAck);
  b.send(in);
  REQUIRE(net.never_gets(a, in));
  const Bytes out = segment(a.address(), kPage, 5000, 443, ip::tcp_flag::kAck);
  a.send(out);
  REQUIRE(net.gets(b, out));
  b.send(in);
  CHECK(net.gets(a, in));
}

TEST_CASE("an exit passes on what is for the internet, and nothing for its neighbours or itself") {
  Travellers net(34);
  NetworkSettings home;
  home.offers = {*ip::Prefix::parse("fd55::/16")};
  home.peers = {};
  net.open(home);
  Member& a = net.traveller();
  Member& b = net.exit();
  for (const char* host : {"fd44::1", "fe80::1", "2002:c0a8:101::1", "2001::1", "ff0e::1"}) {
    INFO(host);
    const Bytes packet = datagram(a.address(), *ip::Ipv6::parse(host), "in");
    a.send(packet);
    CHECK(net.never_gets(b, packet));
  }
  CHECK(b.status_of(a.key()).drops[Drop::kNotForUs] == 4);
  // Nor for neighbours that have public addresses; but for all that a default route in two halves leads to.
  b.set_host_networks(
      {.own = {}, .near = {*ip::Prefix::parse("2600:1901::/32"), *ip::Prefix::parse("2000::/4")}});
  net.swarm.world.run_for(10_s);
  const Bytes near = datagram(a.address(), kPage, "in");
  a.send(near);
  CHECK(net.never_gets(b, near));
  const Bytes far = datagram(a.address(), kServer, "in");
  a.send(far);
  CHECK(net.gets(b, far));
  // What it offers by name it still does.
  const Bytes offered = datagram(a.address(), *ip::Ipv6::parse("fd55::1"), "in");
  a.send(offered);
  CHECK(net.gets(b, offered));
}

TEST_CASE("rules of an exit are about itself: the internet is open to whom it is offered") {
  Travellers net(35);
  net.open();
  Member& a = net.traveller();
  Member& b = net.exit();
  NetworkSettings home = b.network().settings();
  home.peers = {limited_peer(a, {"tcp:22"})};
  b.host().freeze();
  REQUIRE(b.network().open(home));
  b.host().run();
  const Bytes out = datagram(a.address(), kPage, "question", 443);
  a.send(out);
  CHECK(net.gets(b, out));
  const Bytes to_itself = datagram(a.address(), b.address(), "in");
  a.send(to_itself);
  CHECK(net.never_gets(b, to_itself));
  // By the address that it has on the internet, neither.
  b.set_host_networks({.own = {ip::Prefix::around(kSecondServer, 128)}, .near = {}});
  net.swarm.world.run_for(10_s);
  const Bytes around = datagram(a.address(), kSecondServer, "in");
  a.send(around);
  CHECK(net.never_gets(b, around));
  // But for the node's port, which is open to everybody there.
  const ip::Ipv6 outside = ip::Ipv6::mapped(0x2d3c0009);
  b.set_host_networks({.own = {ip::Prefix::around(outside, 128)}, .near = {}});
  home.peers[0].addresses = {kIpv4.host};
  b.host().freeze();
  REQUIRE(b.network().open(home));
  b.host().run();
  net.swarm.world.run_for(10_s);
  const std::uint16_t port = b.node().status().local.port;
  const Bytes to_node = datagram(kIpv4.host, outside, "in", port);
  a.send(to_node);
  CHECK(net.gets(b, to_node));
  const Bytes beside = datagram(kIpv4.host, outside, "in", static_cast<std::uint16_t>(port + 1));
  a.send(beside);
  CHECK(net.never_gets(b, beside));
}

TEST_CASE("an exit sends nothing on through who offers the internet itself") {
  Travellers net(41);
  net.open();
  Member& a = net.traveller();
  Member& b = net.exit();
  const auto change = [](Member& member, const auto& how) {
    NetworkSettings settings = member.network().settings();
    how(settings);
    member.host().freeze();
    REQUIRE(member.network().open(settings));
    member.host().run();
  };
  change(a, [](NetworkSettings& settings) { settings.offers_internet = true; });
  change(b, [](NetworkSettings& settings) {
    settings.peers[0].networks = {*ip::Prefix::parse("2620::/16")};
  });
  // What is its own it may send there, as any peer.
  const Bytes of_its_own = datagram(b.address(), kServer, "from the peer");
  b.send(of_its_own);
  CHECK(net.gets(a, of_its_own));
  const Bytes through = datagram(kPage, kServer, "from anywhere to anywhere");
  b.send(through);
  CHECK(net.never_gets(a, through));
  CHECK(a.status_of(b.key()).drops[Drop::kRefused] == 1);
}

TEST_CASE(
    "what a router on the way says of a peer's packet is for that peer, whatever its address") {
  Travellers net(42);
  net.open();
  Member& a = net.traveller();
  Member& b = net.exit();
  const ip::Ipv6 router = *ip::Ipv6::parse("fd44::1");
  const auto error_about = [&](const Bytes& packet) {
    Bytes room(ip::kMaxIcmpSize);
    return to_bytes(
        ip::unreachable(*ip::Packet::parse(packet), ip::Unreachable::kNoRoute, router, room));
  };
  const Bytes question = datagram(a.address(), kPage, "question", 443);
  const Bytes error = error_about(question);
  b.send(error);
  CHECK(net.never_gets(a, error));  // of what was not sent
  a.send(question);
  REQUIRE(net.gets(b, question));
  b.send(error);
  CHECK(net.gets(a, error));
  const Bytes of_others = error_about(datagram(a.address(), *ip::Ipv6::parse("fd44::2"), "x"));
  b.send(of_others);
  CHECK(b.network().drops()[Drop::kForeign] == 1);
}

TEST_CASE("keys that are no peers' are nobody's, with an exit as well") {
  Travellers net(36);
  net.open();
  Member& a = net.traveller();
  ip::Ipv6 nobody = a.address();
  nobody.bytes[15] = static_cast<std::uint8_t>(nobody.bytes[15] ^ 1);
  const Bytes packet = datagram(a.address(), nobody, "hello");
  a.send(packet);
  CHECK(net.never_gets(net.exit(), packet));
  CHECK(a.network().drops()[Drop::kNoRoute] == 1);
}

TEST_CASE("the interface of a network with an exit takes everything, and nothing goes past it") {
  Travellers net(37);
  net.open();
  const net::TunnelSettings settings = net.traveller().tunnels().settings("hsfwd0");
  CHECK(settings.kill_switch);
  CHECK(settings.firewall_mark == kFirewallMark);
  for (const ip::Prefix& everything : networks_of_everything()) {
    CHECK(std::count(settings.routes.begin(), settings.routes.end(),
                     net::TunnelRoute{.to = everything}) == 1);
  }
  CHECK_FALSE(net.exit().tunnels().settings("hsfwd0").kill_switch);
}

TEST_CASE("names of others are asked of a server through the exit, in the host's stead") {
  Travellers net(38);
  net.open();
  net.ask();
  REQUIRE(net.until([&] { return net.asked(kServer).size() == 1; }));
  const Bytes question = net.asked(kServer)[0];
  const std::string message(as_text(ip::Packet::parse(question)->payload()));
  CHECK(message.substr(2) == kForeignQuestion.substr(2));
  net.answer(question, "records");
  REQUIRE(net.until([&] { return !net.told().empty(); }));
  CHECK(net.told()[0].substr(0, 2) == kForeignQuestion.substr(0, 2));
  CHECK(net.told()[0].ends_with("records"));
  // Once.
  net.answer(question, "others");
  net.swarm.world.run_for(3_s);
  CHECK(net.told().size() == 1);
  // Names of the network are its own business.
  std::string own = kForeignQuestion;
  own.replace(16, 8, "\x05hsfwd");
  net.ask(own);
  REQUIRE(net.until([&] { return net.told().size() == 2; }));
  CHECK(net.asked(kServer).size() == 1);
}

TEST_CASE(
    "a server that is silent is left for the next, and nobody waits for an exit that is gone") {
  Travellers net(39);
  net.open();
  net.ask();
  REQUIRE(net.until([&] { return net.asked(kServer).size() == 1; }));
  net.swarm.world.run_for(3_s);
  net.ask();
  REQUIRE(net.until([&] { return net.asked(kSecondServer).size() == 1; }));
  net.exit().die();
  // As programs do, which ask again.
  for (int i = 0; i < 60 && net.told().empty(); ++i) {
    net.ask();
    net.swarm.world.run_for(2_s);
  }
  REQUIRE(!net.told().empty());
  CHECK((net.told()[0][3] & 0xf) == 2);  // SERVFAIL
}

TEST_CASE("what cannot be an exit is named") {
  Travellers net(40, 3);
  NetworkSettings settings;
  settings.peers = {peer(net[1])};
  settings.name_servers = {kServer};
  CHECK(exit_problem(settings) ==
        "servers for all names are asked through an exit, and there is none");
  settings.exit = net[2].key();
  CHECK(exit_problem(settings) == "the exit is none of the peers");
  settings.exit = net[1].key();
  CHECK(exit_problem(settings) ==
        "an exit takes an IPv4 address of this machine in the network (address or pool)");
  settings.addresses = {kIpv4};
  CHECK(exit_problem(settings).empty());
}

TEST_CASE("the internet is what everybody knows by its address") {
  for (const char* host : {"::ffff:8.8.8.8", "::ffff:172.32.0.1", "::ffff:100.128.0.1",
                           "2620:fe::fe", "2001:4860::1", "3fff:ffff::1"}) {
    INFO(host);
    CHECK(net::is_internet(*ip::Ipv6::parse(host)));
  }
  for (const char* host :
       {"::ffff:10.0.0.1", "::ffff:100.64.0.1", "::ffff:127.0.0.1", "::ffff:169.254.1.1",
        "::ffff:172.16.0.1", "::ffff:192.168.1.1", "::ffff:224.0.0.1", "::ffff:255.255.255.255",
        "::ffff:0.0.0.1", "::1", "::", "fe80::1", "fdae:7d21:d73d::1", "ff02::1", "2001::1",
        "2001:db8::1", "2002:a00:1::1", "4000::1", "64:ff9b::a00:1"}) {
    INFO(host);
    CHECK_FALSE(net::is_internet(*ip::Ipv6::parse(host)));
  }
}
