// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "platform/memory_reserve.hpp"

namespace hsfwd::platform {

namespace {

constexpr std::size_t kReserve = 512 * 1024;  // bytes

std::unique_ptr<char[]> reserve;
bool used = false;

void fill() {
  if (!reserve) reserve.reset(new (std::nothrow) char[kReserve]);
}

void on_failed_allocation() {
  reserve.reset();
  used = true;
  throw std::bad_alloc();
}

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

MemoryReserve::MemoryReserve(std::function<void()> on_used) : on_used_(std::move(on_used)) {
  fill();
  std::set_new_handler(on_failed_allocation);
}

MemoryReserve::~MemoryReserve() {
  std::set_new_handler(nullptr);
  reserve.reset();
}

void MemoryReserve::restore() {
  if (!std::exchange(used, false)) return;
  fill();
  used = false;  // by what may have failed right now
  try {
    on_used_();
  } catch (const std::bad_alloc&) {
    // It will be told another time.
  }
}

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
