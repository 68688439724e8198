// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace hsfwd::platform {

/// As $HOME says, or else the system.
std::string home_directory();

/// The folder of this program below the one that the environment names, or below `fallback` in the
/// user's home.
std::string xdg_directory(const char* variable, const std::string& fallback);

/// That of this program below $XDG_RUNTIME_DIR; nothing where there is none.
std::optional<std::string> runtime_directory();

/// Makes a folder and those above it that are missing, each for its owner alone whatever the umask
/// is, and on the disk. 0 or the error number.
int make_private_directories(const std::string& path);
/// What was made, renamed or deleted in an open folder stays so when the machine stops. 0 or the
/// error number.
int sync_directory(int folder);

}  // namespace hsfwd::platform
