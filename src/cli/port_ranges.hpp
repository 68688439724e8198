// SPDX-License-Identifier: Apache-2.0
// Ranges of ports, and TCP and UDP in one, in services and local addresses: the words that they stand for, one
// a port and protocol.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace hsfwd::cli {

/// Ahead of a target or a local address: the same as TCP and as UDP.
inline constexpr std::string_view kBothPrefix = "tcp+udp:";

/// Ports of one range.
inline constexpr std::size_t kMaxRange = 256;

// The errors are one clause for people. What has no range is returned as it is.

/// `[NAME=][HOST:]FIRST-LAST`: a service for each port, called after it, or NAME-PORT. With kBothPrefix ahead of the
/// target they are there twice, as TCP first.
Result<std::vector<std::string>, std::string> services_of_range(std::string_view text);
/// `[udp:][BIND:]FIRST-LAST[:FIRST-LAST]`: each port leads to the service that is called after its number, or the
/// number at the same place in the second range. kBothPrefix as above.
Result<std::vector<std::string>, std::string> forwards_of_range(std::string_view text);
/// `[BIND:]FIRST-LAST[:[HOST:]FIRST-LAST]`, of reverse forwards: each port leads to the same one of this machine, or to the
/// one at the same place in the second range.
Result<std::vector<std::string>, std::string> reverses_of_range(std::string_view text);

}  // namespace hsfwd::cli
