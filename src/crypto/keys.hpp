// SPDX-License-Identifier: Apache-2.0
// Identity keys: Ed25519 key pairs that sign announcements and, as points of the same group, take
// part in the Noise handshake.
#pragma once

#include <array>
#include <cstdint>

#include "util/bytes.hpp"
#include "util/fixed_bytes.hpp"
#include "util/random.hpp"

namespace hsfwd::crypto {

using PublicKey = FixedBytes<struct PublicKeyTag, 32>;
using Signature = FixedBytes<struct SignatureTag, 64>;
using Hash32 = FixedBytes<struct Hash32Tag, 32>;
using Hash64 = FixedBytes<struct Hash64Tag, 64>;

/// Overwrites memory in a way the compiler keeps.
void wipe(MutableBytes bytes);

/// Bytes that are overwritten when they go out of use.
template <std::size_t N>
class SecretBytes {
 public:
  static constexpr std::size_t kSize = N;

  SecretBytes() = default;
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = default;
  ~SecretBytes() { wipe(bytes_); }

  static SecretBytes from(ByteView from) {
    SecretBytes out;
    std::memcpy(out.bytes_.data(), from.data(), N);
    return out;
  }

  ByteView view() const { return bytes_; }
  MutableBytes mutable_view() { return bytes_; }
  std::uint8_t* data() { return bytes_.data(); }
  const std::uint8_t* data() const { return bytes_.data(); }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

using Seed = SecretBytes<32>;
using SecretKey = SecretBytes<64>;  // seed, then public key
using Key32 = SecretBytes<32>;      // symmetric

struct KeyPair {
  PublicKey public_key;
  SecretKey secret_key;

  /// RFC 8032, as libsodium does it.
  static KeyPair from_seed(const Seed& seed);
  static KeyPair generate(Random& random);
  Seed seed() const { return Seed::from(secret_key.view()); }
};

}  // namespace hsfwd::crypto
