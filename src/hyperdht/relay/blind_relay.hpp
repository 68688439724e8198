// SPDX-License-Identifier: Apache-2.0
// What is said between a blind relay and the peers it joins: messages of the Protomux channel
// "blind-relay", whose id is the key with which the peer has connected to the relay.
#pragma once

#include <string_view>

#include "codec/writer.hpp"
#include "crypto/keys.hpp"
#include "udx/packet.hpp"
#include "util/result.hpp"

namespace hsfwd::hyperdht {

inline constexpr std::string_view kBlindRelayProtocol = "blind-relay";

/// Names one pairing to the relay; whoever knows it takes part.
using RelayToken = crypto::Hash32;

enum class RelayMessage : std::uint64_t { kPair = 0, kUnpair = 1 };

// flags, bit 0: initiator | token (32) | stream id uint | seq uint
//
// To the relay the id is the peer's own, for packets to that peer; back it is that of the relay's
// leg, for packets to the relay.
struct PairMessage {
  bool initiator = false;
  RelayToken token;
  udx::StreamId id;
  std::uint64_t seq = 0;

  Bytes encode() const;
  /// Errors: kMalformed, an id of more than 32 bits among them.
  static Result<PairMessage> decode(ByteView bytes);
};

// flags, none | token (32)
struct UnpairMessage {
  RelayToken token;

  Bytes encode() const;
  /// Errors: kMalformed.
  static Result<UnpairMessage> decode(ByteView bytes);
};

}  // namespace hsfwd::hyperdht
