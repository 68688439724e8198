// SPDX-License-Identifier: Apache-2.0
#include "node/address_pool.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "crypto/crypto.hpp"
#include "util/check.hpp"

namespace hsfwd {

namespace {

constexpr std::string_view kIpv4Label = "hsfwd network ipv4 address";

// The sixth byte of BLAKE2b-256("hsfwd network"); those before it are in the IPv6 prefix.
constexpr std::uint8_t kDefaultSecondOctet = 246;

constexpr int kLongestLength = 29;  // 6 addresses: a handful of hosts
constexpr int kShortestRoute = 8;   // 10.0.0.0/8 is the largest private network

// RFC 1918. 100.64.0.0/10 is none: it belongs to the provider, whose own hosts and routers are there.
constexpr struct {
  net::Ipv4 host;
  int length;
} kPrivateNetworks[] = {{net::Ipv4::of(10, 0, 0, 0), 8},
                        {net::Ipv4::of(172, 16, 0, 0), 12},
                        {net::Ipv4::of(192, 168, 0, 0), 16}};

bool is_private(const ip::Prefix& pool) {
  return std::any_of(
      std::begin(kPrivateNetworks), std::end(kPrivateNetworks), [&pool](const auto& network) {
        return ip::Prefix::around_ipv4(network.host.value, network.length).contains(pool);
      });
}

/// The places of a pool, numbered; neither the network's own address nor that of broadcasts is one.
class Places {
 public:
  explicit Places(const ip::Prefix& pool)
      : first_(pool.host.ipv4() + 1), count_((std::uint32_t{1} << (32 - pool.length())) - 2) {}

  std::uint32_t count() const { return count_; }
  net::Ipv4 at(std::uint64_t place) const {
    return {first_ + static_cast<std::uint32_t>(place % count_)};
  }
  std::uint64_t home(const crypto::PublicKey& key) const {
    const auto hash = crypto::blake2b_256_keyed(as_bytes(kIpv4Label), {key.view()});
    std::uint64_t number = 0;
    for (const std::uint8_t byte : hash.view().first(sizeof(number))) number = number << 8 | byte;
    return number % count_;
  }

 private:
  const std::uint32_t first_;
  const std::uint32_t count_;
};

class Assignment {
 public:
  Assignment(const ip::Prefix& pool, const PoolAddresses& fixed) : places_(pool), out_(fixed) {
    for (const auto& [key, host] : fixed) taken_.insert(host);
  }

  PoolAddresses run(const std::set<crypto::PublicKey>& keys) && {
    std::map<crypto::PublicKey, std::uint64_t> homes;
    for (const crypto::PublicKey& key : keys) {
      if (!out_.contains(key)) homes.emplace(key, places_.home(key));
    }
    for (const auto& [key, home] : homes) {
      const bool is_first = seen_.insert(home).second;
      if (!is_first) contested_.insert(home);
    }
    std::vector<crypto::PublicKey> homeless;
    for (const auto& [key, home] : homes) {
      if (contested_.contains(home) || !move_in(key, home)) homeless.push_back(key);
    }
    for (const crypto::PublicKey& key : homeless) look_for_place(key, homes.at(key));
    return std::move(out_);
  }

 private:
  bool move_in(const crypto::PublicKey& key, std::uint64_t place) {
    const net::Ipv4 host = places_.at(place);
    if (!taken_.insert(host).second) return false;
    out_[key] = host;
    return true;
  }
  void look_for_place(const crypto::PublicKey& key, std::uint64_t home) {
    for (const bool may_be_contested : {false, true}) {
      for (std::uint32_t step = 0; step < places_.count(); ++step) {
        const std::uint64_t place = (home + step) % places_.count();
        if (contested_.contains(place) != may_be_contested) continue;
        if (move_in(key, place)) return;
      }
    }
  }

  const Places places_;
  PoolAddresses out_;
  std::set<net::Ipv4> taken_;
  std::set<std::uint64_t> seen_;
  std::set<std::uint64_t> contested_;  // those that several keys are at home in
};

}  // namespace

ip::Prefix default_pool() {
  return ip::Prefix::around_ipv4(net::Ipv4::of(10, kDefaultSecondOctet, 0, 0).value, 16);
}

const char* to_string(PoolRefusal refusal) {
  switch (refusal) {
    case PoolRefusal::kNotIpv4:
      return "is not an IPv4 network";
    case PoolRefusal::kTooSmall:
      return "has fewer than 8 addresses";
    case PoolRefusal::kNotPrivate:
      return "is not in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
    case PoolRefusal::kInUse:
      return "is in use here";
  }
  HSFWD_CHECK(false);
}

Result<void, PoolError> check_pool(const ip::Prefix& pool, std::span<const ip::Prefix> routes) {
  if (!pool.is_ipv4()) return Err(PoolError{PoolRefusal::kNotIpv4, {}});
  if (pool.length() > kLongestLength) return Err(PoolError{PoolRefusal::kTooSmall, {}});
  if (!is_private(pool)) return Err(PoolError{PoolRefusal::kNotPrivate, {}});
  for (const ip::Prefix& route : routes) {
    if (!route.overlaps(pool) || route.length() < kShortestRoute) continue;
    return Err(PoolError{PoolRefusal::kInUse, route});
  }
  return {};
}

PoolAddresses assign_addresses(const ip::Prefix& pool, std::span<const crypto::PublicKey> keys,
                               const PoolAddresses& fixed) {
  HSFWD_CHECK(pool.is_ipv4() && pool.length() <= kLongestLength);
  return Assignment(pool, fixed).run({keys.begin(), keys.end()});
}

}  // namespace hsfwd
