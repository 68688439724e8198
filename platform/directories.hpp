// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hsfwd::platform {

/// As $HOME says, or else the system.
std::string home_directory();

/// The folder of this program below the one that the environment names, or below `fallback` in the
/// user's home.
std::string xdg_directory(const char* variable, const std::string& fallback);

}  // namespace hsfwd::platform
