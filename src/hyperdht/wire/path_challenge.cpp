// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/path_challenge.hpp"

#include "codec/reader.hpp"
#include "codec/writer.hpp"

namespace hsfwd::hyperdht {

Bytes PathChallenge::encode() const {
  return codec::encode([this](codec::Writer& w) {
    w.uint(static_cast<std::uint64_t>(kind));
    w.raw(nonce.view());
  });
}

std::optional<PathChallenge> PathChallenge::decode(ByteView bytes) {
  codec::Reader reader(bytes);
  const auto kind = reader.number<Kind>();
  const auto nonce = reader.fixed<Nonce>();
  if (!reader.ok() || (kind != Kind::kQuestion && kind != Kind::kAnswer)) return std::nullopt;
  return PathChallenge{kind, nonce};
}

}  // namespace hsfwd::hyperdht
