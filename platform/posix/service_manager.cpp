// SPDX-License-Identifier: Apache-2.0
#include "platform/service_manager.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "platform/unique_fd.hpp"

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
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM, 0));
  if (socket.get() < 0) return;
  const std::string_view word = state == ServiceState::kReady ? "READY=1" : "STOPPING=1";
  const std::size_t length = offsetof(sockaddr_un, sun_path) + path.size();
  static_cast<void>(sendto(socket.get(), word.data(), word.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&to), static_cast<socklen_t>(length)));
}

}  // namespace hsfwd::platform
