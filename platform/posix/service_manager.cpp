// SPDX-License-Identifier: Apache-2.0
#include "platform/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "platform/posix/socket.hpp"
#include "platform/unique_fd.hpp"
#include "util/bytes.hpp"
#include "util/text.hpp"

namespace hsfwd::platform {

namespace {

constexpr Duration kMaxWatchdog = Duration::seconds(365 * 24 * 3600);

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string_view assignment(ServiceState state) {
  switch (state) {
    case ServiceState::kReady:
      return "READY=1";
    case ServiceState::kAlive:
      return "WATCHDOG=1";
    case ServiceState::kStopping:
      return "STOPPING=1";
  }
  return "";
}

}  // namespace

bool has_service_manager() {
  return !variable("NOTIFY_SOCKET").empty();
}

void tell_service_manager(ServiceState state, std::string_view status) {
  const std::string_view path = variable("NOTIFY_SOCKET");
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
  std::string message(assignment(state));
  if (!status.empty()) message.append("\nSTATUS=").append(printable(status));
  send_bytes(socket.get(), as_bytes(message));
}

std::optional<Duration> service_watchdog() {
  // They are inherited by programs that a service starts.
  const auto pid = parse_decimal(variable("WATCHDOG_PID"), std::numeric_limits<int>::max());
  if (pid && static_cast<pid_t>(*pid) != getpid()) return std::nullopt;
  const auto micros = parse_decimal(variable("WATCHDOG_USEC"), kMaxWatchdog.to_micros());
  if (!micros || *micros == 0) return std::nullopt;
  return Duration::micros(static_cast<std::int64_t>(*micros));
}

}  // namespace hsfwd::platform
