// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/key_text.hpp"

#include "codec/writer.hpp"
#include "crypto/crypto.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::string_view kPear = "pear://";
constexpr std::string_view kHolesail = "hs://";
constexpr std::size_t kHolesailMarks = 4;
constexpr std::size_t kZ32Size = 52;
constexpr std::size_t kHexSize = 64;
constexpr std::uint64_t kFlagNodes = 1;
}  // namespace

std::string key_text(const crypto::PublicKey& key) { return to_z32(key.view()); }

std::optional<crypto::PublicKey> parse_key(std::string_view text) {
  if (text.starts_with(kPear)) {
    text.remove_prefix(kPear.size());
    text = text.substr(0, text.find('/'));
  }
  std::optional<Bytes> bytes;
  if (text.size() == kZ32Size) bytes = from_z32(text);
  if (text.size() == kHexSize) bytes = from_hex(text);
  return bytes ? crypto::PublicKey::from_exact(*bytes) : std::nullopt;
}

Bytes KeyAddress::encode() const {
  return codec::encode([this](codec::Writer& w) {
    w.fixed(key);
    w.uint(nodes ? kFlagNodes : 0);
    if (nodes) w.ipv4_array(*nodes);
  });
}

Result<KeyAddress> KeyAddress::decode(ByteView bytes) {
  codec::Reader r(bytes);
  KeyAddress out;
  out.key = r.fixed<crypto::PublicKey>();
  const std::uint64_t flags = r.ok() && !r.rest().empty() ? r.uint() : 0;
  if ((flags & kFlagNodes) != 0) out.nodes = r.ipv4_array();
  if (!r.ok()) return Err(Errc::kTruncated);
  return out;
}

std::optional<HolesailAddress> HolesailAddress::parse(std::string_view text) {
  if (!text.starts_with(kHolesail)) return std::nullopt;
  text.remove_prefix(kHolesail.size());
  if (text.size() <= kHolesailMarks) return std::nullopt;
  const bool secure = text.front() == 's';
  text.remove_prefix(kHolesailMarks);
  HolesailAddress out;
  if (!secure) {
    const auto bytes = text.size() == kZ32Size ? from_z32(text) : std::nullopt;
    if (!bytes) return std::nullopt;
    out.key = crypto::PublicKey::from(*bytes);
    return out;
  }
  // The text itself is hashed, also when it looks like hexadecimal.
  const auto seed = crypto::Seed::from(crypto::sha256(as_bytes(text)).view());
  out.shared_identity = crypto::KeyPair::from_seed(seed);
  out.key = out.shared_identity->public_key;
  return out;
}

}  // namespace hsfwd::hyperdht
