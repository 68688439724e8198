// SPDX-License-Identifier: Apache-2.0
// What the streams of a session have in place of a handshake of their own: keys and ids that follow from the
// secret of the session's handshake and the stream's number. docs/protocol/forward.md, section 11.
#pragma once

#include <cstdint>

#include "noise/handshake.hpp"
#include "udx/packet.hpp"

namespace hsfwd::hyperdht {

struct StreamKeys {
  /// As a handshake of the stream's own would have brought it, as this side has it.
  noise::Session session;
  /// UDX ids: under which this side, and the peer, hear the stream.
  udx::StreamId local;
  udx::StreamId remote;

  /// Of stream `number` of the session that `handshake` has begun.
  static StreamKeys derive(const noise::Session& handshake, std::uint64_t number);
};

}  // namespace hsfwd::hyperdht
