// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "util/result.hpp"

namespace hsfwd::platform {

/// All of a file, or of standard input for "-". The error is one clause for people, which tells a
/// file that is missing from one that may not be read and from a directory.
Result<std::string, std::string> read_text_file(const std::string& path);

}  // namespace hsfwd::platform
