// SPDX-License-Identifier: Apache-2.0
// Addresses of streams as the system takes them.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "net/stream_factory.hpp"
#include "util/result.hpp"

namespace hsfwd::platform {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

inline Result<SocketAddress, std::string> unix_address(const std::string& path) {
  SocketAddress out;
  auto* address = reinterpret_cast<sockaddr_un*>(&out.storage);
  static_assert(sizeof address->sun_path == net::StreamAddress::kMaxPath + 1);
  if (path.size() >= sizeof address->sun_path) {
    return Err(std::string("path is too long for a unix socket"));
  }
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path.c_str(), path.size() + 1);
  out.size = sizeof *address;
  return out;
}

}  // namespace hsfwd::platform
