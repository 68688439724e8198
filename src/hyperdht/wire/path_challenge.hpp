// SPDX-License-Identifier: Apache-2.0
// Whether the peer of a session is at a place, asked and answered in the control channel beside the streams:
//
//   kind uint (4: the question, 5: the answer) | nonce (8)
//
// Bytes behind that are ignored. docs/protocol/forward.md, section 11.
#pragma once

#include <cstdint>
#include <optional>

#include "util/bytes.hpp"
#include "util/fixed_bytes.hpp"

namespace hsfwd::hyperdht {

struct PathChallenge {
  enum class Kind : std::uint64_t { kQuestion = 4, kAnswer = 5 };
  using Nonce = FixedBytes<struct PathNonceTag, 8>;

  Kind kind = Kind::kQuestion;
  Nonce nonce;

  Bytes encode() const;
  /// Nothing unless the bytes are one.
  static std::optional<PathChallenge> decode(ByteView bytes);
};

}  // namespace hsfwd::hyperdht
