// SPDX-License-Identifier: Apache-2.0
#include "platform/unique_fd.hpp"

#include <unistd.h>

#include <cerrno>

namespace hsfwd::platform {

void UniqueFd::close_descriptor(int fd) {
  const int before = errno;
  // Not again after EINTR: the number is free by then, and may be another file's already.
  close(fd);
  errno = before;
}

}  // namespace hsfwd::platform
