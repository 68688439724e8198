// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "noise/handshake.hpp"

namespace hsfwd::fuzz {

/// The two ends of a session, the same in every run.
struct Sessions {
  Sessions() {
    const auto key = [](std::uint8_t n) {
      crypto::Key32 out;
      out.mutable_view()[0] = n;
      return out;
    };
    initiator.tx = responder.rx = key(1);
    initiator.rx = responder.tx = key(2);
    initiator.exporter = responder.exporter = key(3);
    initiator.hash = responder.hash = crypto::blake2b_512({as_bytes("session")});
    initiator.initiator = true;
  }
  noise::Session initiator;
  noise::Session responder;
};

}  // namespace hsfwd::fuzz
