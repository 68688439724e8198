// SPDX-License-Identifier: Apache-2.0
// Which destinations peers may choose, as people write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forward/destination.hpp"
#include "net/address.hpp"
#include "util/result.hpp"

namespace hsfwd::forward {

/// Hosts and ports. What is reached is always an address, whatever name led there, so that nobody who answers
/// for a name chooses one:
///
/// - hosts by address (10.0.0.5, 10.0.0.0/8) are reached whether they were asked for by address or by name;
///   this machine's (127.0.0.0/8) and those of the link (169.254.0.0/16, where clouds answer with secrets)
///   only if the rule lies in one of these networks, so that 0.0.0.0/0 has neither;
/// - hosts by name (example.org, *.example.org), and "*", are reached as far as everybody on the internet
///   reaches them. For a name that leads to a private address there has to be a rule with that address.
class DestinationRule {
 public:
  /// `HOST:PORTS`: HOST an address, network, name, `*.SUFFIX` or `*`, PORTS `*` or ports and ranges, such as
  /// 80,8000-8003. The error is one clause for people.
  static Result<DestinationRule, std::string> parse(std::string_view text);

  /// Whether the destination may be one that the rule opens, as far as can be known before its name, if it
  /// has one, is looked up.
  bool may_cover(const Destination& to) const;
  /// Whether it is one, given its address.
  bool covers(const Destination& to, net::Ipv4 address) const;
  const std::string& text() const { return text_; }

  static constexpr std::size_t kMaxPorts = 32;  // ports and ranges of a rule

  bool operator==(const DestinationRule&) const = default;

 private:
  struct Ports {
    std::uint16_t first;
    std::uint16_t last;
    bool operator==(const Ports&) const = default;
  };
  struct Network {
    net::Ipv4 base;
    int length;
    bool contains(net::Ipv4 host) const { return (host.value & mask()) == base.value; }
    bool lies_in(const Network& other) const {
      return length >= other.length && other.contains(base);
    }
    std::uint32_t mask() const { return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length); }
    bool operator==(const Network&) const = default;
  };

  static Result<Network, std::string> parse_network(std::string_view text);
  Result<void, std::string> parse_host(std::string_view text);
  Result<void, std::string> parse_ports(std::string_view text);
  bool has_port(std::uint16_t port) const;
  bool has_name(std::string_view name) const;
  bool has_address(net::Ipv4 address) const;

  std::string text_;
  std::optional<Network> network_;  // of a rule with addresses
  std::string name_;                // else; empty: all. A suffix begins with a dot
  std::vector<Ports> ports_;
};

/// Whether everybody on the internet reaches it by this address.
bool is_internet(net::Ipv4 address);

}  // namespace hsfwd::forward
