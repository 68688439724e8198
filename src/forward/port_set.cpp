// SPDX-License-Identifier: Apache-2.0
#include "forward/port_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "util/text.hpp"

namespace hsfwd::forward {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_decimal(text, 65535);
  if (!port || *port == 0) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

Result<PortSet, std::string> PortSet::parse(std::string_view text) {
  PortSet out;
  if (text == "*") {
    out.ranges_.push_back({1, 65535});
    return out;
  }
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = parse_port(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port(part.substr(dash + 1));
    if (!first || !last) {
      return Err(fmt::format("{} is not a valid port (1-65535), range or *", in_quotes(part)));
    }
    if (*first > *last) {
      return Err(fmt::format("the range {} ends before it begins", in_quotes(part)));
    }
    if (out.ranges_.size() == kMaxRanges) {
      return Err(fmt::format("a rule has at most {} ports and ranges", kMaxRanges));
    }
    out.ranges_.push_back({*first, *last});
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

bool PortSet::has(std::uint16_t port) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [port](const Range& range) {
    return range.first <= port && port <= range.last;
  });
}

}  // namespace hsfwd::forward
