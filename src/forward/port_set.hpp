// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace hsfwd::forward {

/// Ports and ranges of them.
class PortSet {
 public:
  static constexpr std::size_t kMaxRanges = 32;  // single ports among them

  struct Range {
    std::uint16_t first;
    std::uint16_t last;
    bool operator==(const Range&) const = default;
  };

  /// `*`, or ports and ranges, such as 80,8000-8003. The error is one clause for people.
  static Result<PortSet, std::string> parse(std::string_view text);

  bool has(std::uint16_t port) const;
  const std::vector<Range>& ranges() const { return ranges_; }

  bool operator==(const PortSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace hsfwd::forward
