// SPDX-License-Identifier: Apache-2.0
// The server of a session asks its client to come again, in the control channel beside the streams:
//
//   kind uint (7)
//
// Bytes behind that are ignored. docs/protocol/forward.md, section 11.
#pragma once

#include <optional>

#include "util/bytes.hpp"

namespace hsfwd::hyperdht {

struct RenewalWish {
  Bytes encode() const;
  /// Nothing unless the bytes are one.
  static std::optional<RenewalWish> decode(ByteView bytes);
};

}  // namespace hsfwd::hyperdht
