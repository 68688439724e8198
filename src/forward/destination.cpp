// SPDX-License-Identifier: Apache-2.0
#include "forward/destination.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "util/text.hpp"

namespace hsfwd::forward {

namespace {

constexpr std::size_t kMaxLabel = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
                  c == '_';
         });
}

/// inet_aton() reads a last part like that as a part of an address.
bool is_part_of_address(std::string_view label) {
  return is_digit(label.front()) && (std::all_of(label.begin(), label.end(), is_digit) ||
                                     label.starts_with("0x") || label.starts_with("0X"));
}

}  // namespace

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > Destination::kMaxName) return false;
  for (std::string_view rest = name;;) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !is_part_of_address(label);
    rest.remove_prefix(dot + 1);
  }
}

std::optional<Destination> Destination::of(std::string_view host, std::uint16_t port) {
  if (port == 0) return std::nullopt;
  if (const auto address = net::Ipv4::parse(host)) {
    return Destination(std::string(host), port, address);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!is_dns_name(host)) return std::nullopt;
  std::string name = lower(host);
  if (name == "localhost") return of(net::Ipv4::loopback().to_string(), port);
  return Destination(std::move(name), port, std::nullopt);
}

std::optional<Destination> Destination::from_service(std::string_view service) {
  if (!is_meant(service)) return std::nullopt;
  service.remove_prefix(kPrefix.size());
  const std::size_t colon = service.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_decimal(service.substr(colon + 1), 65535);
  return port ? of(service.substr(0, colon), static_cast<std::uint16_t>(*port)) : std::nullopt;
}

std::string Destination::to_string() const {
  return fmt::format("{}:{}", host_, port_);
}

std::string Destination::to_service() const {
  return std::string(kPrefix) + to_string();
}

const char* describe(DestinationAnswer answer) {
  switch (answer) {
    case DestinationAnswer::kConnected:
      return "connected";
    case DestinationAnswer::kFailed:
      break;
    case DestinationAnswer::kNotAllowed:
      return "not allowed";
    case DestinationAnswer::kNetworkUnreachable:
      return "the network is unreachable";
    case DestinationAnswer::kHostUnreachable:
      return "the host is unreachable";
    case DestinationAnswer::kRefused:
      return "connection refused";
    case DestinationAnswer::kTimedOut:
      return "no answer in time";
  }
  return "it failed";
}

DestinationAnswer destination_answer(std::uint8_t byte) {
  constexpr auto kLast = static_cast<std::uint8_t>(DestinationAnswer::kTimedOut);
  return byte <= kLast ? static_cast<DestinationAnswer>(byte) : DestinationAnswer::kFailed;
}

}  // namespace hsfwd::forward
