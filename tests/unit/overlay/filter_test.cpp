// SPDX-License-Identifier: Apache-2.0
#include "overlay/filter.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sim/random.hpp"
#include "unit/ip/packets.hpp"
#include "unit/overlay/filter_packets.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;
using namespace hsfwd::overlay_test;
using ip_test::Fields;

namespace {

constexpr std::uint8_t kSyn = ip::tcp_flag::kSyn;
constexpr std::uint8_t kAck = ip::tcp_flag::kAck;
constexpr std::uint8_t kRst = ip::tcp_flag::kRst;
constexpr std::uint8_t kFin = ip::tcp_flag::kFin;

struct Neighbourhood {
  Neighbourhood() : Neighbourhood({"tcp:22"}) {}
  explicit Neighbourhood(const std::vector<std::string>& texts) {
    for (const bool v6 : {false, true}) {
      REQUIRE(routes.add(single(v6, kPeerHost), kPeer));
      REQUIRE(routes.add(single(v6, kOtherHost), kOther));
    }
    filter.set_rules(kPeer, *PortRules::parse(texts));
  }

  Verdict in(const Bytes& packet, const crypto::PublicKey& from = kPeer) {
    const auto parsed = ip::Packet::parse(packet);
    REQUIRE(parsed.ok());
    return filter.judge_inbound(from, *parsed, now);
  }
  void out(const Bytes& packet, const crypto::PublicKey& to = kPeer) {
    const auto parsed = ip::Packet::parse(packet);
    REQUIRE(parsed.ok());
    filter.note_outbound(to, *parsed, now);
  }

  Routes routes;
  sim::SeededRandom random{1};
  Filter filter{routes, random};
  Instant now = Instant() + 1_h;
};

Fields tcp(bool v6, std::uint16_t from, std::uint16_t to, std::uint8_t flags) {
  return {
      .v6 = v6, .host = kPeerHost, .source_port = from, .destination_port = to, .tcp_flags = flags};
}

Fields udp(bool v6, std::uint16_t from, std::uint16_t to) {
  return {.v6 = v6,
          .protocol = ip::protocol::kUdp,
          .host = kPeerHost,
          .source_port = from,
          .destination_port = to};
}

}  // namespace

TEST_CASE("a peer limited to one port reaches no other, by no packet of TCP or UDP") {
  for (const bool v6 : {false, true}) {
    Neighbourhood world;
    for (int flags = 0; flags < 256; ++flags) {
      const auto f = static_cast<std::uint8_t>(flags);
      CHECK(world.in(tcp(v6, 5000, 22, f).build()) == Verdict::kPass);
      for (const std::uint16_t port : {0, 21, 23, 80, 65535}) {
        CHECK(world.in(tcp(v6, 5000, port, f).build()) == Verdict::kNotAllowed);
        CHECK(world.in(tcp(v6, 22, port, f).build()) == Verdict::kNotAllowed);
      }
    }
    CHECK(world.in(udp(v6, 5000, 22).build()) == Verdict::kNotAllowed);
    CHECK(world.in(echo(v6, true)) == Verdict::kNotAllowed);
    CHECK(world.in(echo(v6, false)) == Verdict::kNotAllowed);
    CHECK(world.in(
              Fields{.v6 = v6, .protocol = 132, .host = kPeerHost, .payload = Bytes(20)}.build()) ==
          Verdict::kNotAllowed);
  }
}

