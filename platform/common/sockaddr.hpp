// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <uv.h>  // sockaddr_in of any system

#include "net/address.hpp"

namespace hsfwd::platform {

sockaddr_in to_sockaddr(const net::Address& address);
net::Address from_sockaddr(const sockaddr_in& address);

}  // namespace hsfwd::platform
