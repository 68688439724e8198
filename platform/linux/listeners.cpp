// SPDX-License-Identifier: Apache-2.0
#include "platform/listeners.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace hsfwd::platform {

namespace {

bool is_loopback_name(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// A table of proc_net_tcp(5): the second column is address:port in hexadecimal digits, the fourth
/// the state, 0A for one that listens; of UDP (`wanted` empty) any that is bound may. On which addresses it does is not
/// looked at: to know that none does is enough. False: there is no such table.
bool add_table(const char* path, std::string_view wanted, std::set<std::uint16_t>& ports) {
  std::ifstream table(path);
  std::string line;
  if (!std::getline(table, line)) return false;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    words >> number >> local >> remote >> state;
    const std::size_t colon = local.rfind(':');
    if ((!wanted.empty() && state != wanted) || colon == std::string::npos) continue;
    ports.insert(static_cast<std::uint16_t>(std::strtoul(local.c_str() + colon + 1, nullptr, 16)));
  }
  return true;
}

}  // namespace

// In the process's own folder, which is seen where a service sees nothing else of /proc (ProcSubset=pid).
ListeningPorts::ListeningPorts() {
  constexpr std::string_view kListens = "0A";
  tcp_.complete = add_table("/proc/self/net/tcp", kListens, tcp_.ports);
  udp_.complete = add_table("/proc/self/net/udp", "", udp_.ports);
  // Which a machine without IPv6 does not have.
  add_table("/proc/self/net/tcp6", kListens, tcp_.ports);
  add_table("/proc/self/net/udp6", "", udp_.ports);
}

std::string why_nobody_listens(const net::StreamAddress& address,
                               std::optional<ListeningPorts>& ports) {
  if (address.is_unix()) {
    struct stat info {};
    if (stat(address.path.c_str(), &info) != 0) return std::strerror(errno);
    if (!S_ISSOCK(info.st_mode)) return "is not a socket";
    return is_closed_to_user(address) ? std::strerror(EACCES) : "";
  }
  if (!is_loopback_name(address.host)) return {};
  if (!ports) ports.emplace();
  const bool nobody = ports->complete(address.udp) && !ports->has(address.port, address.udp);
  return nobody ? "Connection refused" : "";
}

bool is_closed_to_user(const net::StreamAddress& address) {
  return address.is_unix() && faccessat(AT_FDCWD, address.path.c_str(), W_OK, AT_EACCESS) != 0 &&
         errno == EACCES;
}

}  // namespace hsfwd::platform
