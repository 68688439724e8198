// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "noise/handshake.hpp"
#include "util/random.hpp"

namespace hsfwd::secret_stream {

/// Messages beside the stream, each in a datagram of its own:
///
///   counter u64 little endian | MAC (16) | ciphertext
///
/// There is no order, no delivery guarantee and no protection against repeats.
class Unordered {
 public:
  static constexpr std::size_t kOverhead = 8 + crypto::kTagSize;

  Unordered(const noise::Session& session, Random& random);

  /// Nothing once the counters are used up, which ends the connection.
  std::optional<Bytes> seal(ByteView plaintext);
  /// Errors: kTruncated, kAuthentication. Both are ordinary; the message is dropped.
  Result<Bytes> open(ByteView envelope) const;

 private:
  crypto::Key32 send_key_;
  crypto::Key32 receive_key_;
  std::uint64_t first_;  // never used itself
  std::uint64_t counter_;
};

}  // namespace hsfwd::secret_stream
