// SPDX-License-Identifier: Apache-2.0
// An address at which a peer asks another to listen for it: docs/protocol/forward.md section 14.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/address.hpp"
#include "util/bytes.hpp"

namespace hsfwd::forward {

/// A TCP port of the side that listens.
struct ListenRequest {
  static constexpr std::string_view kPrefix = "listen:";

  net::Ipv4 address = net::Ipv4::loopback();
  std::uint16_t port = 0;  // 0: one that the other side picks, of those that it allows

  /// What to_service() writes, and nothing else.
  static std::optional<ListenRequest> from_service(std::string_view service);
  /// Whether a service that is asked for is meant as one; no service has such a name.
  static bool is_meant(std::string_view service) { return service.starts_with(kPrefix); }

  /// `listen:ADDRESS:PORT`, in the place of a service's name.
  std::string to_service() const;
  /// "ADDRESS:PORT".
  std::string to_string() const;

  bool operator==(const ListenRequest&) const = default;
};

/// What the side that was asked begins its direction with.
struct ListenAnswer {
  enum class Kind : std::uint8_t { kListening = 0, kFailed = 1, kNotAllowed = 2, kTooMany = 3 };
  static constexpr std::size_t kSize = 3;

  Kind kind = Kind::kFailed;
  std::uint16_t port = 0;  // where it listens

  std::array<std::uint8_t, kSize> encode() const;
  /// What has another kind is kFailed.
  static ListenAnswer decode(const std::array<std::uint8_t, kSize>& bytes);
};

}  // namespace hsfwd::forward
