// SPDX-License-Identifier: Apache-2.0
#include "crypto/packet_aead.hpp"

#include <sodium.h>

#include <array>
#include <optional>
#include <utility>

#include "crypto/crypto.hpp"
#include "crypto/libcrypto.hpp"
#include "util/check.hpp"

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

}  // namespace

/// A key set up for one direction; a packet sets the nonce only.
class LibcryptoKey {
 public:
  enum class Direction { kOpen = 0, kSeal = 1 };  // as EVP_CipherInit_ex has them

  LibcryptoKey(const Key32& key, Direction direction) : library_(Libcrypto::get()) {
    if (library_ == nullptr) return;
    context_ = library_->new_context();
    if (context_ != nullptr && library_->init(context_, library_->cipher, nullptr, key.data(),
                                              nullptr, static_cast<int>(direction)) != 1) {
      library_->free_context(std::exchange(context_, nullptr));
    }
  }
  ~LibcryptoKey() {
    // It wipes the key.
    if (context_ != nullptr) library_->free_context(context_);
  }
  LibcryptoKey(const LibcryptoKey&) = delete;
  LibcryptoKey& operator=(const LibcryptoKey&) = delete;

  /// False if it cannot be used. What follows has to be called once for each nonce.
  bool set_nonce(const PacketNonce& nonce) {
    return context_ != nullptr &&
           library_->init(context_, nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
  }
  void seal(MutableBytes packet) {
    const MutableBytes tag = packet.last(kTagSize);
    HSFWD_CHECK(run(packet, packet.data(), packet.size() - kTagSize) &&
                library_->control(context_, Libcrypto::kGetTag, kTagSize, tag.data()) == 1);
  }
  bool open(ByteView packet, MutableBytes plaintext) {
    std::array<std::uint8_t, kTagSize> tag;
    copy_bytes(packet.last(kTagSize), tag);
    return library_->control(context_, Libcrypto::kSetTag, kTagSize, tag.data()) == 1 &&
           run(packet, plaintext.data(), plaintext.size());
  }

 private:
  bool run(ByteView in, std::uint8_t* out, std::size_t size) {
    int done = 0;
    int rest = 0;
    return library_->update(context_, out, &done, in.data(), static_cast<int>(size)) == 1 &&
           library_->finish(context_, out + done, &rest) == 1;
  }

  const Libcrypto* const library_;
  Libcrypto::Context* context_ = nullptr;
};

class PacketCipher {
 public:
  using Direction = LibcryptoKey::Direction;

  PacketCipher(const Key32& key, Direction direction, PacketLibrary library)
      : key_(key), direction_(direction), library_(library) {}

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
    if (size < kLargePacket || library_ == PacketLibrary::kLibsodium) return false;
    if (!fast_) fast_.emplace(key_, direction_);
    return fast_->set_nonce(nonce);
  }

  const Key32 key_;
  const Direction direction_;
  const PacketLibrary library_;
  // From the first large packet on: most connections never have one.
  std::optional<LibcryptoKey> fast_;
};

const char* packet_library() {
  LibcryptoKey key(Key32(), LibcryptoKey::Direction::kSeal);
  return key.set_nonce({}) ? "libcrypto" : "libsodium";
}

PacketSealer::PacketSealer(const Key32& key, PacketLibrary library)
    : cipher_(std::make_unique<PacketCipher>(key, LibcryptoKey::Direction::kSeal, library)) {}

PacketSealer::~PacketSealer() = default;

void PacketSealer::seal(std::uint64_t counter, MutableBytes packet) {
  HSFWD_CHECK(packet.size() >= kTagSize);
  cipher_->seal(counter, packet);
}

PacketOpener::PacketOpener(const Key32& key, PacketLibrary library)
    : cipher_(std::make_unique<PacketCipher>(key, LibcryptoKey::Direction::kOpen, library)) {}

PacketOpener::~PacketOpener() = default;

bool PacketOpener::open(std::uint64_t counter, ByteView packet, MutableBytes plaintext) {
  HSFWD_CHECK(packet.size() == plaintext.size() + kTagSize);
  if (cipher_->open(counter, packet, plaintext)) return true;
  wipe(plaintext);
  return false;
}

}  // namespace hsfwd::crypto
