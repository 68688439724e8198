// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/address.hpp"

namespace hsfwd::rpc {

/// Where a node finds its first peers: `host:port`, or `ip@host:port`, where the address is tried
/// first and the name looked up if it does not answer.
struct BootstrapNode {
  std::string host;
  std::optional<net::Ipv4> suggested;
  std::uint16_t port = 0;

  /// Nothing if the text is of neither form or the port is 0.
  static std::optional<BootstrapNode> parse(std::string_view text);
  std::string to_string() const;
};

}  // namespace hsfwd::rpc
