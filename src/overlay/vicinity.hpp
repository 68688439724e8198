// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "node/keys.hpp"
#include "overlay/routes.hpp"
#include "util/time.hpp"

namespace hsfwd::overlay {

/// What a host has besides a private network.
struct HostNetworks {
  std::vector<ip::Prefix> own;   // what it takes for itself: its addresses, broadcasts
  std::vector<ip::Prefix> near;  // that it has other routes to than its default route
};

/// Who is near this host, as of some seconds ago at most: it is looked at when somebody asks, since not all changes make news.
class Vicinity {
 public:
  static constexpr Duration kLookAgain = 5_s;

  explicit Vicinity(std::function<HostNetworks()> look) : look_(std::move(look)) {}

  bool is_this_host(const ip::Ipv6& host, Instant now);
  /// Of networks that this host reaches without its default route; that host itself included.
  bool is_near(const ip::Ipv6& host, Instant now);
  /// It has changed.
  void forget() { looked_.reset(); }

 private:
  void look_around(Instant now);

  const std::function<HostNetworks()> look_;
  // Whose they are is no matter.
  Routes own_;
  Routes near_;
  std::optional<Instant> looked_;
};

}  // namespace hsfwd::overlay
