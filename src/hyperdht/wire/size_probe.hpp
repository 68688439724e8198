// SPDX-License-Identifier: Apache-2.0
// Whether packets of a size get through to an hsfwd peer, asked and answered in the channel for control:
//
//   kind uint = 2 | number uint | zeros, up to the size that is tried
//   kind uint = 3 | number uint        such a packet has come
//
// docs/protocol/forward.md, section 10.
#pragma once

#include <cstdint>
#include <optional>

#include "util/bytes.hpp"

namespace hsfwd::hyperdht {

struct SizeProbe {
  enum class Kind : std::uint64_t { kQuestion = 2, kAnswer = 3 };

  Kind kind = Kind::kQuestion;
  std::uint32_t number = 0;

  /// `size`: bytes in all, or as many as the fields take if that is more.
  Bytes encode(std::size_t size = 0) const;
  /// Nothing unless the bytes are one. What is behind the number is ignored.
  static std::optional<SizeProbe> decode(ByteView bytes);
};

}  // namespace hsfwd::hyperdht
