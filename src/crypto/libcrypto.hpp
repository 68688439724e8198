// SPDX-License-Identifier: Apache-2.0
// The handful of functions of OpenSSL's libcrypto that seal packets, from the machine's own library, which is loaded when
// they are first asked for: who sends no large packets pays nothing for it, and who has no such library does
// without (docs/adr/0022). Names and numbers are those of its stable interface, of major version 3.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hsfwd::crypto {

struct Libcrypto {
  struct Cipher;   // EVP_CIPHER
  struct Context;  // EVP_CIPHER_CTX

  Context* (*new_context)() = nullptr;
  void (*free_context)(Context*) = nullptr;
  int (*init)(Context*, const Cipher*, void* engine, const std::uint8_t* key,
              const std::uint8_t* nonce, int encrypt) = nullptr;
  int (*update)(Context*, std::uint8_t* out, int* out_size, const std::uint8_t* in,
                int in_size) = nullptr;
  int (*finish)(Context*, std::uint8_t* out, int* out_size) = nullptr;
  int (*control)(Context*, int type, int number, void* data) = nullptr;

  /// ChaCha20-Poly1305 of RFC 8439.
  const Cipher* cipher = nullptr;

  // For control(): EVP_CTRL_AEAD_GET_TAG, EVP_CTRL_AEAD_SET_TAG.
  static constexpr int kGetTag = 0x10;
  static constexpr int kSetTag = 0x11;

  /// Loads it at the first call. nullptr if there is none, or if it does not work; it stays that way.
  static const Libcrypto* get();
};

}  // namespace hsfwd::crypto
