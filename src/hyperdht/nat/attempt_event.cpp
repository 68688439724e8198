// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/nat/attempt_event.hpp"

namespace hsfwd::hyperdht {

const char* to_string(AttemptStep step) {
  switch (step) {
    case AttemptStep::kSearch:
      return "search";
    case AttemptStep::kHandshake:
      return "handshake";
    case AttemptStep::kDirect:
      return "direct";
    case AttemptStep::kLan:
      return "lan";
    case AttemptStep::kNat:
      return "nat";
    case AttemptStep::kProbe:
      return "probe";
    case AttemptStep::kPunch:
      return "punch";
    case AttemptStep::kRelay:
      return "relay";
    case AttemptStep::kPath:
      return "path";
    case AttemptStep::kFailed:
      return "failed";
  }
  return "unknown";
}

}  // namespace hsfwd::hyperdht
