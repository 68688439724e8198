// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "hyperdht/wire/firewall.hpp"
#include "net/address.hpp"
#include "util/time.hpp"

namespace hsfwd {

using hyperdht::Firewall;

/// A node, as it stands now.
struct NodeStatus {
  /// Other nodes answer.
  bool online = false;
  /// When one last did; nothing before the first.
  std::optional<Instant> heard_at;
  /// A full member of the DHT, which others may keep in their tables.
  bool persistent = false;
  /// Nothing gets in unasked, as far as is known.
  bool firewalled = true;
  /// What its NAT does, from what other nodes say of its address.
  Firewall nat = Firewall::kUnknown;
  net::Address local;  // bound to
  /// How others see it. Port 0: each of them sees another port.
  std::optional<net::Address> seen_as;
  /// The address under which it is in the DHT, or could be; nothing while others disagree on it.
  std::optional<net::Address> reachable_as;
  std::size_t connections = 0;  // those under way included
};

}  // namespace hsfwd
