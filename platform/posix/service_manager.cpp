// SPDX-License-Identifier: Apache-2.0
#include "platform/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "platform/posix/socket.hpp"
#include "platform/unique_fd.hpp"
#include "util/bytes.hpp"

namespace hsfwd::platform {

void tell_service_manager(ServiceState state) {
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable != nullptr ? variable : "";
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(to.sun_path)) return;
  path.copy(static_cast<char*>(to.sun_path), path.size());
  // One that has no file, in Linux.
  if (path.front() == '@') to.sun_path[0] = '\0';
  const std::size_t length = offsetof(sockaddr_un, sun_path) + path.size();
  const UniqueFd socket = open_socket(AF_UNIX, SOCK_DGRAM);
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&to),
                         static_cast<socklen_t>(length)) != 0) {
    return;
  }
  send_bytes(socket.get(), as_bytes(state == ServiceState::kReady ? "READY=1" : "STOPPING=1"));
}

}  // namespace hsfwd::platform
