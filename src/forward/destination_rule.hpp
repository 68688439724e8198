// SPDX-License-Identifier: Apache-2.0
// Which destinations peers may choose, as people write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forward/destination.hpp"
#include "forward/port_set.hpp"
#include "ip/address.hpp"
#include "net/vicinity.hpp"
#include "util/result.hpp"

namespace hsfwd::forward {

/// Hosts and ports. What is reached is always an address, whatever name led there, so that nobody who answers
/// for a name chooses one:
///
/// - hosts by address (10.0.0.5, 10.0.0.0/8) are reached whether they were asked for by address or by name;
///   this machine's (127.0.0.0/8, and those that it has in its networks), those of the link (169.254.0.0/16) and
///   net::kCloudHosts only if the rule is no wider than that network, so that 0.0.0.0/0 has none of them;
/// - hosts by name (example.org, *.example.org), and "*", are reached as far as everybody on the internet
///   reaches them, and this machine reaches them as everybody does: not itself, and not its neighbours. For a name
///   that leads to one of these there has to be a rule with the address.
class DestinationRule {
 public:
  /// `HOST:PORTS`: HOST an address, network, name, `*.SUFFIX` or `*`, PORTS `*` or ports and ranges, such as
  /// 80,8000-8003. The error is one clause for people.
  static Result<DestinationRule, std::string> parse(std::string_view text);

  /// Whether the destination may be one that the rule opens, as far as can be known before its name, if it
  /// has one, is looked up.
  bool may_cover(const Destination& to) const;
  /// Whether it is one, given its address.
  bool covers(const Destination& to, const net::Place& at) const;
  /// Whether it is one with that name, or with all.
  bool names(const Destination& to) const;
  const std::string& text() const { return text_; }

  bool operator==(const DestinationRule&) const = default;

 private:
  static Result<ip::Prefix, std::string> parse_network(std::string_view text);
  Result<void, std::string> parse_host(std::string_view text);
  bool has_name(std::string_view name) const;
  bool has_address(const net::Place& at) const;

  std::string text_;
  std::optional<ip::Prefix> network_;  // of a rule with addresses
  std::string name_;                   // else; empty: all. A suffix begins with a dot
  PortSet ports_;
};

}  // namespace hsfwd::forward
