// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <system_error>

#include "util/result.hpp"

namespace hsfwd::platform {

/// All of a file, or of standard input for "-". The error is one clause for people, which tells a
/// file that is missing from one that may not be read and from a directory.
Result<std::string, std::string> read_text_file(const std::string& path);

/// Makes it what a file of this user alone has, and the folders above it where they are missing. The file changes at
/// once or not at all, whoever else writes it.
std::error_code replace_text_file(const std::string& path, const std::string& text);

}  // namespace hsfwd::platform
