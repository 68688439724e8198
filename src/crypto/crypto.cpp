// SPDX-License-Identifier: Apache-2.0
#include "crypto/crypto.hpp"

#include <sodium.h>

#include <array>
#include <new>

#include "util/check.hpp"

namespace hsfwd::crypto {

namespace {

template <class Digest>
Digest blake2b(ByteView key, std::initializer_list<ByteView> inputs) {
  Digest out;
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), Digest::kSize);
  for (const ByteView input : inputs) {
    crypto_generichash_update(&state, input.data(), input.size());
  }
  crypto_generichash_final(&state, out.data(), Digest::kSize);
  return out;
}

std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> aead_nonce(
    std::uint64_t counter) {
  std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce{};
  store_le64(nonce.data() + 4, counter);
  return nonce;
}

}  // namespace

void initialize() {
  HSFWD_CHECK(sodium_init() >= 0);
}

void wipe(MutableBytes bytes) {
  sodium_memzero(bytes.data(), bytes.size());
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.empty()) return Bytes();  // has no address to be read at
  Bytes out(text.size());
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

KeyPair KeyPair::from_seed(const Seed& seed) {
  KeyPair keys;
  crypto_sign_seed_keypair(keys.public_key.data(), keys.secret_key.data(), seed.data());
  return keys;
}

KeyPair KeyPair::generate(Random& random) {
  Seed seed;
  random.fill(seed.mutable_view());
  return from_seed(seed);
}

Hash32 blake2b_256(ByteView input) {
  return blake2b<Hash32>({}, {input});
}

Hash32 blake2b_256(std::initializer_list<ByteView> inputs) {
  return blake2b<Hash32>({}, inputs);
}

Hash32 blake2b_256_keyed(ByteView key, std::initializer_list<ByteView> inputs) {
  HSFWD_CHECK(key.size() >= crypto_generichash_KEYBYTES_MIN &&
              key.size() <= crypto_generichash_KEYBYTES_MAX);
  return blake2b<Hash32>(key, inputs);
}

Hash64 blake2b_512(std::initializer_list<ByteView> inputs) {
  return blake2b<Hash64>({}, inputs);
}

SecretBytes<64> secret_blake2b_512(std::initializer_list<ByteView> inputs) {
  return blake2b<SecretBytes<64>>({}, inputs);
}

Key32 secret_blake2b_256_keyed(ByteView key, std::initializer_list<ByteView> inputs) {
  HSFWD_CHECK(key.size() >= crypto_generichash_KEYBYTES_MIN &&
              key.size() <= crypto_generichash_KEYBYTES_MAX);
  return blake2b<Key32>(key, inputs);
}

Hash32 name_space(std::string_view name, std::uint8_t index) {
  const Hash32 name_hash = blake2b_256(as_bytes(name));
  return blake2b_256({name_hash.view(), ByteView(&index, 1)});
}

Signature sign(ByteView message, const KeyPair& keys) {
  Signature out;
  crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), keys.secret_key.data());
  return out;
}

bool verify(const Signature& signature, ByteView message, const PublicKey& key) {
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

Result<Key32> ed25519_dh(const KeyPair& local, const PublicKey& remote) {
  SecretBytes<64> hash;
  crypto_hash_sha512(hash.data(), local.secret_key.data(), Seed::kSize);
  std::uint8_t* scalar = hash.data();
  scalar[0] &= 248;
  scalar[31] &= 127;
  scalar[31] |= 64;

  Key32 shared;
  // Rejects what is not canonical, not on the curve, of small order or outside the main subgroup.
  if (crypto_scalarmult_ed25519_noclamp(shared.data(), scalar, remote.data()) != 0) {
    return Err(Errc::kMalformed);
  }
  return shared;
}

void aead_seal(const Key32& key, std::uint64_t counter, ByteView associated, ByteView plaintext,
               Bytes& out) {
  const std::size_t start = out.size();
  out.resize(start + plaintext.size() + kTagSize);
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data() + start, nullptr, plaintext.data(),
                                            plaintext.size(), associated.data(), associated.size(),
                                            nullptr, aead_nonce(counter).data(), key.data());
}

Result<Bytes> aead_open(const Key32& key, std::uint64_t counter, ByteView associated,
                        ByteView ciphertext) {
  if (ciphertext.size() < kTagSize) return Err(Errc::kTruncated);
  Bytes out(ciphertext.size() - kTagSize);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(
          out.data(), nullptr, nullptr, ciphertext.data(), ciphertext.size(), associated.data(),
          associated.size(), aead_nonce(counter).data(), key.data()) != 0) {
    return Err(Errc::kAuthentication);
  }
  return out;
}

void box_seal(const Key32& key, const BoxNonce& nonce, ByteView plaintext, MutableBytes out) {
  HSFWD_CHECK(out.size() == plaintext.size() + kTagSize);
  crypto_secretbox_easy(out.data(), plaintext.data(), plaintext.size(), nonce.data(), key.data());
}

bool box_open(const Key32& key, const BoxNonce& nonce, ByteView box, MutableBytes out) {
  if (box.size() < kTagSize) return false;
  HSFWD_CHECK(out.size() == box.size() - kTagSize);
  return crypto_secretbox_open_easy(out.data(), box.data(), box.size(), nonce.data(), key.data()) ==
         0;
}

Hash32 sha256(ByteView input) {
  Hash32 out;
  crypto_hash_sha256(out.data(), input.data(), input.size());
  return out;
}

}  // namespace hsfwd::crypto
