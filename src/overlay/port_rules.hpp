// SPDX-License-Identifier: Apache-2.0
// What a peer may begin with this host, as people write it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace hsfwd::overlay {

struct PortRule {
  enum class Traffic : std::uint8_t {
    kAny,   // "*": whatever is an IP packet
    kPing,  // "icmp": echo requests of either family
    kTcp,
    kUdp,
  };

  Traffic traffic = Traffic::kAny;
  // Of TCP and UDP, both included.
  std::uint16_t first = 0;
  std::uint16_t last = 65535;

  /// "tcp:22", "udp:5000-6000", "tcp:*", "icmp" or "*". The error is one clause for people.
  static Result<PortRule, std::string> parse(std::string_view text);

  bool operator==(const PortRule&) const = default;
};

/// What one peer may begin. Without a rule that is nothing.
class PortRules {
 public:
  /// They are looked through for every packet.
  static constexpr std::size_t kMaxRules = 64;

  PortRules() = default;
  static Result<PortRules, std::string> parse(std::span<const std::string> texts);

  bool everything() const;
  bool ping() const;
  /// `traffic`: kTcp or kUdp.
  bool port(PortRule::Traffic traffic, std::uint16_t port) const;

  bool operator==(const PortRules&) const = default;

 private:
  bool has(PortRule::Traffic traffic) const;

  std::vector<PortRule> rules_;
};

}  // namespace hsfwd::overlay
