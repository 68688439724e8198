// SPDX-License-Identifier: Apache-2.0
#include "node/address_pool.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <vector>

#include "crypto/crypto.hpp"
#include "node/key_address.hpp"
#include "sim/random.hpp"

using namespace hsfwd;

namespace {

ip::Prefix prefix(std::string_view text) {
  const auto out = ip::Prefix::parse(text);
  REQUIRE(out.ok());
  return *out;
}

std::optional<PoolRefusal> refusal_of(std::string_view pool,
                                      std::vector<std::string_view> routes = {}) {
  std::vector<ip::Prefix> list;
  for (const std::string_view route : routes) list.push_back(prefix(route));
  const auto checked = check_pool(prefix(pool), list);
  if (checked.ok()) return std::nullopt;
  CHECK((checked.error().refusal == PoolRefusal::kInUse) == checked.error().route.has_value());
  return checked.error().refusal;
}

std::vector<crypto::PublicKey> some_keys(int count, std::uint64_t seed = 1) {
  crypto::initialize();
  sim::SeededRandom random(seed);
  std::vector<crypto::PublicKey> out;
  for (int i = 0; i < count; ++i) out.push_back(random.fixed<crypto::PublicKey>());
  return out;
}

}  // namespace

TEST_CASE("a pool is a private network that nothing here leads to") {
  for (const char* pool : {"10.0.0.0/8", "10.246.0.0/16", "172.16.0.0/12", "192.168.7.0/29"}) {
    INFO(pool);
    CHECK(!refusal_of(pool));
  }
  CHECK(check_pool(default_pool(), {}).ok());
  CHECK(refusal_of("fd00::/64") == PoolRefusal::kNotIpv4);
  CHECK(refusal_of("10.0.0.0/30") == PoolRefusal::kTooSmall);
  for (const char* pool :
       {"100.64.0.0/10", "100.100.0.0/16", "8.8.8.0/24", "0.0.0.0/0", "8.0.0.0/6", "172.32.0.0/16",
        "172.0.0.0/8", "192.168.0.0/15", "169.254.0.0/16", "127.0.0.0/8"}) {
    INFO(pool);

    CHECK(refusal_of(pool) == PoolRefusal::kNotPrivate);
  }
  CHECK(refusal_of("10.246.0.0/16", {"10.246.3.0/24"}) == PoolRefusal::kInUse);
  CHECK(refusal_of("10.246.0.0/16", {"10.246.0.0/16"}) == PoolRefusal::kInUse);
  CHECK(refusal_of("10.246.0.0/16", {"10.0.0.0/8"}) == PoolRefusal::kInUse);
  CHECK(refusal_of("10.246.0.0/16", {"192.168.1.0/24", "10.246.9.9/32"}) == PoolRefusal::kInUse);
  // Whatever leads everywhere leads nowhere in particular.
  CHECK(!refusal_of("10.246.0.0/16",
                    {"0.0.0.0/0", "0.0.0.0/1", "8.0.0.0/5", "::/0", "10.247.0.0/16"}));
  const std::vector<ip::Prefix> routes = {prefix("10.1.0.0/16"), prefix("10.246.3.0/24")};
  CHECK(check_pool(default_pool(), routes).error().route == routes[1]);
}

TEST_CASE("a key's IPv4 address depends on no order, and is in the pool") {
  auto keys = some_keys(200);
  const ip::Prefix pool = prefix("10.246.7.0/24");
  const PoolAddresses first = assign_addresses(pool, keys, {});
  CHECK(first.size() == 200);
  std::set<net::Ipv4> hosts;
  for (const auto& [key, host] : first) {
    hosts.insert(host);
    CHECK(pool.contains(ip::Ipv6::mapped(host.value)));
    CHECK(host.octet(3) != 0);
    CHECK(host.octet(3) != 255);
  }
  CHECK(hosts.size() == 200);
  std::reverse(keys.begin(), keys.end());
  keys.push_back(keys.front());
  CHECK(assign_addresses(pool, keys, {}) == first);
}

TEST_CASE(
    "a key that found its place free keeps it, whoever else comes, but for one of the same place") {
  const ip::Prefix pool = prefix("10.246.7.0/24");
  auto keys = some_keys(60);
  const auto alone = [&pool](const crypto::PublicKey& key) {
    return assign_addresses(pool, std::vector{key}, {}).at(key);
  };
  int moved_in_elsewhere = 0;
  for (std::size_t count = 1; count <= keys.size(); ++count) {
    const auto now = assign_addresses(pool, std::span(keys).first(count), {});
    for (std::size_t i = 0; i < count; ++i) {
      const bool home = now.at(keys[i]) == alone(keys[i]);
      const bool shared = std::any_of(
          keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count),
          [&](const auto& other) { return other != keys[i] && alone(other) == alone(keys[i]); });
      CHECK(home != shared);
      moved_in_elsewhere += home ? 0 : 1;
    }
  }
  CHECK(moved_in_elsewhere > 0);
}

TEST_CASE("a key that was made for another one's place does not come by its address") {
  const ip::Prefix pool = prefix("10.246.7.0/24");
  const auto alone = [&pool](const crypto::PublicKey& key) {
    return assign_addresses(pool, std::vector{key}, {}).at(key);
  };
  const auto keys = some_keys(2000);
  const crypto::PublicKey victim = keys[0];
  std::vector<crypto::PublicKey> all = {victim};
  for (const crypto::PublicKey& key : keys) {
    if (key != victim && alone(key) == alone(victim)) all.push_back(key);
  }
  REQUIRE(all.size() > 2);
  for (std::size_t count = 2; count <= all.size(); ++count) {
    for (const auto& [key, host] : assign_addresses(pool, std::span(all).first(count), {})) {
      CHECK(host != alone(victim));
    }
  }
  // Where it is given by configuration, it stays.
  const auto fixed = assign_addresses(pool, all, {{victim, alone(victim)}});
  CHECK(fixed.at(victim) == alone(victim));
  CHECK(fixed.size() == all.size());
}

TEST_CASE("a pool that is full gives away the places of several keys as well") {
  const auto keys = some_keys(6);
  CHECK(assign_addresses(prefix("10.246.7.0/29"), keys, {}).size() == 6);
}

TEST_CASE("addresses by configuration stand, and who finds no place has none") {
  const ip::Prefix pool = prefix("10.246.7.0/29");
  const auto keys = some_keys(10);
  const net::Ipv4 outside = net::Ipv4::of(10, 9, 9, 9);
  const PoolAddresses fixed = {{keys[3], net::Ipv4::of(10, 246, 7, 1)}, {keys[4], outside}};
  const auto got = assign_addresses(pool, keys, fixed);
  CHECK(got.size() == 7);
  CHECK(got.at(keys[3]) == net::Ipv4::of(10, 246, 7, 1));
  CHECK(got.at(keys[4]) == outside);
  std::set<net::Ipv4> hosts;
  for (const auto& [key, host] : got) hosts.insert(host);
  CHECK(hosts.size() == 7);
}

TEST_CASE("each key has an address of its own in the network of keys") {
  std::set<ip::Ipv6> seen;
  for (const crypto::PublicKey& key : some_keys(1000)) {
    CHECK(network_prefix().contains(key_address(key)));
    seen.insert(key_address(key));
  }
  CHECK(seen.size() == 1000);
}
