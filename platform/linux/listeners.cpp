// SPDX-License-Identifier: Apache-2.0
#include "platform/listeners.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>

namespace hsfwd::platform {

namespace {

bool is_loopback_name(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// A table of proc_net_tcp(5): the second column is address:port in hexadecimal digits, the fourth
/// the state, 0A for one that listens. On which addresses it does is not looked at: to know that
/// none does is enough. False: there is no such table.
bool add_table(const char* path, std::set<std::uint16_t>& ports) {
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
    if (state != "0A" || colon == std::string::npos) continue;
    ports.insert(static_cast<std::uint16_t>(std::strtoul(local.c_str() + colon + 1, nullptr, 16)));
  }
  return true;
}

}  // namespace

ListeningPorts::ListeningPorts() : complete_(add_table("/proc/net/tcp", ports_)) {
  add_table("/proc/net/tcp6", ports_);  // which a machine without IPv6 does not have
}

std::string why_nobody_listens(const net::StreamAddress& address) {
  std::optional<ListeningPorts> ports;
  return why_nobody_listens(address, ports);
}

std::string why_nobody_listens(const net::StreamAddress& address,
                               std::optional<ListeningPorts>& ports) {
  if (address.is_unix()) {
    struct stat info {};
    if (stat(address.path.c_str(), &info) != 0) return std::strerror(errno);
    return S_ISSOCK(info.st_mode) ? "" : "is not a socket";
  }
  if (!is_loopback_name(address.host)) return {};
  if (!ports) ports.emplace();
  return ports->complete() && !ports->has(address.port) ? "Connection refused" : "";
}

}  // namespace hsfwd::platform
