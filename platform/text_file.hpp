// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <system_error>

#include "util/result.hpp"

namespace hsfwd::platform {

/// All of a file, or of standard input for "-". The error is one clause for people, which tells a
/// file that is missing from one that may not be read and from a directory.
Result<std::string, std::string> read_text_file(const std::string& path);

/// It is a file, and not one, such as a pipe, that whoever reads it may wait for.
bool is_file(const std::string& path);

enum class Readers { kOwner, kAll };
/// What the file is from now on, at once or not at all, whoever else writes it. Folders that are missing above it are made for this
/// user alone, but the last one for its readers.
std::error_code replace_text_file(const std::string& path, const std::string& text,
                                  Readers readers = Readers::kOwner);

}  // namespace hsfwd::platform
