// SPDX-License-Identifier: Apache-2.0
// ChaCha20-Poly1305 in its IETF form (RFC 8439) for many packets under one key, of which none but the
// first large one costs an allocation: libcrypto's for large ones, where the machine has it (docs/adr/0022), else libsodium's. The
// bytes are the same. The nonce is 4 zero bytes and a counter of 8, little endian, as in aead_seal(); there is no
// associated data.
#pragma once

#include <cstdint>
#include <memory>

#include "crypto/cipher_library.hpp"
#include "crypto/keys.hpp"
#include "util/bytes.hpp"

namespace hsfwd::crypto {

/// "libcrypto" or "libsodium": whose is in use for large packets. Loads it.
const char* packet_library();

class PacketCipher;

class PacketSealer {
 public:
  explicit PacketSealer(const Key32& key, CipherLibrary library = CipherLibrary::kFastest);
  ~PacketSealer();
  PacketSealer(const PacketSealer&) = delete;
  PacketSealer& operator=(const PacketSealer&) = delete;

  /// `packet` is the plaintext and kTagSize bytes behind it, and becomes ciphertext and tag.
  void seal(std::uint64_t counter, MutableBytes packet);

 private:
  const std::unique_ptr<PacketCipher> cipher_;
};

class PacketOpener {
 public:
  explicit PacketOpener(const Key32& key, CipherLibrary library = CipherLibrary::kFastest);
  ~PacketOpener();
  PacketOpener(const PacketOpener&) = delete;
  PacketOpener& operator=(const PacketOpener&) = delete;

  /// The reverse, into `plaintext`, which is kTagSize bytes shorter than `packet`, and may be its beginning.
  /// False if it does not authenticate; then nothing of the plaintext is in there.
  [[nodiscard]] bool open(std::uint64_t counter, ByteView packet, MutableBytes plaintext);

 private:
  const std::unique_ptr<PacketCipher> cipher_;
};

}  // namespace hsfwd::crypto
