// SPDX-License-Identifier: Apache-2.0
// Sockets as everything here has them: no program that is started inherits one, no call on one
// waits, and to write to one that is closed is an error of that write, never a signal. Systems
// differ in how they are asked for that.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include "platform/unique_fd.hpp"
#include "util/bytes.hpp"

namespace hsfwd::platform {

/// A new one. Nothing, and errno, if it cannot be had.
UniqueFd open_socket(int family, int type, int protocol = 0);

/// The next connection that waits at a socket that listens. Nothing, and errno, if there is none.
UniqueFd accept_connection(int listener);

/// As send(2).
ssize_t send_bytes(int socket, ByteView bytes);

/// Something that was sent is not known to have been taken by the other side's system.
bool has_unsent(int socket);

}  // namespace hsfwd::platform
