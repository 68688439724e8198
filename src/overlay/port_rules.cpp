// SPDX-License-Identifier: Apache-2.0
#include "overlay/port_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "util/text.hpp"

namespace hsfwd::overlay {

namespace {

using Traffic = PortRule::Traffic;

constexpr std::uint64_t kMaxPort = 65535;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_decimal(text, kMaxPort);
  if (!port || *port == 0) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

Result<PortRule, std::string> parse_ports(Traffic traffic, std::string_view text) {
  PortRule out{.traffic = traffic};
  if (text == "*") return out;
  const std::size_t dash = text.find('-');
  const std::string_view begin = text.substr(0, dash);
  const std::string_view end = dash == std::string_view::npos ? begin : text.substr(dash + 1);
  for (const std::string_view part : {begin, end}) {
    if (parse_port(part)) continue;
    return Err(fmt::format("{} is not a valid port (1-65535)", in_quotes(part)));
  }
  out.first = *parse_port(begin);
  out.last = *parse_port(end);
  if (out.first <= out.last) return out;
  return Err(fmt::format("the range {} ends before it begins", in_quotes(text)));
}

/// What was meant by what is none, as somebody else's tools write it; empty if that cannot be told.
std::string meant(std::string_view text) {
  if (parse_port(text)) return fmt::format("tcp:{} or udp:{}", text, text);
  if (text == "tcp" || text == "udp") return fmt::format("{}:* for all ports", text);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return "";
  std::string_view port = text.substr(0, slash);
  std::string_view protocol = text.substr(slash + 1);
  if (parse_port(protocol)) std::swap(port, protocol);
  const bool known = protocol == "tcp" || protocol == "udp";
  return known && parse_port(port) ? fmt::format("{}:{}", protocol, port) : "";
}

}  // namespace

Result<PortRule, std::string> PortRule::parse(std::string_view text) {
  if (text == "*") return PortRule{.traffic = Traffic::kAny};
  if (text == "icmp") return PortRule{.traffic = Traffic::kPing};
  if (text.starts_with("icmp:")) {
    return Err(fmt::format("{}: icmp has no ports, write icmp", in_quotes(text)));
  }
  if (text.starts_with("tcp:")) return parse_ports(Traffic::kTcp, text.substr(4));
  if (text.starts_with("udp:")) return parse_ports(Traffic::kUdp, text.substr(4));
  if (const std::string other = meant(text); !other.empty()) {
    return Err(fmt::format("{} is not a rule for ports, write {}", in_quotes(text), other));
  }
  return Err(fmt::format("{} is not a rule for ports (tcp:22, udp:5000-6000, tcp:*, icmp or *)",
                         in_quotes(text)));
}

Result<PortRules, std::string> PortRules::parse(std::span<const std::string> texts) {
  if (texts.size() > kMaxRules) {
    return Err(fmt::format("there are more than {} rules for ports", kMaxRules));
  }
  PortRules out;
  for (const std::string& text : texts) {
    const auto rule = PortRule::parse(text);
    if (!rule) return Err(rule.error());
    out.rules_.push_back(*rule);
  }
  return out;
}

bool PortRules::has(Traffic traffic) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [traffic](const PortRule& rule) { return rule.traffic == traffic; });
}

bool PortRules::everything() const {
  return has(Traffic::kAny);
}

bool PortRules::ping() const {
  return everything() || has(Traffic::kPing);
}

bool PortRules::port(Traffic traffic, std::uint16_t port) const {
  return std::any_of(rules_.begin(), rules_.end(), [traffic, port](const PortRule& rule) {
    if (rule.traffic == Traffic::kAny) return true;
    return rule.traffic == traffic && rule.first <= port && port <= rule.last;
  });
}

}  // namespace hsfwd::overlay
