// SPDX-License-Identifier: Apache-2.0
#include "platform/common/loop_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

int probe_for_files() {
  constexpr int kPipes = 2;
  std::array<UniqueFd, 2 * kPipes> opened;
  for (std::size_t i = 0; i < opened.size(); i += 2) {
    int ends[2];
    if (pipe(ends) != 0) return errno;
    for (std::size_t k = 0; k < 2; ++k) {
      opened[i + k].reset(ends[k]);
      fcntl(ends[k], F_SETFD, FD_CLOEXEC);
    }
  }
  return 0;
}

}  // namespace hsfwd::platform