TEST_CASE("a peer answers what this host has begun, and nothing beside it") {
  for (const bool v6 : {false, true}) {
    Neighbourhood world;
    world.out(mirrored(tcp(v6, 443, 40000, kSyn)));
    CHECK(world.in(tcp(v6, 443, 40000, kSyn | kAck).build()) == Verdict::kPass);
    world.out(mirrored(tcp(v6, 443, 40000, kAck)));
    CHECK(world.in(tcp(v6, 443, 40000, kAck).build()) == Verdict::kPass);
    CHECK(world.in(tcp(v6, 443, 40000, kRst).build()) == Verdict::kPass);
    // It may listen where it calls from.
    CHECK(world.in(tcp(v6, 443, 40000, kSyn).build()) == Verdict::kNotAllowed);
    CHECK(world.in(tcp(v6, 443, 40000, kSyn | kFin).build()) == Verdict::kNotAllowed);
    CHECK(world.in(tcp(v6, 443, 40001, kAck).build()) == Verdict::kNotAllowed);
    CHECK(world.in(tcp(v6, 444, 40000, kAck).build()) == Verdict::kNotAllowed);
    CHECK(world.in(udp(v6, 443, 40000).build()) == Verdict::kNotAllowed);
    world.now = world.now + 124_min + 1_us;
    CHECK(world.in(tcp(v6, 443, 40000, kAck).build()) == Verdict::kNotAllowed);

    world.out(mirrored(udp(v6, 53, 40000)));
    CHECK(world.in(udp(v6, 53, 40000).build()) == Verdict::kPass);
    CHECK(world.in(udp(v6, 54, 40000).build()) == Verdict::kNotAllowed);
    CHECK(world.in(tcp(v6, 53, 40000, kAck).build()) == Verdict::kNotAllowed);

    world.out(mirrored(echo(v6, true, 7), v6));
    CHECK(world.in(echo(v6, false, 7)) == Verdict::kPass);
    CHECK(world.in(echo(v6, false, 8)) == Verdict::kNotAllowed);
    CHECK(world.in(echo(v6, true, 7)) == Verdict::kNotAllowed);
  }
}

TEST_CASE("a peer does not keep a conversation alive") {
  Neighbourhood world;
  world.out(mirrored(udp(false, 53, 40000)));
  for (int i = 0; i < 5; ++i) {
    CHECK(world.in(udp(false, 53, 40000).build()) == Verdict::kPass);
    world.now = world.now + 1_min;
  }
  world.now = world.now + 1_us;
  CHECK(world.in(udp(false, 53, 40000).build()) == Verdict::kNotAllowed);
}

TEST_CASE("what this host answers begins nothing") {
  Neighbourhood world({"tcp:22", "udp:5000"});
  // Resets, and what else a host sends without having opened.
  for (const std::uint8_t flags : {kRst, kAck, static_cast<std::uint8_t>(kRst | kAck), kFin,
                                   static_cast<std::uint8_t>(kSyn | kAck)}) {
    world.out(mirrored(tcp(false, 5000, 80, flags)));
    CHECK(world.in(tcp(false, 5000, 80, kAck).build()) == Verdict::kNotAllowed);
  }
  world.out(mirrored(echo(false, false, 7), false));
  CHECK(world.in(echo(false, false, 7)) == Verdict::kNotAllowed);
  // An answer does not outlive the rule that it was given by.
  CHECK(world.in(udp(false, 1, 5000).build()) == Verdict::kPass);
  world.out(mirrored(udp(false, 1, 5000)));
  world.filter.set_rules(kPeer, *PortRules::parse(std::vector<std::string>{"tcp:22"}));
  CHECK(world.in(udp(false, 1, 5000).build()) == Verdict::kNotAllowed);
}

TEST_CASE("new rules count at once, and end nothing that this host has begun") {
  Neighbourhood world({"tcp:22"});
  world.out(mirrored(tcp(false, 443, 40000, kSyn)));
  world.filter.set_rules(kPeer, *PortRules::parse(std::vector<std::string>{"tcp:80"}));
  CHECK(world.in(tcp(false, 1, 22, kAck).build()) == Verdict::kNotAllowed);
  CHECK(world.in(tcp(false, 1, 80, kAck).build()) == Verdict::kPass);
  CHECK(world.in(tcp(false, 443, 40000, kAck).build()) == Verdict::kPass);
  world.filter.remove_rules(kPeer);
  CHECK(world.in(tcp(false, 1, 22, kSyn).build()) == Verdict::kPass);
  world.filter.set_rules(kPeer, PortRules());
  CHECK(world.in(tcp(false, 443, 40000, kAck).build()) == Verdict::kNotAllowed);
}

