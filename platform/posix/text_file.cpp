// SPDX-License-Identifier: Apache-2.0
#include "platform/text_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "platform/directories.hpp"
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

/// 0 or the error number.
int make_open_directory(const std::string& path) {
  if (const int error =
          make_private_directories(std::filesystem::path(path).parent_path().string());
      error != 0) {
    return error;
  }
  if (mkdir(path.c_str(), 0755) != 0) return errno == EEXIST ? 0 : errno;
  return chmod(path.c_str(), 0755) == 0 ? 0 : errno;  // whatever the umask is
}

/// A file of that name that is there is somebody else's, or left of a process that was killed.
std::error_code write_file(const std::string& path, const std::string& text, mode_t mode) {
  unlink(path.c_str());
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  const auto problem = [] { return std::error_code(errno, std::generic_category()); };
  if (!fd) return problem();
  const ssize_t size = write(fd.get(), text.data(), text.size());
  if (size < 0) return problem();
  if (static_cast<std::size_t>(size) < text.size()) {
    return std::make_error_code(std::errc::no_space_on_device);
  }
  // Whatever the umask is. And not an empty file under its name when the machine stops.
  return fchmod(fd.get(), mode) == 0 && fsync(fd.get()) == 0 ? std::error_code() : problem();
}

}  // namespace

Result<std::string, std::string> read_text_file(const std::string& path) {
  if (path == "-") return read_all(STDIN_FILENO);
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd && errno == ENOENT) return Err(std::string("there is no such file"));
  if (!fd) return Err(std::string(std::strerror(errno)));
  return read_all(fd.get());
}

bool is_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

std::error_code replace_text_file(const std::string& path, const std::string& text,
                                  Readers readers) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).parent_path();
  const int unmade = readers == Readers::kAll ? make_open_directory(folder.string())
                                              : make_private_directories(folder.string());
  std::error_code error(unmade, std::generic_category());
  if (error) return error;
  const std::string fresh =
      (folder / fmt::format(".{}.{}", fs::path(path).filename().string(), getpid())).string();
  error = write_file(fresh, text, readers == Readers::kAll ? 0644 : 0600);
  if (!error) fs::rename(fresh, path, error);
  if (error) unlink(fresh.c_str());
  return error;
}

}  // namespace hsfwd::platform
