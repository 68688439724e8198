// SPDX-License-Identifier: Apache-2.0
#include "platform/posix/unix_listener.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "platform/posix/socket.hpp"
#include "platform/posix/socket_address.hpp"
#include "platform/posix/socket_file.hpp"
#include "platform/posix/umask.hpp"

namespace hsfwd::platform {

namespace {

/// A socket file nobody listens on any more is in the way of the next start.
void remove_stale_socket(const SocketAddress& address, const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  // Of another type than those who listen, so that nobody takes the question for a client.
  const UniqueFd fd = open_socket(AF_UNIX, SOCK_DGRAM);
  if (!fd) return;
  if (connect(fd.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED) {
    unlink(path.c_str());
  }
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

/// 0 or the error number.
int bind_socket(int fd, const SocketAddress& address, const net::StreamAddress& at) {
  const auto try_to_bind = [&] { return bind(fd, address.get(), address.size) == 0 ? 0 : errno; };
  if (!at.mode) return try_to_bind();
  // Without a group to wait for it has its permissions at once.
  const Umask mask(at.group ? kPermissions : kPermissions & ~*at.mode);
  return try_to_bind();
}

}  // namespace

Result<UniqueFd, std::string> listen_at_path(const net::StreamAddress& at, int backlog) {
  const auto address = unix_address(at.path);
  if (!address) return Err(address.error());
  remove_stale_socket(*address, at.path);
  UniqueFd fd = open_socket(AF_UNIX, SOCK_STREAM);
  if (!fd) return Err(std::string(std::strerror(errno)));
  if (const int error = bind_socket(fd.get(), *address, at); error != 0) {
    return Err(bind_problem(error, at.path));
  }
  // Until it listens nobody connects, whatever the permissions are.
  Result<void, std::string> ready;
  if (at.mode || at.group) ready = give_away(at);
  if (ready && listen(fd.get(), backlog) != 0) ready = Err(std::string(std::strerror(errno)));
  if (ready) return fd;
  unlink(at.path.c_str());
  return Err(ready.error());
}

}  // namespace hsfwd::platform
