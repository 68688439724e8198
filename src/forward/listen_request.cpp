// SPDX-License-Identifier: Apache-2.0
#include "forward/listen_request.hpp"

#include <fmt/format.h>

#include "util/text.hpp"

namespace hsfwd::forward {

std::optional<ListenRequest> ListenRequest::from_service(std::string_view service) {
  if (!is_meant(service)) return std::nullopt;
  service.remove_prefix(kPrefix.size());
  const std::size_t colon = service.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto address = net::Ipv4::parse(service.substr(0, colon));
  const auto port = parse_decimal(service.substr(colon + 1), 65535);
  if (!address || !port) return std::nullopt;
  return ListenRequest{*address, static_cast<std::uint16_t>(*port)};
}

std::string ListenRequest::to_string() const {
  return fmt::format("{}:{}", address.to_string(), port);
}

std::string ListenRequest::to_service() const {
  return std::string(kPrefix) + to_string();
}

std::array<std::uint8_t, ListenAnswer::kSize> ListenAnswer::encode() const {
  return {static_cast<std::uint8_t>(kind), static_cast<std::uint8_t>(port & 0xff),
          static_cast<std::uint8_t>(port >> 8)};
}

ListenAnswer ListenAnswer::decode(const std::array<std::uint8_t, kSize>& bytes) {
  constexpr auto kLast = static_cast<std::uint8_t>(Kind::kTooMany);
  return {bytes[0] <= kLast ? static_cast<Kind>(bytes[0]) : Kind::kFailed,
          static_cast<std::uint16_t>(bytes[1] | bytes[2] << 8)};
}

}  // namespace hsfwd::forward
