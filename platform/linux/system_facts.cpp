// SPDX-License-Identifier: Apache-2.0
#include "platform/system_facts.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>
#include <system_error>

#include "platform/memory_reserve.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostPrograms = 50;
constexpr std::size_t kMostOfCommand = 4096;  // bytes

std::string first_line_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

/// A value of /etc/os-release, without quotes.
std::string distribution() {
  std::ifstream in("/etc/os-release");
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view kName = "PRETTY_NAME=";
    if (!line.starts_with(kName)) continue;
    line.erase(0, kName.size());
    std::erase(line, '"');
    return line;
  }
  return "unknown";
}

std::string container() {
  std::error_code error;
  if (std::string kind = first_line_of("/run/systemd/container"); !kind.empty()) return kind;
  if (fs::exists("/run/.containerenv", error)) return "podman";
  if (fs::exists("/.dockerenv", error)) return "docker";
  if (const char* const kind = std::getenv("container"); kind != nullptr && *kind != '\0') {
    return kind;
  }
  return "none known";
}

std::string limit_text(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return "unknown";
  const auto text = [](rlim_t value) {
    return value == RLIM_INFINITY ? std::string("unlimited") : fmt::format("{}", value);
  };
  return fmt::format("{} (at most {})", text(limit.rlim_cur), text(limit.rlim_max));
}

std::string mebibytes(std::size_t bytes) {
  return fmt::format("{} MiB", bytes / (1024 * 1024));
}

/// Its words, with blanks between them.
std::string command_of(const std::string& folder) {
  std::ifstream in(folder + "/cmdline", std::ios::binary);
  std::string words(kMostOfCommand, '\0');
  in.read(words.data(), static_cast<std::streamsize>(words.size()));
  words.resize(static_cast<std::size_t>(in.gcount()));
  while (!words.empty() && words.back() == '\0') words.pop_back();
  std::replace(words.begin(), words.end(), '\0', ' ');
  return words;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> system_facts() {
  utsname name{};
  uname(&name);
  const std::string seconds = first_line_of("/proc/uptime");
  return {
      {"kernel", fmt::format("{} {}, {}", name.sysname, name.release, name.machine)},
      {"distribution", distribution()},
      {"container", container()},
      {"processors", fmt::format("{}", sysconf(_SC_NPROCESSORS_ONLN))},
      {"memory", mebibytes(available_memory())},
      {"up for", seconds.substr(0, seconds.find('.')) + " s"},
      {"user", geteuid() == 0 ? "root" : "not root"},
      {"open files", limit_text(RLIMIT_NOFILE)},
      {"processes", limit_text(RLIMIT_NPROC)},
      {"receive buffer", first_line_of("/proc/sys/net/core/rmem_max") + " bytes at most"},
      {"send buffer", first_line_of("/proc/sys/net/core/wmem_max") + " bytes at most"},
      {"packets forwarded", first_line_of("/proc/sys/net/ipv4/ip_forward")},
      {"libuv", uv_version_string()},
  };
}

std::vector<RunningProgram> running_programs() {
  std::vector<RunningProgram> out;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const auto pid = parse_decimal(name, std::numeric_limits<int>::max());
    struct stat folder {};
    if (!pid || stat(at->path().c_str(), &folder) != 0 || folder.st_uid != geteuid()) continue;
    const bool own = *pid == static_cast<std::uint64_t>(getpid());
    if (own || !first_line_of(at->path().string() + "/comm").starts_with("hsfwd")) {
      continue;
    }
    out.push_back({static_cast<int>(*pid), command_of(at->path().string())});
    if (out.size() == kMostPrograms) break;
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.pid < b.pid; });
  return out;
}

}  // namespace hsfwd::platform
