// SPDX-License-Identifier: Apache-2.0
#include "net/stream_factory.hpp"

#include <fmt/format.h>

namespace hsfwd::net {

bool StreamAddress::same_place(const StreamAddress& other) const {
  return host == other.host && port == other.port && path == other.path && udp == other.udp;
}

std::optional<Ipv4> StreamAddress::ipv4() const {
  if (host == "localhost") return Ipv4::loopback();
  const auto parsed = Ipv4::parse(host);
  return parsed && parsed->is_any() ? Ipv4::loopback() : parsed;
}

std::string StreamAddress::to_string() const {
  if (is_unix()) return "unix:" + path;
  if (udp) return fmt::format("udp:{}:{}", host, port);
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

}  // namespace hsfwd::net
