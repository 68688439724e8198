// SPDX-License-Identifier: Apache-2.0
#include "platform/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace hsfwd::platform {

void fill_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    // The lowest number that is free, which is this one.
    static_cast<void>(open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR));
  }
}

bool input_is_terminal() {
  return isatty(STDIN_FILENO) != 0;
}

}  // namespace hsfwd::platform
