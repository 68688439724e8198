// SPDX-License-Identifier: Apache-2.0
#include "crypto/packet_aead.hpp"

#include <sodium.h>

#include <array>
#include <new>

#include "crypto/crypto.hpp"
#include "util/check.hpp"
#ifdef HSFWD_LIBCRYPTO
#include <openssl/evp.h>
#endif

namespace hsfwd::crypto {

namespace {

constexpr std::size_t kPacketNonceSize = crypto_aead_chacha20poly1305_ietf_NPUBBYTES;
using PacketNonce = std::array<std::uint8_t, kPacketNonceSize>;

enum class Direction { kOpen = 0, kSeal = 1 };  // as libcrypto has them

}  // namespace

#ifdef HSFWD_LIBCRYPTO

/// The key stays set up; a packet sets the nonce only.
class PacketAead::Cipher {
 public:
  Cipher(const Key32& key, Direction direction) : context_(EVP_CIPHER_CTX_new()) {
    if (context_ == nullptr) throw std::bad_alloc();
    if (EVP_CipherInit_ex(context_, EVP_chacha20_poly1305(), nullptr, key.data(), nullptr,
                          static_cast<int>(direction)) != 1) {
      EVP_CIPHER_CTX_free(context_);
      throw std::bad_alloc();
    }
  }
  ~Cipher() { EVP_CIPHER_CTX_free(context_); }  // which wipes it
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  void seal(const PacketNonce& nonce, MutableBytes packet) {
    const int size = static_cast<int>(packet.size() - kTagSize);
    HSFWD_CHECK(
        set_nonce(nonce) && run(packet, packet.data(), size) &&
        EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kTagSize, packet.data() + size) == 1);
  }

  bool open(const PacketNonce& nonce, ByteView packet, MutableBytes plaintext) {
    const int size = static_cast<int>(plaintext.size());
    std::array<std::uint8_t, kTagSize> tag;
    copy_bytes(packet.last(kTagSize), tag);
    HSFWD_CHECK(set_nonce(nonce) &&
                EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1);
    return run(packet, plaintext.data(), size);
  }

 private:
  bool set_nonce(const PacketNonce& nonce) {
    return EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
  }

  bool run(ByteView in, std::uint8_t* out, int size) {
    int done = 0;
    int rest = 0;
    return EVP_CipherUpdate(context_, out, &done, in.data(), size) == 1 &&
           EVP_CipherFinal_ex(context_, out + done, &rest) == 1;
  }

  EVP_CIPHER_CTX* const context_;
};

#else

class PacketAead::Cipher {
 public:
  Cipher(const Key32& key, Direction) : key_(key) {}

  void seal(const PacketNonce& nonce, MutableBytes packet) {
    const std::size_t size = packet.size() - kTagSize;
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(packet.data(), packet.data() + size, nullptr,
                                                       packet.data(), size, nullptr, 0, nullptr,
                                                       nonce.data(), key_.data());
  }

  bool open(const PacketNonce& nonce, ByteView packet, MutableBytes plaintext) {
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               plaintext.data(), nullptr, packet.data(), plaintext.size(),
               packet.data() + plaintext.size(), nullptr, 0, nonce.data(), key_.data()) == 0;
  }

 private:
  const Key32 key_;
};

#endif

namespace {

PacketNonce packet_nonce(std::uint64_t counter) {
  PacketNonce nonce{};
  store_le64(nonce.data() + kPacketNonceSize - sizeof(counter), counter);
  return nonce;
}

}  // namespace

PacketAead::PacketAead(const Key32& key)
    : sealing_(std::make_unique<Cipher>(key, Direction::kSeal)),
      opening_(std::make_unique<Cipher>(key, Direction::kOpen)) {}

PacketAead::~PacketAead() = default;

void PacketAead::seal(std::uint64_t counter, MutableBytes packet) {
  HSFWD_CHECK(packet.size() >= kTagSize);
  sealing_->seal(packet_nonce(counter), packet);
}

bool PacketAead::open(std::uint64_t counter, ByteView packet, MutableBytes plaintext) {
  HSFWD_CHECK(packet.size() == plaintext.size() + kTagSize);
  if (opening_->open(packet_nonce(counter), packet, plaintext)) return true;
  wipe(plaintext);
  return false;
}

}  // namespace hsfwd::crypto
