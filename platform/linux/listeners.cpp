// SPDX-License-Identifier: Apache-2.0
#include "platform/listeners.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace hsfwd::platform {

namespace {

enum class Listening { kYes, kNo, kUnknown };

bool is_loopback_name(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// A table of proc_net_tcp(5): the second column is address:port in hexadecimal digits, the fourth
/// the state, 0A for one that listens. On which addresses it does is not looked at: to know that
/// none does is enough.
Listening in_table(const char* path, std::uint16_t port) {
  std::ifstream table(path);
  std::string line;
  if (!std::getline(table, line)) return Listening::kUnknown;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    words >> number >> local >> remote >> state;
    const std::size_t colon = local.rfind(':');
    if (state != "0A" || colon == std::string::npos) continue;
    if (std::strtoul(local.c_str() + colon + 1, nullptr, 16) == port) return Listening::kYes;
  }
  return Listening::kNo;
}

}  // namespace

std::string why_nobody_listens(const net::StreamAddress& address) {
  if (address.is_unix()) {
    struct stat info {};
    if (stat(address.path.c_str(), &info) != 0) return std::strerror(errno);
    return S_ISSOCK(info.st_mode) ? "" : "is not a socket";
  }
  if (!is_loopback_name(address.host)) return {};
  const bool nobody = in_table("/proc/net/tcp", address.port) == Listening::kNo &&
                      in_table("/proc/net/tcp6", address.port) != Listening::kYes;
  return nobody ? "Connection refused" : "";
}

}  // namespace hsfwd::platform
