// SPDX-License-Identifier: Apache-2.0
#include "platform/posix/socket.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

namespace hsfwd::platform {

UniqueFd open_socket(int family, int type, int protocol) {
  return UniqueFd(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

UniqueFd accept_connection(int listener) {
  return UniqueFd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

ssize_t send_bytes(int socket, ByteView bytes) {
  return send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

bool has_unsent(int socket) {
  int bytes = 0;
  return ioctl(socket, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

}  // namespace hsfwd::platform
