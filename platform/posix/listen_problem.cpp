// SPDX-License-Identifier: Apache-2.0
#include "platform/posix/listen_problem.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace hsfwd::platform {

std::string listen_problem(int error, std::uint16_t port) {
  constexpr int kFirstFreePort = 1024;  // unless the system is told otherwise
  std::string out = std::strerror(error);
  if (error == EADDRNOTAVAIL) {
    out += ": not an address of this machine";
  } else if (error == EACCES && port < kFirstFreePort) {
    out += fmt::format(": a port below {} needs root or CAP_NET_BIND_SERVICE", kFirstFreePort);
  }
  return out;
}

}  // namespace hsfwd::platform
