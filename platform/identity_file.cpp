// SPDX-License-Identifier: Apache-2.0
#include "platform/identity_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "platform/directories.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

constexpr mode_t kOthers = 077;
constexpr std::size_t kMaxIdentitySize = 4096;

Err<std::string> failed(const std::string& path, const std::string& what) {
  return Err(fmt::format("identity {}: {}", path, what));
}

/// All of a descriptor, within reason. The error is one clause.
Result<std::string, std::string> read_all(int fd) {
  std::string out;
  char chunk[512];
  for (;;) {
    const ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Err(std::string(std::strerror(errno)));
    if (n == 0) return out;
    out.append(chunk, static_cast<std::size_t>(n));
    if (out.size() > kMaxIdentitySize) return Err(std::string("is larger than an identity"));
  }
}

/// Onto the disk; 0 or the error number.
int write_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    done += static_cast<std::size_t>(n);
  }
  return fsync(fd) == 0 ? 0 : errno;
}

Result<std::optional<Identity>, std::string> parse(const std::string& path, std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  const auto seed = text.size() == 2 * crypto::Seed::kSize ? from_hex(text) : std::nullopt;
  if (!seed) return failed(path, "is not 64 hexadecimal digits");
  return std::optional(Identity{crypto::KeyPair::from_seed(crypto::Seed::from(*seed)), false});
}

}  // namespace

std::string default_state_directory() { return xdg_directory("XDG_STATE_HOME", ".local/state"); }

std::string default_identity_path(const std::string& name) {
  const std::string base = default_state_directory() + "/identity";
  return name.empty() ? base : base + "." + name;
}

Result<std::optional<Identity>, std::string> read_identity(const std::string& path) {
  if (path == "-") {
    const auto text = read_all(STDIN_FILENO);
    if (!text) return failed("on standard input", text.error());
    return parse("on standard input", *text);
  }
  struct stat info {};
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    if (lstat(path.c_str(), &info) == 0)
      return failed(path, "is a link to a file that is not there");
    return std::optional<Identity>();
  }
  if (fd < 0) return failed(path, std::strerror(errno));
  const int unknown = fstat(fd, &info) == 0 ? 0 : errno;
  const auto text = read_all(fd);
  close(fd);
  if (unknown != 0) return failed(path, std::strerror(unknown));
  if (S_ISDIR(info.st_mode)) return failed(path, "is a directory");
  if (!text) return failed(path, text.error());
  if (S_ISREG(info.st_mode) && (info.st_mode & kOthers) != 0) {
    return failed(path, fmt::format("others can read it (mode {:04o}); chmod 600 it",
                                    info.st_mode & 07777));
  }
  return parse(path, *text);
}

Result<Identity, std::string> load_identity(const std::string& path, Random& random) {
  auto identity = read_identity(path);
  if (!identity) return Err(identity.error());
  if (!*identity) return create_identity(path, random);
  return std::move(**identity);
}

Result<Identity, std::string> create_identity(const std::string& path, Random& random) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty() && !std::filesystem::exists(parent)) {
    std::filesystem::create_directories(parent, error);
    if (error) return failed(path, error.message());
    std::filesystem::permissions(parent, std::filesystem::perms::owner_all, error);
  }
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed(path, errno == EEXIST ? "exists already" : std::strerror(errno));
  const crypto::KeyPair keys = crypto::KeyPair::generate(random);
  std::string text = to_hex(keys.seed().view()) + "\n";
  const int problem = write_all(fd, text);
  crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  close(fd);
  if (problem != 0) {
    unlink(path.c_str());
    return failed(path, fmt::format("cannot be written: {}", std::strerror(problem)));
  }
  return Identity{keys, true};
}

Result<IdentityLock, std::string> IdentityLock::acquire(const std::string& identity_path) {
  IdentityLock out;
  if (identity_path == "-") return out;
  const std::string path = identity_path + ".lock";
  auto lock = FileLock::acquire(path);
  if (!lock && lock.error() != EWOULDBLOCK) {
    return Err(fmt::format("lock {}: {}", path, std::strerror(lock.error())));
  }
  if (!lock) {
    return Err(fmt::format(
        "identity {} is announced by another hsfwd process; use --name N for a second identity",
        identity_path));
  }
  out.lock_ = std::move(*lock);
  return out;
}

}  // namespace hsfwd::platform