TEST_CASE("one peer's rules and conversations are not another's") {
  Neighbourhood world;
  CHECK(world.in(tcp(false, 1, 80, kSyn).build(), kOther) == Verdict::kPass);
  world.filter.set_rules(kOther, PortRules());
  world.out(mirrored(tcp(false, 443, 40000, kSyn)), kPeer);
  CHECK(world.in(tcp(false, 443, 40000, kAck).build(), kOther) == Verdict::kNotAllowed);
  CHECK(world.in(tcp(false, 1, 22, kSyn).build(), kOther) == Verdict::kNotAllowed);
}

TEST_CASE("pings pass by a rule, and everything by the rule for everything") {
  for (const bool v6 : {false, true}) {
    Neighbourhood world({"icmp"});
    CHECK(world.in(echo(v6, true)) == Verdict::kPass);
    CHECK(world.in(echo(v6, false)) == Verdict::kNotAllowed);
    // A router that says that it is one, a neighbour, a query for the time.
    for (const int type : {9, 10, 13, 17, 133, 134, 135, 136}) {
      CHECK(world.in(icmp(v6, static_cast<std::uint8_t>(type), Bytes(20))) != Verdict::kPass);
    }
    Neighbourhood all({"*"});
    CHECK(all.in(
              Fields{.v6 = v6, .protocol = 132, .host = kPeerHost, .payload = Bytes(20)}.build()) ==
          Verdict::kPass);
    CHECK(all.in(tcp(v6, 1, 80, kSyn).build()) == Verdict::kPass);
  }
}

TEST_CASE("an ICMP error passes if it is about what this host sends to the peer") {
  for (const bool v6 : {false, true}) {
    Neighbourhood world({"tcp:22", "icmp"});
    world.out(mirrored(tcp(v6, 443, 40000, kSyn)));
    world.out(mirrored(udp(v6, 53, 40000)));
    world.out(mirrored(echo(v6, true, 7), v6));
    const Bytes sent[] = {mirrored(tcp(v6, 443, 40000, kAck)), mirrored(udp(v6, 53, 40000)),
                          mirrored(echo(v6, true, 7), v6), mirrored(tcp(v6, 5000, 22, kAck)),
                          mirrored(echo(v6, false, 9), v6)};
    for (const Bytes& about : sent) {
      for (const std::uint8_t type : error_types(v6)) {
        CHECK(world.in(error(v6, type, about)) == Verdict::kPass);
      }
    }
    const Bytes others[] = {mirrored(tcp(v6, 443, 40001, kAck)), mirrored(udp(v6, 443, 40000)),
                            mirrored(echo(v6, true, 8), v6), mirrored(tcp(v6, 5000, 80, kAck)),
                            mirrored(udp(v6, 1, 22))};
    for (const Bytes& about : others) {
      for (const std::uint8_t type : error_types(v6)) {
        CHECK(world.in(error(v6, type, about)) == Verdict::kError);
      }
    }
    // Redirects, a source quench, what nobody has defined.
    for (const int type : v6 ? std::vector<int>{137, 5, 100, 127} : std::vector<int>{4, 5, 6, 40}) {
      CHECK(world.in(error(v6, static_cast<std::uint8_t>(type), sent[0])) == Verdict::kError);
    }
  }
}

TEST_CASE("an ICMP error that is cut anywhere, or not about us, does not pass") {
  for (const bool v6 : {false, true}) {
    Neighbourhood world;
    world.out(mirrored(tcp(v6, 443, 40000, kSyn)));
    const Bytes about = mirrored(tcp(v6, 443, 40000, kAck));
    const std::size_t ports_end = (v6 ? 40u : 20u) + 4u;
    const std::uint8_t type = error_types(v6)[0];
    for (std::size_t size = 0; size <= about.size(); ++size) {
      const Bytes quoted(about.begin(), about.begin() + static_cast<std::ptrdiff_t>(size));
      const Verdict expected = size >= ports_end ? Verdict::kPass : Verdict::kError;
      CHECK(world.in(error(v6, type, quoted)) == expected);
    }
    Bytes from_another = about;  // to the peer, but not from the host that the error goes to
    from_another[v6 ? 23 : 15] ^= 1;
    CHECK(world.in(error(v6, type, from_another)) == Verdict::kError);
    Bytes other_family = about;
    other_family[0] ^= 0x20;
    CHECK(world.in(error(v6, type, other_family)) == Verdict::kError);
    CHECK(world.in(icmp(v6, type, {})) == Verdict::kError);
  }
}

