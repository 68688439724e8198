// SPDX-License-Identifier: Apache-2.0
#include "platform/directories.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace hsfwd::platform {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivateFolder = 0700;

int make_private_directory(const fs::path& path) {
  if (mkdir(path.c_str(), kPrivateFolder) != 0) return errno == EEXIST ? 0 : errno;
  const fs::path above = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const int folder = open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  const int error = sync_directory(folder);
  close(folder);
  return error;
}

}  // namespace

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

std::optional<std::string> runtime_directory() {
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  if (base == nullptr || *base != '/') return std::nullopt;
  return std::string(base) + "/hsfwd";
}

int make_private_directories(const std::string& path) {
  fs::path made;
  for (const fs::path& part : fs::path(path).lexically_normal()) {
    made /= part;
    struct stat info {};
    if (part.empty() || stat(made.c_str(), &info) == 0) continue;
    if (const int error = make_private_directory(made); error != 0) return error;
  }
  return 0;
}

int sync_directory(int folder) {
  if (fsync(folder) == 0) return 0;
  // Not every file system knows how; there it is as durable as it gets.
  return errno == EINVAL || errno == ENOTSUP ? 0 : errno;
}

}  // namespace hsfwd::platform
