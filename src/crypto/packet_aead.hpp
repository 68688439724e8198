// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "crypto/keys.hpp"
#include "util/bytes.hpp"

namespace hsfwd::crypto {

/// ChaCha20-Poly1305 in its IETF form (RFC 8439) for many packets under one key, none of which costs an
/// allocation: libcrypto's where the build has that (docs/adr/0022), else libsodium's. The bytes are
/// the same. The nonce is 4 zero bytes and a counter of 8, little endian, as in aead_seal(); there is no
/// associated data.
class PacketAead {
 public:
  explicit PacketAead(const Key32& key);
  ~PacketAead();
  PacketAead(const PacketAead&) = delete;
  PacketAead& operator=(const PacketAead&) = delete;

  /// `packet` is the plaintext and kTagSize bytes behind it, and becomes ciphertext and tag.
  void seal(std::uint64_t counter, MutableBytes packet);
  /// The reverse, into `plaintext`, which is kTagSize bytes shorter than `packet`, and may be its beginning.
  /// False if it does not authenticate; then nothing of the plaintext is in there.
  [[nodiscard]] bool open(std::uint64_t counter, ByteView packet, MutableBytes plaintext);

 private:
  class Cipher;

  const std::unique_ptr<Cipher> sealing_;
  const std::unique_ptr<Cipher> opening_;
};

}  // namespace hsfwd::crypto
