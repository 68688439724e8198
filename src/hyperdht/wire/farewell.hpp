// SPDX-License-Identifier: Apache-2.0
// Why an hsfwd peer resets a connection: sent beside the stream ahead of the reset, which carries no
// reason. Best effort, as any datagram; stock peers get none.
//
//   kind uint | text string        kind 1: of a stream; 6: of a session, with all its streams
//
// Bytes behind the text are ignored. The layout is documented in docs/protocol/forward.md, sections 4 and 9.
#pragma once

#include <optional>
#include <string>

#include "util/bytes.hpp"

namespace hsfwd::hyperdht {

struct Farewell {
  enum class Of : std::uint64_t { kStream = 1, kSession = 6 };
  static constexpr std::size_t kMaxText = 200;  // bytes

  /// For people, one line. What comes from a peer is cut at kMaxText and has no control characters.
  std::string text;
  Of of = Of::kStream;

  Bytes encode() const;
  /// Nothing unless the bytes are one.
  static std::optional<Farewell> decode(ByteView bytes);

  /// For peers that have no packets: behind "hsfwd" (5 bytes).
  Bytes as_message() const;
  /// Those bytes of such a message that decode() takes; nothing unless it is one.
  static std::optional<ByteView> in_message(ByteView message);
};

}  // namespace hsfwd::hyperdht
