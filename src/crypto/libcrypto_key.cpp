// SPDX-License-Identifier: Apache-2.0
#include "crypto/libcrypto_key.hpp"

#include <utility>

#include "crypto/crypto.hpp"
#include "util/check.hpp"

namespace hsfwd::crypto {

namespace {
// Of Poly1305. With the instructions for it, OpenSSL 3 takes eight at a time in a call whose number of blocks has no
// four left over beside the eights, and else four at a time, which makes sealing a fifth slower.
constexpr std::size_t kBlockSize = 16;
constexpr std::size_t kBlocksAtOnce = 8;
// Bytes for which a second call is worth it. At 1,400 it is not.
constexpr std::size_t kWorthTwo = 2048;
}  // namespace

LibcryptoKey::LibcryptoKey(const Key32& key, Direction direction)
    : library_(Libcrypto::get()), direction_(direction) {
  if (library_ == nullptr) return;
  context_ = library_->new_context();
  if (context_ != nullptr && library_->init(context_, library_->cipher, nullptr, key.data(),
                                            nullptr, static_cast<int>(direction)) != 1) {
    library_->free_context(std::exchange(context_, nullptr));
  }
}

LibcryptoKey::~LibcryptoKey() {
  // It wipes the key.
  if (context_ != nullptr) library_->free_context(context_);
}

void LibcryptoKey::set_key(const Key32& key) {
  if (context_ == nullptr) return;
  if (library_->init(context_, nullptr, nullptr, key.data(), nullptr,
                     static_cast<int>(direction_)) == 1) {
    return;
  }
  library_->free_context(std::exchange(context_, nullptr));
}

bool LibcryptoKey::begin(const Nonce& nonce) {
  return context_ != nullptr &&
         library_->init(context_, nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
}

void LibcryptoKey::expect(ByteView tag) {
  std::array<std::uint8_t, kTagSize> copy{};
  copy_bytes(tag, copy);
  HSFWD_CHECK(library_->control(context_, Libcrypto::kSetTag, kTagSize, copy.data()) == 1);
}

void LibcryptoKey::update(ByteView in, std::uint8_t* out) {
  const std::size_t odd =
      in.size() < kWorthTwo ? 0 : in.size() / kBlockSize % kBlocksAtOnce * kBlockSize;
  if (odd > 0) update_once(in.first(odd), out);
  update_once(in.subspan(odd), out + odd);
}

void LibcryptoKey::update_once(ByteView in, std::uint8_t* out) {
  int done = 0;
  HSFWD_CHECK(library_->update(context_, out, &done, in.data(), static_cast<int>(in.size())) == 1);
}

void LibcryptoKey::finish(MutableBytes tag) {
  std::array<std::uint8_t, kTagSize> nothing{};
  int rest = 0;
  HSFWD_CHECK(library_->finish(context_, nothing.data(), &rest) == 1 &&
              library_->control(context_, Libcrypto::kGetTag, kTagSize, tag.data()) == 1);
}

bool LibcryptoKey::finish() {
  std::array<std::uint8_t, kTagSize> nothing{};
  int rest = 0;
  return library_->finish(context_, nothing.data(), &rest) == 1;
}

}  // namespace hsfwd::crypto
