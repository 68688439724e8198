// SPDX-License-Identifier: Apache-2.0
#include "platform/common/sockaddr.hpp"

namespace hsfwd::platform {

sockaddr_in to_sockaddr(const net::Address& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(address.port);
  out.sin_addr.s_addr = htonl(address.host.value);
  return out;
}

net::Address from_sockaddr(const sockaddr_in& address) {
  return {{ntohl(address.sin_addr.s_addr)}, ntohs(address.sin_port)};
}

}  // namespace hsfwd::platform
