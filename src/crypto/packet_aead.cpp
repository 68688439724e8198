// SPDX-License-Identifier: Apache-2.0
#include "crypto/packet_aead.hpp"

#include <sodium.h>

#include <array>
#include <optional>

#include "crypto/crypto.hpp"
#include "util/check.hpp"
#ifdef HSFWD_LIBCRYPTO
#include <openssl/evp.h>
#endif

namespace hsfwd::crypto {

namespace {

constexpr std::size_t kPacketNonceSize = crypto_aead_chacha20poly1305_ietf_NPUBBYTES;
using PacketNonce = std::array<std::uint8_t, kPacketNonceSize>;

// Bytes. libcrypto takes longer to begin, and then goes faster: tests/bench/aead.cpp.
constexpr std::size_t kLargePacket = 768;

PacketNonce packet_nonce(std::uint64_t counter) {
  PacketNonce nonce{};
  store_le64(nonce.data() + kPacketNonceSize - sizeof(counter), counter);
  return nonce;
}

#ifdef HSFWD_LIBCRYPTO

/// Null if it does not work. In a library context of its own, since the machine's openssl.cnf, which libcrypto
/// reads at its first use, may ask for FIPS or activate no provider. Both stay until the end.
const EVP_CIPHER* libcrypto_cipher() {
  static const EVP_CIPHER* const kCipher = [] {
    OSSL_LIB_CTX* const context = OSSL_LIB_CTX_new();
    return context == nullptr ? nullptr
                              : EVP_CIPHER_fetch(context, "ChaCha20-Poly1305", "provider=default");
  }();
  return kCipher;
}

}  // namespace

/// A key set up for one direction; a packet sets the nonce only.
class LibcryptoKey {
 public:
  enum class Direction { kOpen = 0, kSeal = 1 };  // as EVP_CipherInit has them

  LibcryptoKey(const Key32& key, Direction direction) {
    const EVP_CIPHER* const cipher = libcrypto_cipher();
    if (cipher != nullptr) context_.reset(EVP_CIPHER_CTX_new());
    if (context_ && EVP_CipherInit_ex(context_.get(), cipher, nullptr, key.data(), nullptr,
                                      static_cast<int>(direction)) != 1) {
      context_.reset();
    }
  }

  /// False if it cannot be used. What follows has to be called once for each nonce.
  bool set_nonce(const PacketNonce& nonce) {
    return context_ &&
           EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
  }
  void seal(MutableBytes packet) {
    const MutableBytes tag = packet.last(kTagSize);
    HSFWD_CHECK(run(packet, packet.data(), packet.size() - kTagSize) &&
                EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag.data()) ==
                    1);
  }
  bool open(ByteView packet, MutableBytes plaintext) {
    std::array<std::uint8_t, kTagSize> tag;
    copy_bytes(packet.last(kTagSize), tag);
    return EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
           run(packet, plaintext.data(), plaintext.size());
  }

 private:
  struct Free {
    // It wipes the key.
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };

  bool run(ByteView in, std::uint8_t* out, std::size_t size) {
    int done = 0;
    int rest = 0;
    return EVP_CipherUpdate(context_.get(), out, &done, in.data(), static_cast<int>(size)) == 1 &&
           EVP_CipherFinal_ex(context_.get(), out + done, &rest) == 1;
  }

  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
};

#else

}  // namespace

class LibcryptoKey {
 public:
  enum class Direction { kOpen, kSeal };

  LibcryptoKey(const Key32&, Direction) {}
  bool set_nonce(const PacketNonce&) { return false; }
  void seal(MutableBytes) {}
  bool open(ByteView, MutableBytes) { return false; }
};

#endif

class PacketCipher {
 public:
  using Direction = LibcryptoKey::Direction;

  PacketCipher(const Key32& key, Direction direction) : key_(key), direction_(direction) {}

  void seal(std::uint64_t counter, MutableBytes packet) {
    const PacketNonce nonce = packet_nonce(counter);
    if (goes_fast(packet.size(), nonce)) {
      fast_->seal(packet);
      return;
    }
    const std::size_t size = packet.size() - kTagSize;
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(packet.data(), packet.data() + size, nullptr,
                                                       packet.data(), size, nullptr, 0, nullptr,
                                                       nonce.data(), key_.data());
  }

  bool open(std::uint64_t counter, ByteView packet, MutableBytes plaintext) {
    const PacketNonce nonce = packet_nonce(counter);
    if (goes_fast(packet.size(), nonce)) return fast_->open(packet, plaintext);
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               plaintext.data(), nullptr, packet.data(), plaintext.size(),
               packet.data() + plaintext.size(), nullptr, 0, nonce.data(), key_.data()) == 0;
  }

 private:
  bool goes_fast(std::size_t size, const PacketNonce& nonce) {
    if (size < kLargePacket) return false;
    if (!fast_) fast_.emplace(key_, direction_);
    return fast_->set_nonce(nonce);
  }

  const Key32 key_;
  const Direction direction_;
  // From the first large packet on: most connections never have one.
  std::optional<LibcryptoKey> fast_;
};

const char* packet_library() {
  LibcryptoKey key(Key32(), LibcryptoKey::Direction::kSeal);
  return key.set_nonce({}) ? "libcrypto" : "libsodium";
}

PacketSealer::PacketSealer(const Key32& key)
    : cipher_(std::make_unique<PacketCipher>(key, LibcryptoKey::Direction::kSeal)) {}

PacketSealer::~PacketSealer() = default;

void PacketSealer::seal(std::uint64_t counter, MutableBytes packet) {
  HSFWD_CHECK(packet.size() >= kTagSize);
  cipher_->seal(counter, packet);
}

PacketOpener::PacketOpener(const Key32& key)
    : cipher_(std::make_unique<PacketCipher>(key, LibcryptoKey::Direction::kOpen)) {}

PacketOpener::~PacketOpener() = default;

bool PacketOpener::open(std::uint64_t counter, ByteView packet, MutableBytes plaintext) {
  HSFWD_CHECK(packet.size() == plaintext.size() + kTagSize);
  if (cipher_->open(counter, packet, plaintext)) return true;
  wipe(plaintext);
  return false;
}

}  // namespace hsfwd::crypto
