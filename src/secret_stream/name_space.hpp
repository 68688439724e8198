// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "crypto/crypto.hpp"

namespace hsfwd::secret_stream {

/// What keys and ids made from a handshake's hash are bound to. The numbers are upstream's.
enum class Purpose : std::uint8_t { kInitiator = 0, kResponder = 1, kSend = 2 };

inline Purpose purpose_of_role(bool initiator) {
  return initiator ? Purpose::kInitiator : Purpose::kResponder;
}

inline crypto::Hash32 name_space_of(Purpose purpose) {
  return crypto::name_space("hyperswarm/secret-stream", static_cast<std::uint8_t>(purpose));
}

}  // namespace hsfwd::secret_stream
