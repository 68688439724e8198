// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "crypto/keys.hpp"
#include "crypto/libcrypto.hpp"
#include "util/bytes.hpp"

namespace hsfwd::crypto {

/// A key set up for one direction of ChaCha20-Poly1305 (RFC 8439) by libcrypto: a message sets the nonce only, and may come in
/// parts. Each: begin(), for opening expect(), update() for each part, finish().
class LibcryptoKey {
 public:
  enum class Direction { kOpen = 0, kSeal = 1 };  // as EVP_CipherInit_ex has them
  using Nonce = std::array<std::uint8_t, 12>;

  LibcryptoKey(const Key32& key, Direction direction);
  ~LibcryptoKey();
  LibcryptoKey(const LibcryptoKey&) = delete;
  LibcryptoKey& operator=(const LibcryptoKey&) = delete;

  /// It is another one from now on.
  void set_key(const Key32& key);
  /// False if it cannot be used: there is no such library. What follows has to be called then once for each nonce.
  bool begin(const Nonce& nonce);
  void expect(ByteView tag);
  /// In place or to as many bytes elsewhere.
  void update(ByteView in, std::uint8_t* out);
  /// Of a sealed message: its tag.
  void finish(MutableBytes tag);
  /// Of an opened one: whether it is authentic.
  bool finish();

 private:
  void update_once(ByteView in, std::uint8_t* out);

  const Libcrypto* const library_;
  const Direction direction_;
  Libcrypto::Context* context_ = nullptr;
};

}  // namespace hsfwd::crypto
