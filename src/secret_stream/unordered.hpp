// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "noise/handshake.hpp"
#include "secret_stream/replay_window.hpp"
#include "util/random.hpp"

namespace hsfwd::secret_stream {

/// Messages beside the stream, each in a datagram of its own:
///
///   counter u64 little endian | MAC (16) | ciphertext
///
/// There is no order and no delivery guarantee.
class Unordered {
 public:
  enum class Keys {
    kOfHash,    // upstream's: whoever saw the handshake can read, forge and repeat messages
    kOfSecret,  // each message opens once, and only here
  };
  static constexpr std::size_t kOverhead = 8 + crypto::kTagSize;

  Unordered(const noise::Session& session, Random& random, Keys keys = Keys::kOfHash);
  /// With a given next counter, for tests.
  void set_counter(std::uint64_t next) { counter_ = next; }

  /// Nothing once the counters are used up, which ends the connection.
  std::optional<Bytes> seal(ByteView plaintext);
  /// Errors: kTruncated, kAuthentication, kRefused for a repeat. All are ordinary; the message is
  /// dropped.
  Result<Bytes> open(ByteView envelope);

 private:
  crypto::Key32 send_key_;
  crypto::Key32 receive_key_;
  std::uint64_t last_;     // never used itself
  std::uint64_t counter_;  // of the next message
  std::optional<ReplayWindow> received_;
};

}  // namespace hsfwd::secret_stream
