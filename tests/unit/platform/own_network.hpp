// SPDX-License-Identifier: Apache-2.0
// For tests that change the network: a child process with a network namespace of its own, which takes
// the right to make one.
#pragma once

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

namespace hsfwd::platform {

inline constexpr int kNotAllowed = 77;

/// Runs `body` in an empty network; what it returns, or kNotAllowed.
inline int in_own_network(int (*body)()) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      _exit(unshare(CLONE_NEWNET) != 0 ? kNotAllowed : body());
    } catch (...) {
      _exit(
          128);  // a requirement that failed has said so, and the cases behind it are the parent's
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

inline void expect_success(int (*body)()) {
  const int result = in_own_network(body);
  if (result == kNotAllowed) {
    WARN("skipped: making a network takes root, and changing it takes iproute2 or /dev/net/tun");
    return;
  }
  CHECK(result == 0);
}

/// The loopback interface.
inline void set_up(bool up) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = static_cast<short>(up ? IFF_UP | IFF_RUNNING : 0);
  ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
}

}  // namespace hsfwd::platform
