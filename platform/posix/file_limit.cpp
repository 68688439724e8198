// SPDX-License-Identifier: Apache-2.0
#include "platform/file_limit.hpp"

#include <sys/resource.h>

namespace hsfwd::platform {

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // What is refused leaves the limit as it was.
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::uint64_t file_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace hsfwd::platform
