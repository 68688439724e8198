// SPDX-License-Identifier: Apache-2.0
// The IPv6 address that every key has, docs/protocol/network.md section 1.
#pragma once

#include "crypto/keys.hpp"
#include "ip/address.hpp"

namespace hsfwd {

/// fdae:7d21:d73d::/48, which all of them are in.
ip::Prefix network_prefix();

ip::Ipv6 key_address(const crypto::PublicKey& key);

/// What key_address makes of its hash: its first 80 bits behind the prefix, unless the interface id
/// is a reserved one.
ip::Ipv6 address_of_hash(const crypto::Hash32& hash);

}  // namespace hsfwd
