// SPDX-License-Identifier: Apache-2.0
#include "crypto/packet_aead.hpp"

#include <sodium.h>

#include <optional>

#include "crypto/crypto.hpp"
#include "crypto/libcrypto_key.hpp"
#include "util/check.hpp"

namespace hsfwd::crypto {

namespace {

using PacketNonce = LibcryptoKey::Nonce;
static_assert(sizeof(PacketNonce) == crypto_aead_chacha20poly1305_ietf_NPUBBYTES);

// Bytes. libcrypto takes longer to begin, and then goes faster: tests/bench/aead.cpp.
constexpr std::size_t kLargePacket = 768;

PacketNonce packet_nonce(std::uint64_t counter) {
  PacketNonce nonce{};
  store_le64(nonce.data() + nonce.size() - sizeof(counter), counter);
  return nonce;
}

}  // namespace

class PacketCipher {
 public:
  using Direction = LibcryptoKey::Direction;

  PacketCipher(const Key32& key, Direction direction, CipherLibrary library)
      : key_(key), direction_(direction), library_(library) {}

  void seal(std::uint64_t counter, MutableBytes packet) {
    const PacketNonce nonce = packet_nonce(counter);
    const std::size_t size = packet.size() - kTagSize;
    if (goes_fast(packet.size(), nonce)) {
      fast_->update(packet.first(size), packet.data());
      fast_->finish(packet.last(kTagSize));
      return;
    }
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(packet.data(), packet.data() + size, nullptr,
                                                       packet.data(), size, nullptr, 0, nullptr,
                                                       nonce.data(), key_.data());
  }

  bool open(std::uint64_t counter, ByteView packet, MutableBytes plaintext) {
    const PacketNonce nonce = packet_nonce(counter);
    if (goes_fast(packet.size(), nonce)) {
      fast_->expect(packet.last(kTagSize));
      fast_->update(packet.first(plaintext.size()), plaintext.data());
      return fast_->finish();
    }
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               plaintext.data(), nullptr, packet.data(), plaintext.size(),
               packet.data() + plaintext.size(), nullptr, 0, nonce.data(), key_.data()) == 0;
  }

 private:
  bool goes_fast(std::size_t size, const PacketNonce& nonce) {
    if (size < kLargePacket || library_ == CipherLibrary::kLibsodium) return false;
    if (!fast_) fast_.emplace(key_, direction_);
    return fast_->begin(nonce);
  }

  const Key32 key_;
  const Direction direction_;
  const CipherLibrary library_;
  // From the first large packet on: most connections never have one.
  std::optional<LibcryptoKey> fast_;
};

const char* packet_library() {
  LibcryptoKey key(Key32(), LibcryptoKey::Direction::kSeal);
  return key.begin({}) ? "libcrypto" : "libsodium";
}

PacketSealer::PacketSealer(const Key32& key, CipherLibrary library)
    : cipher_(std::make_unique<PacketCipher>(key, LibcryptoKey::Direction::kSeal, library)) {}

PacketSealer::~PacketSealer() = default;

void PacketSealer::seal(std::uint64_t counter, MutableBytes packet) {
  HSFWD_CHECK(packet.size() >= kTagSize);
  cipher_->seal(counter, packet);
}

PacketOpener::PacketOpener(const Key32& key, CipherLibrary library)
    : cipher_(std::make_unique<PacketCipher>(key, LibcryptoKey::Direction::kOpen, library)) {}

PacketOpener::~PacketOpener() = default;

bool PacketOpener::open(std::uint64_t counter, ByteView packet, MutableBytes plaintext) {
  HSFWD_CHECK(packet.size() == plaintext.size() + kTagSize);
  if (cipher_->open(counter, packet, plaintext)) return true;
  wipe(plaintext);
  return false;
}

}  // namespace hsfwd::crypto
