// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "platform/memory_reserve.hpp"

namespace hsfwd::platform {

namespace {

/// A file with one number, or the word "max".
std::size_t limit_in(const std::string& path) {
  std::ifstream in(path);
  std::size_t bytes = 0;
  return in >> bytes ? bytes : std::numeric_limits<std::size_t>::max();
}

/// Of the control group (version 2) and those above it.
std::size_t group_limit() {
  std::size_t least = std::numeric_limits<std::size_t>::max();
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("0::/")) continue;
    for (std::string path = line.substr(3); !path.empty(); path.erase(path.rfind('/'))) {
      least = std::min(least, limit_in("/sys/fs/cgroup" + path + "/memory.max"));
      least = std::min(least, limit_in("/sys/fs/cgroup" + path + "/memory.high"));
    }
  }
  return least;
}

}  // namespace

std::size_t available_memory() {
  std::size_t least = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
                      static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  least = std::min(least, group_limit());
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit{};
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
      least = std::min<std::size_t>(least, limit.rlim_cur);
    }
  }
  return least;
}

}  // namespace hsfwd::platform
