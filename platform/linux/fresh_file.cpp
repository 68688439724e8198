// SPDX-License-Identifier: Apache-2.0
#include "platform/fresh_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "platform/directories.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {
constexpr mode_t kPrivateFile = 0600;
constexpr std::size_t kSuffixSize = 8;  // bytes; two processes do not meet

/// 0 or the error number.
int result_of(int returned) {
  return returned == 0 ? 0 : errno;
}

/// How a file without a name is told to the system that shall give it one.
std::string reference(int file) {
  return fmt::format("/proc/self/fd/{}", file);
}
}  // namespace

FreshFile::FreshFile(FreshFile&& other) noexcept
    : folder_(std::move(other.folder_)),
      file_(std::move(other.file_)),
      name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})) {}

FreshFile::~FreshFile() {
  if (!temporary_.empty()) unlinkat(folder_.get(), temporary_.c_str(), 0);
}

Result<FreshFile, int> FreshFile::create(const std::string& path, Random& random) {
  const std::filesystem::path where(path);
  const std::string folder = where.parent_path().string();
  FreshFile out;
  out.name_ = where.filename().string();
  out.folder_.reset(
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.folder_) return Err(errno);
  if (!out.open_nameless() && !out.open_named(random)) return Err(errno);
  return out;
}

bool FreshFile::open_nameless() {
  file_.reset(openat(folder_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, kPrivateFile));
  // Without /proc it would stay nameless.
  if (file_ && access(reference(file_.get()).c_str(), F_OK) != 0) file_.reset();
  return bool(file_);
}

bool FreshFile::open_named(Random& random) {
  std::array<std::uint8_t, kSuffixSize> suffix{};
  random.fill(suffix);
  std::string name = fmt::format(".{}.{}", name_, to_hex(suffix));
  file_.reset(
      openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kPrivateFile));
  if (file_) temporary_ = std::move(name);
  return bool(file_);
}

Result<void, int> FreshFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file_.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Err(errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

int FreshFile::rename_in_place() const {
  const int error = result_of(
      renameat2(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str(), RENAME_NOREPLACE));
  if (error != EINVAL && error != ENOSYS) return error;
  // A file system that does not know of it has links.
  if (linkat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str(), 0) != 0) return errno;
  unlinkat(folder_.get(), temporary_.c_str(), 0);
  return 0;
}

Result<void, int> FreshFile::publish() {
  if (fsync(file_.get()) != 0) return Err(errno);
  int error = 0;
  if (temporary_.empty()) {
    error = result_of(linkat(AT_FDCWD, reference(file_.get()).c_str(), folder_.get(), name_.c_str(),
                             AT_SYMLINK_FOLLOW));
  } else {
    error = rename_in_place();
  }
  if (error != 0) return Err(error);
  temporary_.clear();
  error = sync_directory(folder_.get());
  if (error != 0) return Err(error);
  return {};
}

}  // namespace hsfwd::platform
