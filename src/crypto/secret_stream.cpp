// SPDX-License-Identifier: Apache-2.0
#include "crypto/secret_stream.hpp"

#include <sodium.h>

#include <new>

#include "crypto/crypto.hpp"
#include "crypto/libcrypto_key.hpp"
#include "util/check.hpp"

namespace hsfwd::crypto {

namespace {

using SodiumState = crypto_secretstream_xchacha20poly1305_state;

// A record is ChaCha20-Poly1305 of the tag, 63 zeros and the plaintext, of which what the zeros become stands
// nowhere: whoever opens it makes it again. Poly1305 gets padding behind the text that differs from RFC 8439's
// unless the plaintext has a multiple of 8 bytes.
constexpr std::size_t kBlock = 64;
// Bytes. libcrypto takes longer to begin: tests/bench/aead.cpp.
constexpr std::size_t kLargeRecord = 1536;

using Block = std::array<std::uint8_t, kBlock>;

SodiumState& sodium_state(void* opaque) {
  return *static_cast<SodiumState*>(opaque);
}

LibcryptoKey::Nonce nonce_of(const SodiumState& state) {
  static_assert(sizeof(state.nonce) == sizeof(LibcryptoKey::Nonce));
  LibcryptoKey::Nonce out;
  copy_bytes({state.nonce, sizeof(state.nonce)}, out);
  return out;
}

}  // namespace

SecretStreamState::SecretStreamState(const Key32& key, const StreamHeader& header,
                                     CipherLibrary library)
    : library_(library) {
  static_assert(sizeof(Opaque) >= sizeof(SodiumState));
  static_assert(kStreamOverhead == crypto_secretstream_xchacha20poly1305_ABYTES);
  static_assert(static_cast<int>(StreamTag::kMessage) ==
                crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
  static_assert(static_cast<int>(StreamTag::kFinal) ==
                crypto_secretstream_xchacha20poly1305_TAG_FINAL);
  // Sender and receiver start from the same state. The receiver's initialisation takes the header
  // from outside, where chance is ours to seed; the sender's would draw it from the kernel.
  auto* state = new (&state_) SodiumState;
  crypto_secretstream_xchacha20poly1305_init_pull(state, header.data(), key.data());
}

SecretStreamState::~SecretStreamState() {
  wipe(state_.bytes);
}

void SecretStreamState::push(MutableBytes record, StreamTag tag) {
  HSFWD_CHECK(record.size() >= kStreamOverhead);
  const std::size_t plaintext = record.size() - kStreamOverhead;
  if (goes_fast(plaintext, true)) return push_fast(record, tag);
  crypto_secretstream_xchacha20poly1305_push(&sodium_state(&state_), record.data(), nullptr,
                                             record.data() + 1, plaintext, nullptr, 0,
                                             static_cast<unsigned char>(tag));
}

std::optional<StreamTag> SecretStreamState::pull(MutableBytes record) {
  if (record.size() < kStreamOverhead) return std::nullopt;
  if (goes_fast(record.size() - kStreamOverhead, false)) return pull_fast(record);
  unsigned char tag = 0;
  const bool opened = crypto_secretstream_xchacha20poly1305_pull(
                          &sodium_state(&state_), record.data() + 1, nullptr, &tag, record.data(),
                          record.size(), nullptr, 0) == 0;
  return opened ? std::optional(static_cast<StreamTag>(tag)) : std::nullopt;
}

/// If so, the cipher has begun.
bool SecretStreamState::goes_fast(std::size_t plaintext, bool sealing) {
  if (plaintext < kLargeRecord || plaintext % kFastRecordUnit != 0) return false;
  if (library_ == CipherLibrary::kLibsodium) return false;
  const SodiumState& state = sodium_state(&state_);
  const ByteView key(state.k, sizeof(state.k));
  // It may have become another one with any record.
  if (!fast_ || !equal_constant_time(key, fast_key_.view())) {
    using Direction = LibcryptoKey::Direction;
    fast_key_ = Key32::from(key);
    if (fast_) {
      fast_->set_key(fast_key_);
    } else {
      fast_ =
          std::make_unique<LibcryptoKey>(fast_key_, sealing ? Direction::kSeal : Direction::kOpen);
    }
  }
  return fast_->begin(nonce_of(state));
}

void SecretStreamState::push_fast(MutableBytes record, StreamTag tag) {
  const MutableBytes text = record.subspan(1, record.size() - kStreamOverhead);
  const MutableBytes mac = record.last(kTagSize);
  Block block{};
  block[0] = static_cast<std::uint8_t>(tag);
  fast_->update(block, block.data());
  record[0] = block[0];
  fast_->update(text, text.data());
  fast_->finish(mac);
  step(mac, static_cast<std::uint8_t>(tag));
}

std::optional<StreamTag> SecretStreamState::pull_fast(MutableBytes record) {
  const MutableBytes text = record.subspan(1, record.size() - kStreamOverhead);
  std::array<std::uint8_t, kTagSize> mac{};
  copy_bytes(record.last(kTagSize), mac);
  const SodiumState& state = sodium_state(&state_);
  Block block{};
  crypto_stream_chacha20_ietf_xor_ic(block.data(), block.data(), block.size(), state.nonce, 1,
                                     state.k);
  block[0] = record[0];
  fast_->expect(mac);
  fast_->update(block, block.data());
  const std::uint8_t tag = block[0];
  fast_->update(text, text.data());
  if (!fast_->finish()) {
    wipe(record);
    return std::nullopt;
  }
  step(mac, tag);
  return static_cast<StreamTag>(tag);
}

/// What libsodium does behind each record: the nonce takes in its MAC, and counts; when the count is used up, or
/// the sender wants it, the keys are others.
void SecretStreamState::step(ByteView mac, std::uint8_t tag) {
  constexpr std::size_t kCounter = 4;
  SodiumState& state = sodium_state(&state_);
  for (std::size_t i = kCounter; i < sizeof(state.nonce); ++i) state.nonce[i] ^= mac[i - kCounter];
  sodium_increment(state.nonce, kCounter);
  const bool wanted = (tag & crypto_secretstream_xchacha20poly1305_TAG_REKEY) != 0;
  if (wanted || sodium_is_zero(state.nonce, kCounter) != 0) {
    crypto_secretstream_xchacha20poly1305_rekey(&state);
  }
}

}  // namespace hsfwd::crypto
