// SPDX-License-Identifier: Apache-2.0
// A descriptor that is the file itself and not what the name leads to by now (O_PATH), and /proc to
// name it by.
#include "platform/posix/socket_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

Result<void, std::string> give_away(const net::StreamAddress& at) {
  const UniqueFd file(open(at.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!file || fstat(file.get(), &info) != 0) return Err(std::string(std::strerror(errno)));
  if (!S_ISSOCK(info.st_mode)) return Err(std::string("something else is in its place"));
  if (at.group && info.st_gid != *at.group &&
      fchownat(file.get(), "", static_cast<uid_t>(-1), *at.group, AT_EMPTY_PATH) != 0) {
    const int error = errno;
    return Err(fmt::format("{}: this user cannot give it to group {}{}", std::strerror(error),
                           *at.group, error == EPERM ? ", of which it is not a member" : ""));
  }
  const mode_t mode = at.mode.value_or(info.st_mode) & kPermissions;
  if ((info.st_mode & kPermissions) == mode) return {};
  if (chmod(fmt::format("/proc/self/fd/{}", file.get()).c_str(), mode) != 0) {
    return Err(fmt::format("its permissions cannot be set: {}", std::strerror(errno)));
  }
  return {};
}

}  // namespace hsfwd::platform
