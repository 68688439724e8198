// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/firewall.hpp"

namespace hsfwd::hyperdht {

const char* to_string(Firewall firewall) {
  switch (firewall) {
    case Firewall::kUnknown:
      return "unknown";
    case Firewall::kOpen:
      return "open";
    case Firewall::kConsistent:
      return "consistent";
    default:
      return "random";
  }
}

}  // namespace hsfwd::hyperdht
