// SPDX-License-Identifier: Apache-2.0
#include "net/stream_factory.hpp"

#include <fmt/format.h>

namespace hsfwd::net {

bool StreamAddress::same_place(const StreamAddress& other) const {
  return host == other.host && port == other.port && path == other.path;
}

std::string StreamAddress::to_string() const {
  if (is_unix()) return "unix:" + path;
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

}  // namespace hsfwd::net
