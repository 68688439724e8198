// SPDX-License-Identifier: Apache-2.0
// IPv4 addresses for keys, docs/protocol/network.md section 3.
#pragma once

#include <map>
#include <optional>
#include <span>

#include "crypto/keys.hpp"
#include "ip/address.hpp"
#include "net/address.hpp"
#include "util/result.hpp"

namespace hsfwd {

/// 10.246.0.0/16.
ip::Prefix default_pool();

/// Why a network cannot be a pool here.
enum class PoolRefusal {
  kNotIpv4,
  kTooSmall,    // longer than /29
  kNotPrivate,  // not, or not as a whole, in one of RFC 1918's
  kInUse,       // a route leads to it, or to a part of it
};
const char* to_string(PoolRefusal refusal);

struct PoolError {
  PoolRefusal refusal;
  std::optional<ip::Prefix> route;  // of kInUse
};

/// `routes`: those of this machine, without our own. Routes to more than the largest private network
/// are somebody's default route in parts, and in nobody's way.
Result<void, PoolError> check_pool(const ip::Prefix& pool, std::span<const ip::Prefix> routes);

using PoolAddresses = std::map<crypto::PublicKey, net::Ipv4>;

/// An address for each of `keys`, and those of `fixed` as they are. The same for the same arguments,
/// in whatever order; who finds no place has none. A key moves only when another one that wants the
/// very same place comes or goes, or when it had to look for another place itself. `keys` are those
/// of the configuration: who may choose one for another's place has that one moved.
/// `pool` is one that check_pool takes, but for the routes.
PoolAddresses assign_addresses(const ip::Prefix& pool, std::span<const crypto::PublicKey> keys,
                               const PoolAddresses& fixed);

}  // namespace hsfwd
