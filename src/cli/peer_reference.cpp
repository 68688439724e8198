// SPDX-License-Identifier: Apache-2.0
#include "cli/peer_reference.hpp"

#include <fmt/format.h>

#include <string_view>

#include "cli/user_error.hpp"
#include "platform/directories.hpp"
#include "platform/secret_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kKeyForms =
    "expected 64 hexadecimal digits, 52 z-base-32 characters or hs://...";

/// What keys look like, and what is wrong with one that is nearly right.
std::string key_forms(std::string_view text) {
  const std::string near = near_key(text);
  return near.empty() ? kKeyForms : fmt::format("{}; {}", kKeyForms, near);
}

}  // namespace

Result<PeerReference, std::string> PeerReference::parse(const std::string& text) {
  if (const auto key = parse_key(text)) return PeerReference{*key, std::nullopt, text};
  if (const auto address = HolesailAddress::parse(text)) {
    return PeerReference{address->key, address->shared_identity,
                         address->shared_identity ? key_text(address->key) : text};
  }
  return Err(fmt::format("{} is not a key; {}", in_quotes(text), key_forms(text)));
}

Result<PeerReference, std::string> PeerReference::read(const std::string& path) {
  const auto bad = [&](const std::string& what) {
    return Err(fmt::format("key file {}: {}", in_quotes(path), what));
  };
  const auto file = platform::read_secret_file(path);
  if (!file) return bad(file.error());
  if (!*file) return bad("does not exist");
  const std::string_view text = (*file)->text.trimmed();
  if (const auto key = parse_key(text)) return PeerReference{*key, std::nullopt, std::string(text)};
  const auto address = HolesailAddress::parse(text);
  // Its content is not shown: it may be a secret.
  if (!address) return bad("has no key; " + key_forms(text));
  if (!address->shared_identity) {
    return PeerReference{address->key, std::nullopt, std::string(text)};
  }
  if (!(*file)->exposed.empty()) return bad((*file)->exposed);
  return PeerReference{address->key, address->shared_identity, key_text(address->key)};
}

PeerReference peer_argument(const std::string& word) {
  if (!word.starts_with('@')) {
    const auto peer = PeerReference::parse(word);
    if (!peer) throw UserError{kUsage, "BAD_KEY", peer.error()};
    return *peer;
  }
  const auto path = platform::resolve_path(std::string_view(word).substr(1));
  if (!path) throw UserError{kUsage, "USAGE", fmt::format("@FILE: {}", path.error())};
  const auto peer = PeerReference::read(*path);
  if (!peer) throw UserError{kBadConfig, "BAD_KEY_FILE", peer.error()};
  return *peer;
}

}  // namespace hsfwd::cli
