// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/address.hpp"

namespace hsfwd::hyperdht {

/// How a connection gets to its peer.
enum class PathKind { kDirect, kLan, kRelayed };
const char* to_string(PathKind kind);

/// What to call the path to an address, if nothing else is known about it.
PathKind path_kind_of(const net::Address& address);

}  // namespace hsfwd::hyperdht
