// SPDX-License-Identifier: Apache-2.0
#include "platform/directories.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace hsfwd::platform {

std::string home_directory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  const passwd* user = getpwuid(getuid());
  return user != nullptr ? user->pw_dir : "/";
}

std::string xdg_directory(const char* variable, const std::string& fallback) {
  const char* base = std::getenv(variable);
  // The specification takes relative paths for invalid.
  if (base != nullptr && *base == '/') return std::string(base) + "/hsfwd";
  return home_directory() + "/" + fallback + "/hsfwd";
}

}  // namespace hsfwd::platform
