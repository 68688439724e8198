// SPDX-License-Identifier: Apache-2.0
#include "platform/text_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "platform/unique_fd.hpp"

namespace hsfwd::platform {

namespace {

// A configuration with a hundred thousand keys; what never ends does.
constexpr std::size_t kMaxTextSize = 16 * 1024 * 1024;

Result<std::string, std::string> read_all(int fd) {
  std::string out;
  std::array<char, 16 * 1024> chunk;
  for (;;) {
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EISDIR) return Err(std::string("it is a directory"));
    if (n < 0) return Err(std::string(std::strerror(errno)));
    if (n == 0) return out;
    out.append(chunk.data(), static_cast<std::size_t>(n));
    if (out.size() > kMaxTextSize) {
      return Err(fmt::format("it is larger than {} MiB", kMaxTextSize >> 20));
    }
  }
}

}  // namespace

Result<std::string, std::string> read_text_file(const std::string& path) {
  if (path == "-") return read_all(STDIN_FILENO);
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd && errno == ENOENT) return Err(std::string("there is no such file"));
  if (!fd) return Err(std::string(std::strerror(errno)));
  return read_all(fd.get());
}

}  // namespace hsfwd::platform
