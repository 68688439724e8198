// SPDX-License-Identifier: Apache-2.0
#include "overlay/routes.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "sim/random.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

crypto::PublicKey key(std::uint8_t n) {
  crypto::PublicKey out;
  out.bytes.fill(n);
  return out;
}

ip::Prefix network(std::string_view text) {
  return *ip::Prefix::parse(text);
}

ip::Ipv6 host(std::string_view text) {
  const std::string whole(text);
  return text.find(':') == std::string_view::npos ? *ip::Ipv6::parse("::ffff:" + whole)
                                                  : *ip::Ipv6::parse(whole);
}

/// The first byte of the key that has the address, 0 for none.
int owner(const Routes& routes, std::string_view text) {
  const crypto::PublicKey* const found = routes.find(host(text));
  return found == nullptr ? 0 : found->bytes[0];
}

}  // namespace

TEST_CASE("of the networks that an address is in the longest decides") {
  Routes routes;
  CHECK(owner(routes, "10.0.0.1") == 0);
  REQUIRE(routes.add(network("0.0.0.0/0"), key(1)));
  REQUIRE(routes.add(network("10.0.0.0/8"), key(2)));
  REQUIRE(routes.add(network("10.1.0.0/16"), key(3)));
  REQUIRE(routes.add(network("10.1.2.3/32"), key(4)));
  REQUIRE(routes.add(network("fd00::/8"), key(5)));
  REQUIRE(routes.add(network("fd00::7/128"), key(6)));
  CHECK(owner(routes, "9.255.255.255") == 1);
  CHECK(owner(routes, "11.0.0.0") == 1);
  CHECK(owner(routes, "10.0.255.255") == 2);
  CHECK(owner(routes, "10.2.0.0") == 2);
  CHECK(owner(routes, "10.1.0.0") == 3);
  CHECK(owner(routes, "10.1.255.255") == 3);
  CHECK(owner(routes, "10.1.2.3") == 4);
  CHECK(owner(routes, "10.1.2.4") == 3);
  CHECK(owner(routes, "fd00::6") == 5);
  CHECK(owner(routes, "fd00::7") == 6);
  CHECK(owner(routes, "fe00::") == 0);
}

TEST_CASE("a default route of one family takes nothing of the other") {
  Routes routes;
  REQUIRE(routes.add(network("::/0"), key(6)));
  CHECK(owner(routes, "192.0.2.1") == 0);
  CHECK(owner(routes, "::") == 6);
  CHECK(owner(routes, "::fffe:c000:201") == 6);
  REQUIRE(routes.add(network("0.0.0.0/0"), key(4)));
  CHECK(owner(routes, "192.0.2.1") == 4);
  CHECK(owner(routes, "ffff::") == 6);
}

TEST_CASE("a peer owns what is led to it, and no part of its network that is led to another") {
  Routes routes;
  REQUIRE(routes.add(network("10.0.0.0/8"), key(1)));
  REQUIRE(routes.add(network("10.1.0.0/16"), key(2)));
  CHECK(routes.owns(key(1), host("10.2.0.1")));
  CHECK(!routes.owns(key(1), host("10.1.0.1")));
  CHECK(routes.owns(key(2), host("10.1.0.1")));
  CHECK(!routes.owns(key(2), host("10.2.0.1")));
  CHECK(!routes.owns(key(3), host("10.2.0.1")));
  CHECK(!routes.owns(key(1), host("11.0.0.1")));
}

TEST_CASE("a network that is another peer's is refused with whose it is") {
  Routes routes;
  REQUIRE(routes.add(network("10.0.0.0/8"), key(1)));
  REQUIRE(routes.add(network("10.0.0.0/8"), key(1)));
  const auto refused = routes.add(network("10.0.0.0/8"), key(2));
  REQUIRE(!refused);
  CHECK(refused.error() == key(1));
  CHECK(owner(routes, "10.0.0.1") == 1);
  CHECK(routes.size() == 1);
}

TEST_CASE("a peer that is removed leaves nothing, and its networks are free again") {
  Routes routes;
  REQUIRE(routes.add(network("10.0.0.0/8"), key(1)));
  REQUIRE(routes.add(network("fd00::1/128"), key(1)));
  REQUIRE(routes.add(network("10.0.0.0/7"), key(2)));
  routes.remove(key(3));
  CHECK(routes.size() == 3);
  routes.remove(key(1));
  CHECK(routes.size() == 1);
  CHECK(owner(routes, "10.0.0.1") == 2);
  CHECK(owner(routes, "fd00::1") == 0);
  CHECK(routes.add(network("10.0.0.0/8"), key(3)).ok());
}

TEST_CASE("routes answer as a plain list of them does") {
  sim::SeededRandom random(7);
  const auto random_host = [&random] {
    // Close together, in both families, so that networks meet.
    ip::Ipv6 out = random.below(2) == 0 ? ip::Ipv6::mapped(0) : host("fd00::");
    for (std::size_t i = 12; i < 16; ++i) out.bytes[i] = static_cast<std::uint8_t>(random.below(3));
    return out;
  };
  for (int round = 0; round < 200; ++round) {
    Routes routes;
    std::map<ip::Prefix, crypto::PublicKey> model;
    for (int i = 0; i < 40; ++i) {
      const crypto::PublicKey peer = key(static_cast<std::uint8_t>(1 + random.below(5)));
      if (random.below(12) == 0) {
        routes.remove(peer);
        std::erase_if(model, [&peer](const auto& entry) { return entry.second == peer; });
      }
      const ip::Ipv6 at = random_host();
      const int least = at.is_mapped() ? ip::Prefix::kIpv4Bits : 0;
      const ip::Prefix added = ip::Prefix::around(
          at, least + static_cast<int>(random.below(static_cast<std::uint32_t>(129 - least))));
      const auto [entry, is_new] = model.try_emplace(added, peer);
      const auto result = routes.add(added, peer);
      REQUIRE(result.ok() == (is_new || entry->second == peer));
      if (!result) REQUIRE(result.error() == entry->second);
    }
    REQUIRE(routes.size() == model.size());
    for (int i = 0; i < 200; ++i) {
      const ip::Ipv6 asked = random_host();
      const std::pair<const ip::Prefix, crypto::PublicKey>* best = nullptr;
      for (const auto& entry : model) {
        if (!entry.first.contains(asked)) continue;
        if (best == nullptr || entry.first.bits > best->first.bits) best = &entry;
      }
      const crypto::PublicKey* const found = routes.find(asked);
      REQUIRE((found != nullptr) == (best != nullptr));
      if (best != nullptr) REQUIRE(*found == best->second);
    }
  }
}
