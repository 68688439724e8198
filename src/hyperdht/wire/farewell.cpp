// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/farewell.hpp"

#include "codec/reader.hpp"
#include "codec/writer.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::string_view kFarewellMagic = "hsfwd";
}

Bytes Farewell::encode() const {
  return codec::encode([this](codec::Writer& w) {
    w.uint(static_cast<std::uint64_t>(of));
    w.string(std::string_view(text).substr(0, kMaxText));
  });
}

std::optional<Farewell> Farewell::decode(ByteView bytes) {
  codec::Reader reader(bytes);
  const auto kind = reader.number<Of>();
  const std::string_view text = reader.string();
  if (!reader.ok() || (kind != Of::kStream && kind != Of::kSession)) return std::nullopt;
  return Farewell{.text = printable(text.substr(0, kMaxText)), .of = kind};
}

Bytes Farewell::as_message() const {
  Bytes out = to_bytes(as_bytes(kFarewellMagic));
  const Bytes bytes = encode();
  out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

std::optional<ByteView> Farewell::in_message(ByteView message) {
  const std::size_t size = kFarewellMagic.size();
  if (message.size() < size || !equal(message.first(size), as_bytes(kFarewellMagic))) {
    return std::nullopt;
  }
  const ByteView bytes = message.subspan(size);
  if (!decode(bytes)) return std::nullopt;
  return bytes;
}

}  // namespace hsfwd::hyperdht
