// SPDX-License-Identifier: Apache-2.0
// secretstream: XChaCha20-Poly1305, strictly ordered.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "crypto/cipher_library.hpp"
#include "crypto/keys.hpp"
#include "util/bytes.hpp"

namespace hsfwd::crypto {

class LibcryptoKey;

inline constexpr std::size_t kStreamHeaderSize = 24;
inline constexpr std::size_t kStreamOverhead = 17;  // encrypted tag byte, then MAC at the end
using StreamHeader = FixedBytes<struct StreamHeaderTag, kStreamHeaderSize>;

/// Large records with a multiple of so many bytes of plaintext go fastest.
inline constexpr std::size_t kFastRecordUnit = 8;

/// What a record says of itself, sealed with it.
enum class StreamTag : std::uint8_t {
  kMessage = 0,
  kFinal = 3,  // the last one of its direction
};

/// One direction of a secretstream, as sender or as receiver. The same key and header make the same
/// state, so the header must be random and fresh for each session.
///
/// Large records whose plaintext has a multiple of 8 bytes go through libcrypto, where the machine has it
/// (docs/adr/0031); the bytes are the same.
class SecretStreamState {
 public:
  SecretStreamState(const Key32& key, const StreamHeader& header,
                    CipherLibrary library = CipherLibrary::kFastest);
  ~SecretStreamState();
  SecretStreamState(const SecretStreamState&) = delete;
  SecretStreamState& operator=(const SecretStreamState&) = delete;

  /// Encrypts in place: `record` has the plaintext from its second byte on and 16 spare bytes
  /// behind it, and becomes the ciphertext.
  void push(MutableBytes record, StreamTag tag = StreamTag::kMessage);
  /// Decrypts in place; the plaintext is `record` without its first byte and its last 16. The tag
  /// may be one that has no name here. Nothing when it does not authenticate or is too short, after
  /// which the stream is dead.
  std::optional<StreamTag> pull(MutableBytes record);

 private:
  bool goes_fast(std::size_t plaintext, bool sealing);
  void push_fast(MutableBytes record, StreamTag tag);
  std::optional<StreamTag> pull_fast(MutableBytes record);
  void step(ByteView mac, std::uint8_t tag);

  struct alignas(16) Opaque {
    std::array<std::uint8_t, 64> bytes;
  } state_;
  const CipherLibrary library_;
  std::unique_ptr<LibcryptoKey> fast_;  // from the first record on that goes through it
  Key32 fast_key_;                      // that it has
};

}  // namespace hsfwd::crypto
