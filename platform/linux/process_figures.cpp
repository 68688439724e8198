// SPDX-License-Identifier: Apache-2.0
#include "platform/process_figures.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace hsfwd::platform {

namespace {

Duration duration_of(const timeval& time) {
  constexpr std::int64_t kMicrosOfSecond = 1'000'000;
  return Duration::micros(static_cast<std::int64_t>(time.tv_sec) * kMicrosOfSecond + time.tv_usec);
}

std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t pages = 0;
  std::size_t resident = 0;
  in >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t open_files() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (error) return 0;
  // One of them is the folder that is read here.
  const auto count = std::distance(begin(files), end(files));
  return count > 0 ? static_cast<std::size_t>(count) - 1 : 0;
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures out;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    out.cpu = duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
  }
  out.resident_bytes = resident_bytes();
  out.open_files = open_files();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) out.open_files_limit = limit.rlim_cur;
  return out;
}

}  // namespace hsfwd::platform
