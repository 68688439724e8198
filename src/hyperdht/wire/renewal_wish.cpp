// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/renewal_wish.hpp"

#include "codec/reader.hpp"
#include "codec/writer.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::uint64_t kRenewal = 7;
}

Bytes RenewalWish::encode() const {
  return codec::encode([](codec::Writer& w) { w.uint(kRenewal); });
}

std::optional<RenewalWish> RenewalWish::decode(ByteView bytes) {
  codec::Reader reader(bytes);
  const std::uint64_t kind = reader.uint();
  if (!reader.ok() || kind != kRenewal) return std::nullopt;
  return RenewalWish();
}

}  // namespace hsfwd::hyperdht
