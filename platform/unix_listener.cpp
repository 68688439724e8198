// SPDX-License-Identifier: Apache-2.0
#include "platform/unix_listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "platform/socket_address.hpp"
#include "platform/umask.hpp"

namespace hsfwd::platform {

namespace {

constexpr mode_t kPermissions = 0777;

/// A descriptor, and none if it is negative.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// A socket file nobody listens on any more is in the way of the next start.
void remove_stale_socket(const SocketAddress& address, const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  // Of another type than those who listen, so that nobody takes the question for a client.
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  if (connect(fd, address.get(), address.size) != 0 && errno == ECONNREFUSED) unlink(path.c_str());
  close(fd);
}

std::string bind_problem(int error, const std::string& path) {
  std::string out = std::strerror(error);
  struct stat info {};
  if (error == ENOENT) out += ": its folder does not exist";
  if (error == EADDRINUSE && lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
    out += S_ISDIR(info.st_mode) ? ": by a directory" : ": by a file that is not a socket";
  }
  return out;
}

/// Nobody is let in before it is given away: the group comes first, and the permissions last.
/// Whoever could put something else in the socket's place meanwhile gets nothing changed by that.
Result<void, std::string> give_away(const net::StreamAddress& at) {
  const Descriptor file(open(at.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0)
    return Err(std::string(std::strerror(errno)));
  if (!S_ISSOCK(info.st_mode)) return Err(std::string("something else is in its place"));
  if (at.group && info.st_gid != *at.group &&
      fchownat(file.get(), "", static_cast<uid_t>(-1), *at.group, AT_EMPTY_PATH) != 0) {
    const int error = errno;
    return Err(fmt::format("{}: this user cannot give it to group {}{}", std::strerror(error),
                           *at.group, error == EPERM ? ", of which it is not a member" : ""));
  }
  const mode_t mode = at.mode.value_or(info.st_mode) & kPermissions;
  if ((info.st_mode & kPermissions) == mode) return {};
  if (chmod(fmt::format("/proc/self/fd/{}", file.get()).c_str(), mode) != 0) {
    return Err(fmt::format("its permissions cannot be set: {}", std::strerror(errno)));
  }
  return {};
}

/// 0 or the error number.
int bind_socket(int fd, const SocketAddress& address, const net::StreamAddress& at) {
  const auto try_to_bind = [&] { return bind(fd, address.get(), address.size) == 0 ? 0 : errno; };
  if (!at.mode) return try_to_bind();
  // Without a group to wait for it has its permissions at once.
  const Umask mask(at.group ? kPermissions : kPermissions & ~*at.mode);
  return try_to_bind();
}

}  // namespace

Result<int, std::string> listen_at_path(const net::StreamAddress& at, int backlog) {
  const auto address = unix_address(at.path);
  if (!address) return Err(address.error());
  remove_stale_socket(*address, at.path);
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return Err(std::string(std::strerror(errno)));
  if (const int error = bind_socket(fd.get(), *address, at); error != 0) {
    return Err(bind_problem(error, at.path));
  }
  // Until it listens nobody connects, whatever the permissions are.
  Result<void, std::string> ready;
  if (at.mode || at.group) ready = give_away(at);
  if (ready && listen(fd.get(), backlog) != 0) ready = Err(std::string(std::strerror(errno)));
  if (ready) return fd.release();
  unlink(at.path.c_str());
  return Err(ready.error());
}

}  // namespace hsfwd::platform
