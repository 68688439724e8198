// SPDX-License-Identifier: Apache-2.0
#include "platform/others.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

namespace hsfwd::platform {

namespace {

/// Of the folders of units with a user of their own systemd keeps the others off, not that user.
constexpr const char* kPrivate = "private";

/// Of the units' user, where a package has made one; what root lets it read is not kept from it.
constexpr const char* kServiceGroup = "hsfwd";
/// From the bits of all others to those of the group.
constexpr unsigned kGroupShift = 3;

std::string refusal(const std::string& path, mode_t needed) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || (status.st_mode & needed) == needed) return "";
  if (status.st_uid != 0) return "";
  const group* const members = status.st_gid != 0 ? getgrgid(status.st_gid) : nullptr;
  if (members != nullptr && std::strcmp(members->gr_name, kServiceGroup) == 0 &&
      (status.st_mode & (needed << kGroupShift)) != 0) {
    return "";
  }
  return fmt::format("{} is open only to root{} (mode {:04o})", path,
                     members != nullptr ? fmt::format(" and the group {}", members->gr_name) : "",
                     status.st_mode & 07777);
}

}  // namespace

bool is_root() {
  return geteuid() == 0;
}

std::string kept_from_others(const std::string& path, Access access) {
  namespace fs = std::filesystem;
  std::string found = refusal(path, access == Access::kRead ? S_IROTH : S_IWOTH);
  for (fs::path at = fs::path(path).parent_path(); found.empty() && !at.empty();
       at = at.parent_path()) {
    if (at.filename() != kPrivate) found = refusal(at.string(), S_IXOTH);
    if (at == at.parent_path()) break;
  }
  return found;
}

std::string written_by_others(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return "";
  if (status.st_uid != 0 && status.st_uid != geteuid()) return path + " belongs to another user";
  // Many users have a group of their own, to which their files are open.
  const bool own_group = status.st_gid == 0 || status.st_gid == getegid();
  const mode_t others = own_group ? S_IWOTH : S_IWOTH | S_IWGRP;
  return (status.st_mode & others) != 0 ? path + " can be written by others" : "";
}

}  // namespace hsfwd::platform
