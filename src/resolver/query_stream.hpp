// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "resolver/responder.hpp"

namespace hsfwd::resolver {

/// One TCP connection of a client: each message follows its length, two bytes big endian (RFC 1035
/// section 4.2.2).
class QueryStream {
 public:
  /// Longer queries end the connection: the largest that can be answered otherwise than by an error
  /// has 282 bytes, and options of EDNS.
  static constexpr std::size_t kMaxQuery = 512;

  /// `responder` lives as long.
  explicit QueryStream(const Responder& responder) : responder_(responder) {}

  /// What is to be written for what was read, at most three times as much. Nothing: the connection is
  /// to be closed, since what comes are no queries.
  std::optional<Bytes> feed(ByteView bytes);

 private:
  const Responder& responder_;
  Bytes begun_;  // of a message that is not whole; at most kMaxQuery + 2 bytes
};

}  // namespace hsfwd::resolver
