// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/path_kind.hpp"

namespace hsfwd::hyperdht {

const char* to_string(PathKind kind) {
  switch (kind) {
    case PathKind::kDirect:
      return "direct";
    case PathKind::kLan:
      return "lan";
    case PathKind::kRelayed:
      return "relayed";
  }
  return "unknown";
}

PathKind path_kind_of(const net::Address& address) {
  const bool local = net::is_private(address.host) && !address.host.is_loopback();
  return local ? PathKind::kLan : PathKind::kDirect;
}

}  // namespace hsfwd::hyperdht
