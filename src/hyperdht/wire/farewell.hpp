// SPDX-License-Identifier: Apache-2.0
// Why an hsfwd peer resets a connection: an unordered message ahead of the reset, which carries no
// reason. Best effort, as any datagram; stock peers get none.
//
//   "hsfwd" (5 bytes) | kind uint = 1 | text string
//
// Bytes behind the text are ignored. The layout is documented in docs/protocol/forward.md.
#pragma once

#include <optional>
#include <string>

#include "util/bytes.hpp"

namespace hsfwd::hyperdht {

struct Farewell {
  static constexpr std::uint64_t kKind = 1;
  static constexpr std::size_t kMaxText = 200;  // bytes

  /// For people, one line. What comes from a peer is cut at kMaxText and has no control characters.
  std::string text;

  Bytes encode() const;
  /// Nothing unless the message is one.
  static std::optional<Farewell> decode(ByteView message);
};

}  // namespace hsfwd::hyperdht
