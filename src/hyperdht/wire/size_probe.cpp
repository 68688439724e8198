// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/size_probe.hpp"

#include <algorithm>
#include <limits>

#include "codec/reader.hpp"
#include "codec/writer.hpp"

namespace hsfwd::hyperdht {

Bytes SizeProbe::encode(std::size_t size) const {
  Bytes out = codec::encode([this](codec::Writer& w) {
    w.uint(static_cast<std::uint64_t>(kind));
    w.uint(number);
  });
  out.resize(std::max(out.size(), size));
  return out;
}

std::optional<SizeProbe> SizeProbe::decode(ByteView bytes) {
  codec::Reader reader(bytes);
  const auto kind = reader.number<Kind>();
  const std::uint64_t number = reader.uint();
  if (!reader.ok() || number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  if (kind != Kind::kQuestion && kind != Kind::kAnswer) return std::nullopt;
  return SizeProbe{kind, static_cast<std::uint32_t>(number)};
}

}  // namespace hsfwd::hyperdht
