// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/wire/key_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "codec/writer.hpp"
#include "crypto/crypto.hpp"
#include "util/text.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::string_view kPear = "pear://";
constexpr std::string_view kHolesail = "hs://";
constexpr std::size_t kHolesailMarks = 4;
constexpr std::string_view kHolesailOpen = "hs://0000";
constexpr std::size_t kZ32Size = 52;
constexpr std::size_t kHexSize = 64;
constexpr std::size_t kNearly = 4;  // characters lost with a mouse, or caught along
constexpr std::uint64_t kFlagNodes = 1;

// Of a connection string that may be mistyped.
constexpr std::string_view kScheme = "hs:/";
constexpr std::string_view kSecretMarks = "s000";
constexpr std::size_t kMarksBehindSecret = 3;
constexpr std::size_t kShortestBareSecret = 16;  // behind the marks; shorter may be any word
constexpr std::string_view kEndsSecret = " \t\r\n'\"";

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool begins_with(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(),
                    [](char a, char b) { return a == b || (b >= 'A' && b <= 'Z' && a == b + 32); });
}

std::size_t length_of_word(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_word) -
                                  text.begin());
}

/// How much of a secret connection string that `text` begins with may be shown; 0 if it begins with
/// none. `in_word`: in the midst of one.
std::size_t public_part(std::string_view text, bool in_word) {
  if (begins_with(text, kScheme)) {
    const std::size_t marks = text.find_first_not_of('/', kScheme.size());
    if (marks == std::string_view::npos || !begins_with(text.substr(marks), "s")) return 0;
    const std::size_t end = std::min(text.find_first_of(kEndsSecret), text.size());
    return end > marks + 1 + kMarksBehindSecret ? marks + 1 : 0;
  }
  const bool bare = !in_word && begins_with(text, kSecretMarks) &&
                    length_of_word(text) >= kSecretMarks.size() + kShortestBareSecret;
  return bare ? 1 : 0;
}

}  // namespace

std::string key_text(const crypto::PublicKey& key) {
  return to_z32(key.view());
}

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

std::string near_key(std::string_view text) {
  for (const std::string_view before : {kPear, kHolesailOpen}) {
    if (text.starts_with(before)) text.remove_prefix(before.size());
  }
  if (length_of_word(text) != text.size()) return "";
  if (text.size() == kHexSize) return "it has a character that is not a hexadecimal digit";
  if (text.size() == kZ32Size) return "it has a character that a key cannot have there";
  for (const std::size_t size : {kZ32Size, kHexSize}) {
    const bool few = text.size() < size;
    const std::size_t off = few ? size - text.size() : text.size() - size;
    if (off > kNearly) continue;
    return fmt::format("this has {} characters, {} too {}", text.size(), off, few ? "few" : "many");
  }
  return "";
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
  crypto::Hash32 digest = crypto::sha256(as_bytes(text));
  const auto seed = crypto::Seed::from(digest.view());
  crypto::wipe(digest.mutable_view());
  out.shared_identity = crypto::KeyPair::from_seed(seed);
  out.key = out.shared_identity->public_key;
  return out;
}

std::string without_secrets(std::string_view text) {
  std::string out;
  bool in_word = false;
  while (!text.empty()) {
    const std::size_t shown = public_part(text, in_word);
    if (shown == 0) {
      in_word = is_word(text[0]);
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, shown);
    out += "...";
    text.remove_prefix(std::min(text.find_first_of(kEndsSecret), text.size()));
  }
  return out;
}

}  // namespace hsfwd::hyperdht
