// SPDX-License-Identifier: Apache-2.0
#include "platform/directories.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "platform/unique_fd.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivateFolder = 0700;

int make_private_directory(const fs::path& path) {
  if (mkdir(path.c_str(), kPrivateFolder) != 0) return errno == EEXIST ? 0 : errno;
  const fs::path above = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const UniqueFd folder(open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder ? sync_directory(folder.get()) : errno;
}

/// A `$` that a shell would take for the beginning of a variable.
bool has_variable(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const char next = text[i + 1];
    const bool begins_name =
        (next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z') || next == '_' || next == '{';
    if (text[i] == '$' && begins_name) return true;
  }
  return false;
}

}  // namespace

std::string home_directory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  const passwd* user = getpwuid(getuid());
  return user != nullptr ? user->pw_dir : "/";
}

User own_user() {
  const passwd* const user = getpwuid(getuid());
  return user != nullptr ? User{user->pw_name, user->pw_dir} : User{};
}

Result<std::string, std::string> resolve_path(std::string_view text, const std::string& base) {
  if (text.empty()) return Err(std::string("the path is empty"));
  if (text.find('\0') != std::string_view::npos) {
    return Err(fmt::format("the path {} contains a zero byte", in_quotes(text)));
  }
  if (has_variable(text)) {
    return Err(
        fmt::format("the path {} contains a variable, which is not expanded here; ~/ is the home",
                    in_quotes(text)));
  }
  if (text == "~" || text.starts_with("~/")) return home_directory() + std::string(text.substr(1));
  if (text.starts_with('~')) {
    return Err(
        fmt::format("the path {} begins in another user's home, which is not looked up; write it "
                    "out, or ./{} for a file of that name",
                    in_quotes(text), shortened(text)));
  }
  if (base.empty()) return std::string(text);
  return (fs::path(base) / text).lexically_normal().string();
}

std::string xdg_directory(const char* variable, const std::string& fallback) {
  const char* base = std::getenv(variable);
  // The specification takes relative paths for invalid.
  if (base != nullptr && *base == '/') return std::string(base) + "/hsfwd";
  return home_directory() + "/" + fallback + "/hsfwd";
}

std::optional<std::string> runtime_directory() {
  // What a service manager has made for this program alone, by the name that its clients look for: that of a service which
  // starts this program is inherited as well. Several have colons between them.
  const char* const own = std::getenv("RUNTIME_DIRECTORY");
  if (own != nullptr && *own == '/' && std::string_view(own).find(':') == std::string_view::npos) {
    const std::string_view folder =
        std::string_view(own).substr(std::string_view(own).rfind('/') + 1);
    if (folder == "hsfwd" || folder.starts_with("hsfwd-")) return std::string(own);
  }
  const char* const base = std::getenv("XDG_RUNTIME_DIR");
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
