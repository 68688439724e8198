// SPDX-License-Identifier: Apache-2.0
#include "forward/destination_rule.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "net/internet.hpp"
#include "util/text.hpp"

namespace hsfwd::forward {

namespace {

constexpr const char* kForms =
    "HOST:PORTS, such as 10.0.0.0/8:80,443, example.org:443, *.example.org:* or *:443";

/// What only those rules have that are no wider.
std::vector<ip::Prefix> narrow_networks() {
  std::vector<ip::Prefix> out = {ip::Prefix::around_ipv4(net::Ipv4::loopback().value, 8),
                                 ip::Prefix::around_ipv4(net::Ipv4::of(169, 254, 0, 0).value, 16)};
  for (const net::Ipv4 host : net::kCloudHosts) {
    out.push_back(ip::Prefix::around_ipv4(host.value, 32));
  }
  return out;
}

}  // namespace

Result<DestinationRule, std::string> DestinationRule::parse(std::string_view text) {
  DestinationRule out;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) {
    return Err(fmt::format("{} is not {}", in_quotes(text), kForms));
  }
  out.text_ = text;
  if (auto host = out.parse_host(text.substr(0, colon)); !host) return Err(host.error());
  auto ports = PortSet::parse(text.substr(colon + 1));
  if (!ports) return Err(ports.error());
  out.ports_ = std::move(*ports);
  return out;
}

Result<ip::Prefix, std::string> DestinationRule::parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = net::Ipv4::parse(text.substr(0, slash));
  const auto length = slash == std::string_view::npos ? std::optional<std::uint64_t>(32)
                                                      : parse_decimal(text.substr(slash + 1), 32);
  if (!base || !length) {
    return Err(fmt::format("{} is not an IPv4 network, such as 10.0.0.0/8", in_quotes(text)));
  }
  const auto out = ip::Prefix::around_ipv4(base->value, static_cast<int>(*length));
  if (out.host == ip::Ipv6::mapped(base->value)) return out;
  return Err(fmt::format("{} is a host in a network; write {} or {}", in_quotes(text),
                         base->to_string(), out.to_string()));
}

Result<void, std::string> DestinationRule::parse_host(std::string_view text) {
  if (text == "*") return {};
  if (text == "localhost") text = "127.0.0.1";
  if (text.find('/') != std::string_view::npos || net::Ipv4::parse(text)) {
    auto network = parse_network(text);
    if (!network) return Err(network.error());
    network_ = *network;
    return {};
  }
  if (text.find(':') != std::string_view::npos || text.front() == '[') {
    return Err(fmt::format("{}: destinations are IPv4 addresses and names", in_quotes(text)));
  }
  const bool is_suffix = text.starts_with("*.");
  const auto named = Destination::of(is_suffix ? text.substr(2) : text, 1);
  if (!named) {
    return Err(fmt::format("{} is not an address, network, name, *.SUFFIX or *", in_quotes(text)));
  }
  name_ = (is_suffix ? "." : "") + named->host();
  return {};
}

bool DestinationRule::has_name(std::string_view name) const {
  if (name_.empty()) return true;
  return name_.front() == '.' ? name.ends_with(name_) : name == name_;
}

bool DestinationRule::has_address(const net::Place& at) const {
  static const std::vector<ip::Prefix> narrow = narrow_networks();
  const ip::Ipv6 host = ip::Ipv6::mapped(at.address.value);
  if (net::is_nobody(at.address) || !network_->contains(host)) return false;
  if (at.own && !at.own->contains(*network_)) return false;
  return std::all_of(narrow.begin(), narrow.end(), [&](const ip::Prefix& network) {
    return !network.contains(host) || network.contains(*network_);
  });
}

bool DestinationRule::may_cover(const Destination& to) const {
  if (to.address()) return covers(to, {.address = *to.address()});
  return ports_.has(to.port()) && (network_ || has_name(to.host()));
}

bool DestinationRule::names(const Destination& to) const {
  return !network_ && ports_.has(to.port()) && has_name(to.host());
}

bool DestinationRule::covers(const Destination& to, const net::Place& at) const {
  if (!ports_.has(to.port())) return false;
  if (network_) return has_address(at);
  // An address is no name, and only "*" has it.
  const bool named = name_.empty() || (!to.address() && has_name(to.host()));
  return named && net::is_internet(at.address) && !at.near && !at.own;
}

}  // namespace hsfwd::forward
