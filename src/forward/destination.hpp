// SPDX-License-Identifier: Apache-2.0
// An address that a peer chooses itself: docs/protocol/forward.md section 13.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/address.hpp"
#include "util/result.hpp"

namespace hsfwd::forward {

/// A TCP port of a host that the side which serves connects to.
class Destination {
 public:
  static constexpr std::string_view kPrefix = "tcp:";
  /// Bytes of a name, without a dot at its end (RFC 1035).
  static constexpr std::size_t kMaxName = 253;

  /// Nothing unless the host is one of these two; `localhost` is 127.0.0.1.
  static std::optional<Destination> of(std::string_view host, std::uint16_t port);
  /// What to_service() writes, and nothing else but names in upper case or with a dot at the end.
  static std::optional<Destination> from_service(std::string_view service);
  /// Whether a service that is asked for is meant as a destination; no service has such a name.
  static bool is_meant(std::string_view service) { return service.starts_with(kPrefix); }

  /// An IPv4 address in four numbers, or a DNS name in lower case.
  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  /// None of a name.
  const std::optional<net::Ipv4>& address() const { return address_; }
  /// `HOST:PORT`.
  std::string to_string() const;
  /// `tcp:HOST:PORT`, in the place of a service's name.
  std::string to_service() const;

  bool operator==(const Destination&) const = default;

 private:
  Destination(std::string host, std::uint16_t port, std::optional<net::Ipv4> address)
      : host_(std::move(host)), port_(port), address_(address) {}

  std::string host_;
  std::uint16_t port_;
  std::optional<net::Ipv4> address_;
};

/// The first byte of the side that serves a destination. The numbers are those of SOCKS5 (RFC 1928 section
/// 6); what is none of them counts as kFailed.
enum class DestinationAnswer : std::uint8_t {
  kConnected = 0,
  kFailed = 1,
  kNotAllowed = 2,
  kNetworkUnreachable = 3,
  kHostUnreachable = 4,
  kRefused = 5,
  kTimedOut = 6,
};
/// One clause for people.
const char* describe(DestinationAnswer answer);
DestinationAnswer destination_answer(std::uint8_t byte);

/// Letters, digits, '-' and '_' in labels of at most 63 bytes, and nothing that some take for an IPv4
/// address, such as 127.1 or 0x7f000001.
bool is_dns_name(std::string_view name);

}  // namespace hsfwd::forward
