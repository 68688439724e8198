// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/farewell.hpp"

#include "codec/writer.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::string_view kFarewellMagic = "hsfwd";
}

Bytes Farewell::encode() const {
  return codec::encode([this](codec::Writer& w) {
    w.raw(as_bytes(kFarewellMagic));
    w.uint(kKind);
    w.string(std::string_view(text).substr(0, kMaxText));
  });
}

std::optional<Farewell> Farewell::decode(ByteView message) {
  codec::Reader reader(message);
  if (!equal(reader.raw(kFarewellMagic.size()), as_bytes(kFarewellMagic))) return std::nullopt;
  const std::uint64_t kind = reader.uint();
  const std::string_view text = reader.string();
  if (!reader.ok() || kind != kKind) return std::nullopt;
  return Farewell{printable(text.substr(0, kMaxText))};
}

}  // namespace hsfwd::hyperdht
