// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "ip/address.hpp"
#include "ip/prefix_table.hpp"
#include "net/address.hpp"
#include "util/time.hpp"

namespace hsfwd::net {

/// What a host has.
struct HostNetworks {
  std::vector<ip::Prefix> own;   // what it takes for itself: its addresses, broadcasts, anycast
  std::vector<ip::Prefix> near;  // that it has other routes to than its default route
};

/// An address, as it is seen from this host.
struct Place {
  Ipv4 address;
  /// It is reached without the default route.
  bool near = false;
  /// It is this host's, which has it in that network; not of 127.0.0.0/8, which is every host's.
  std::optional<ip::Prefix> own = std::nullopt;
};

/// Who is near this host, as of some seconds ago at most: it is looked at when somebody asks, since not all changes make news.
class Vicinity {
 public:
  static constexpr Duration kLookAgain = 5_s;

  explicit Vicinity(std::function<HostNetworks()> look) : look_(std::move(look)) {}

  bool is_this_host(const ip::Ipv6& host, Instant now);
  /// Of networks that this host reaches without its default route; that host itself included.
  bool is_near(const ip::Ipv6& host, Instant now);
  Place place_of(Ipv4 host, Instant now);
  /// It has changed.
  void forget() { looked_.reset(); }

 private:
  struct Entry {
    ip::Prefix network;
  };

  void look_around(Instant now);

  const std::function<HostNetworks()> look_;
  ip::PrefixTable<Entry> own_;
  ip::PrefixTable<Entry> near_;
  std::optional<Instant> looked_;
};

}  // namespace hsfwd::net
