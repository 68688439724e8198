// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace hsfwd::platform {

/// The number of a group of this machine, which may be written as a name or as the number; nothing
/// if there is none.
std::optional<std::uint32_t> find_group(const std::string& text);

}  // namespace hsfwd::platform
