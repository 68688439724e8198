// SPDX-License-Identifier: Apache-2.0
// Typed wrappers of the libsodium primitives the protocols are made of. initialize() comes first.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "crypto/keys.hpp"
#include "util/result.hpp"

namespace hsfwd::crypto {

/// Prepares libsodium; safe to call again. Aborts when the library cannot run here.
void initialize();

bool equal_constant_time(ByteView a, ByteView b);
/// The bytes that base64 stands for, with its padding (RFC 4648, section 4).
std::optional<Bytes> from_base64(std::string_view text);

// --- BLAKE2b. Several inputs are hashed as if they stood back to back. ---

Hash32 blake2b_256(ByteView input);
Hash32 blake2b_256(std::initializer_list<ByteView> inputs);
/// `key` has 16 to 64 bytes.
Hash32 blake2b_256_keyed(ByteView key, std::initializer_list<ByteView> inputs);
Hash64 blake2b_512(std::initializer_list<ByteView> inputs);
/// The same where the outcome is a secret.
SecretBytes<64> secret_blake2b_512(std::initializer_list<ByteView> inputs);
Key32 secret_blake2b_256_keyed(ByteView key, std::initializer_list<ByteView> inputs);

/// Namespace `index` of `name`: BLAKE2b-256(BLAKE2b-256(name) || index).
Hash32 name_space(std::string_view name, std::uint8_t index);

// --- Ed25519 ---

Signature sign(ByteView message, const KeyPair& keys);
bool verify(const Signature& signature, ByteView message, const PublicKey& key);

/// Diffie-Hellman in the Ed25519 group: the remote point times the clamped SHA-512 of the own seed,
/// as an encoded Ed25519 point. Errors: kMalformed for a remote key that is no canonical point of
/// the main subgroup.
Result<Key32> ed25519_dh(const KeyPair& local, const PublicKey& remote);

// --- ChaCha20-Poly1305, IETF form, 16-byte tag behind the ciphertext ---

inline constexpr std::size_t kTagSize = 16;

/// The nonce is 4 zero bytes and `counter` as 8 bytes little endian.
void aead_seal(const Key32& key, std::uint64_t counter, ByteView associated, ByteView plaintext,
               Bytes& out);
/// Errors: kAuthentication.
Result<Bytes> aead_open(const Key32& key, std::uint64_t counter, ByteView associated,
                        ByteView ciphertext);

// --- secretbox: XSalsa20-Poly1305, tag first ---

inline constexpr std::size_t kBoxNonceSize = 24;
using BoxNonce = std::array<std::uint8_t, kBoxNonceSize>;

/// Writes tag and ciphertext, plaintext size + 16 bytes, to `out`.
void box_seal(const Key32& key, const BoxNonce& nonce, ByteView plaintext, MutableBytes out);
/// Writes the plaintext, box size - 16 bytes, to `out`, which may be the box itself behind its tag.
bool box_open(const Key32& key, const BoxNonce& nonce, ByteView box, MutableBytes out);

// --- SHA ---

Hash32 sha256(ByteView input);

}  // namespace hsfwd::crypto
