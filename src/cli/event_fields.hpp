// SPDX-License-Identifier: Apache-2.0
// Fields of events, as those who make texts of them take them. What is missing or of another type
// throws what nlohmann throws.
#pragma once

#include <cstdint>
#include <string>

#include "cli/output.hpp"

namespace hsfwd::cli {

/// Printable.
std::string text_field(const Json& object, const char* name);
std::uint64_t number_field(const Json& object, const char* name);
bool flag_field(const Json& object, const char* name);

}  // namespace hsfwd::cli
