// SPDX-License-Identifier: Apache-2.0
#include "platform/secret_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "crypto/keys.hpp"
#include "platform/posix/exposure.hpp"
#include "platform/unique_fd.hpp"
#include "util/check.hpp"

namespace hsfwd::platform {

namespace {

constexpr mode_t kOthers = 077;
constexpr mode_t kBeyondReadOnly = 0337;  // more than that owner and group may read

std::string unreadable(int error) {
  if (error == EISDIR) return "is a directory";
  return fmt::format("cannot be read: {}", std::strerror(error));
}

}  // namespace

// In one place from the beginning: what grows leaves copies behind.
SecretText::SecretText() {
  text_.reserve(kMaxSize + 1);
}

SecretText::~SecretText() {
  text_.resize(text_.capacity());
  crypto::wipe({reinterpret_cast<std::uint8_t*>(text_.data()), text_.size()});
}

SecretText::SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)) {}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  std::swap(text_, other.text_);
  return *this;
}

std::string_view SecretText::trimmed() const {
  return std::string_view(text_).substr(0, text_.find_last_not_of(" \t\r\n\v\f") + 1);
}

void SecretText::append(std::string_view more) {
  HSFWD_CHECK(text_.size() + more.size() <= kMaxSize);
  text_ += more;
}

Result<SecretText, std::string> SecretText::read(int fd) {
  SecretText out;
  out.text_.resize(kMaxSize + 1);
  std::size_t size = 0;
  while (size <= kMaxSize) {
    const ssize_t n = ::read(fd, out.text_.data() + size, out.text_.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Err(unreadable(errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > kMaxSize) return Err(fmt::format("is larger than {} bytes", kMaxSize));
  out.text_.resize(size);
  return out;
}

std::string why_exposed(const struct stat& info, uid_t reader) {
  const mode_t mode = info.st_mode & 07777;
  if (!S_ISREG(info.st_mode)) return "";
  if ((mode & kOthers) != 0 && (mode & kBeyondReadOnly) != 0) {
    return fmt::format("others can read it (mode {:04o}); chmod 600 it", mode);
  }
  if (reader != 0 && info.st_uid != reader && info.st_uid != 0) {
    return fmt::format("it belongs to another user ({}), who can read it; make it yours",
                       info.st_uid);
  }
  return "";
}

std::string why_exposed(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? why_exposed(info, geteuid()) : "";
}

Result<std::optional<SecretFile>, std::string> read_secret_file(const std::string& path) {
  struct stat info {};
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
  UniqueFd fd(open(path.c_str(), kFlags));
  if (!fd && errno == ENOENT) {
    if (lstat(path.c_str(), &info) != 0) return std::optional<SecretFile>();
    if (S_ISLNK(info.st_mode)) return Err(std::string("is a link to a file that does not exist"));
    // Another process has made it since.
    fd.reset(open(path.c_str(), kFlags));
  }
  if (!fd) return Err(unreadable(errno));
  const int unknown = fstat(fd.get(), &info) == 0 ? 0 : errno;
  auto text = SecretText::read(fd.get());
  if (unknown != 0) return Err(unreadable(unknown));
  if (S_ISDIR(info.st_mode)) return Err(std::string("is a directory"));
  if (!text) return Err(text.error());
  return std::optional(SecretFile{std::move(*text), why_exposed(info, geteuid())});
}

}  // namespace hsfwd::platform