TEST_CASE("no peer speaks of what goes to another, whatever else it may") {
  for (const bool v6 : {false, true}) {
    Neighbourhood world;
    Bytes about = mirrored(tcp(v6, 443, 40000, kAck));
    const std::uint8_t type = error_types(v6)[1];
    CHECK(world.in(error(v6, type, about), kOther) == Verdict::kError);
    about[v6 ? 39 : 19] = kOtherHost;
    CHECK(world.in(error(v6, type, about), kOther) == Verdict::kPass);
    CHECK(world.in(error(v6, type, about), kPeer) == Verdict::kError);
    Neighbourhood all({"*"});
    CHECK(all.in(error(v6, type, about), kPeer) == Verdict::kError);
  }
}

TEST_CASE("later fragments pass behind a first one that has passed, for a while") {
  for (const bool v6 : {false, true}) {
    Neighbourhood world({"udp:5000"});
    CHECK(world.in(fragment(v6, 5000, 1, false)) == Verdict::kFragment);
    CHECK(world.in(fragment(v6, 5000, 1, true)) == Verdict::kPass);
    CHECK(world.in(fragment(v6, 5000, 1, false)) == Verdict::kPass);
    CHECK(world.in(fragment(v6, 5000, 2, false)) == Verdict::kFragment);
    CHECK(world.in(fragment(v6, 80, 2, true)) == Verdict::kNotAllowed);
    CHECK(world.in(fragment(v6, 80, 2, false)) == Verdict::kFragment);
    for (std::uint16_t id = 100; id < 115; ++id) {
      CHECK(world.in(fragment(v6, 5000, id, true)) == Verdict::kPass);
    }
    CHECK(world.in(fragment(v6, 5000, 1, false)) == Verdict::kPass);
    CHECK(world.in(fragment(v6, 5000, 115, true)) == Verdict::kPass);
    CHECK(world.in(fragment(v6, 5000, 1, false)) == Verdict::kFragment);
    world.now = world.now + 30_s;
    CHECK(world.in(fragment(v6, 5000, 100, false)) == Verdict::kPass);
    world.now = world.now + 1_us;
    CHECK(world.in(fragment(v6, 5000, 100, false)) == Verdict::kFragment);
    // Without rules they pass, as all does.
    CHECK(world.in(fragment(v6, 80, 200, false), kOther) == Verdict::kPass);
  }
}

TEST_CASE("a hundred thousand random packets pass as a list of what was sent says") {
  sim::SeededRandom random(11);
  Neighbourhood world({"tcp:22", "udp:5000-5002", "icmp"});
  using Sent = std::tuple<bool, std::uint8_t, std::uint16_t, std::uint16_t>;
  std::set<Sent> sent;  // family, protocol, our port, their port
  int passed = 0;
  for (int i = 0; i < 100000; ++i) {
    const bool v6 = random.below(2) == 0;
    const bool is_tcp = random.below(2) == 0;
    // Few ports, so that they meet.
    const auto ours = static_cast<std::uint16_t>(random.below(2) == 0 ? 4998 + random.below(6)
                                                                      : 20 + random.below(4));
    const auto theirs = static_cast<std::uint16_t>(1 + random.below(3));
    const auto flags = static_cast<std::uint8_t>(random.below(64));
    const Fields packet = is_tcp ? tcp(v6, theirs, ours, flags) : udp(v6, theirs, ours);
    const bool opens = (flags & (kSyn | kAck)) == kSyn;
    const bool named = is_tcp ? ours == 22 : ours >= 5000 && ours <= 5002;
    const Sent flow{v6, packet.protocol, ours, theirs};
    if (random.below(200) == 0) {
      world.out(mirrored(packet));
      if (!named && (!is_tcp || opens)) sent.insert(flow);
      continue;
    }
    const bool answer = sent.contains(flow) && !(is_tcp && opens);
    const Verdict expected = named || answer ? Verdict::kPass : Verdict::kNotAllowed;
    REQUIRE(world.in(packet.build()) == expected);
    passed += expected == Verdict::kPass ? 1 : 0;
  }
  CHECK(passed > 20000);
}
