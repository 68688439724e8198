// SPDX-License-Identifier: Apache-2.0
#include "crypto/libcrypto_key.hpp"

#include <utility>

#include "crypto/crypto.hpp"
#include "util/check.hpp"

namespace hsfwd::crypto {

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
