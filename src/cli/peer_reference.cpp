// SPDX-License-Identifier: Apache-2.0
#include "cli/peer_reference.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "cli/address_book.hpp"
#include "cli/hypertele_file.hpp"
#include "cli/user_error.hpp"
#include "platform/directories.hpp"
#include "platform/secret_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kMissing = "does not exist";
constexpr const char* kKeyForms =
    "expected 64 hexadecimal digits, 52 z-base-32 characters or hs://...";

/// What keys look like, and what is wrong with one that is nearly right.
std::string key_forms(std::string_view text) {
  const std::string near = near_key(text);
  return near.empty() ? kKeyForms : fmt::format("{}; {}", kKeyForms, near);
}

PeerReference of_string(const HolesailAddress& address, const std::string& text) {
  return {.key = address.key,
          .identity = address.shared_identity,
          .name = address.shared_identity ? key_text(address.key) : text,
          .connection_string = true};
}

/// The content of a file. The error tells nothing of it.
Result<PeerReference, std::string> of_text(std::string_view text) {
  if (const auto key = parse_key(text)) return PeerReference{*key, std::nullopt, std::string(text)};
  if (const auto address = HolesailAddress::parse(text)) {
    return of_string(*address, std::string(text));
  }
  if (!HyperteleFile::is_meant(text)) return Err("has no key; " + key_forms(text));
  const auto file = HyperteleFile::parse(text);
  if (!file) return Err(file.error());
  if (file->peer) return PeerReference{*file->peer, std::nullopt, key_text(*file->peer)};
  if (!file->keys) return Err(std::string("has no peer, and no seed"));
  // A seed is what both sides of hypertele --private have.
  return PeerReference{file->keys->public_key, file->keys, key_text(file->keys->public_key)};
}

std::string bad_file(const std::string& path, const std::string& what) {
  return fmt::format("key file {}: {}", in_quotes(path), what);
}

/// The path behind an @. Throws UserError.
std::string path_argument(const std::string& word) {
  auto path = platform::resolve_path(std::string_view(word).substr(1));
  if (!path) throw UserError{kUsage, "USAGE", fmt::format("@FILE: {}", path.error())};
  return std::move(*path);
}

/// `no_key`: what is wrong with it as a key. Throws UserError.
PeerReference peer_of_name(const std::string& word, const std::string& no_key) {
  const bool may_be_name = !bad_peer_name(word);
  const AddressBook book = may_be_name ? AddressBook::load() : AddressBook();
  if (const PeerReference* const named = book.find(word)) {
    const std::string doubt = book.doubt_of(word);
    if (doubt.empty()) return *named;
    throw UserError{kBadConfig, "BAD_NAME",
                    fmt::format("{} of {} may not be the right peer: {}", word,
                                book.origin_of(word).file, doubt)};
  }
  // A word of that length was meant for a key.
  constexpr std::size_t kLongName = 40;
  if (!may_be_name || word.size() >= kLongName) throw UserError{kUsage, "BAD_KEY", no_key};
  std::string why =
      fmt::format("{} is neither a key nor the name of a peer; hsfwd peers add {} KEY makes it one",
                  in_quotes(word), word);
  for (const std::string& problem : book.problems()) why += "; " + problem;
  throw UserError{kUsage, "BAD_KEY", why};
}

}  // namespace

Result<PeerReference, std::string> PeerReference::parse(const std::string& text) {
  if (const auto key = parse_key(text)) return PeerReference{*key, std::nullopt, text};
  if (const auto address = HolesailAddress::parse(text)) {
    return of_string(*address, text);
  }
  return Err(fmt::format("{} is not a key; {}", in_quotes(text), key_forms(text)));
}

Result<PeerReference, std::string> PeerReference::read(const std::string& path) {
  const auto bad = [&](const std::string& what) { return Err(bad_file(path, what)); };
  const auto file = platform::read_secret_file(path);
  if (!file) return bad(file.error());
  if (!*file) return bad(kMissing);
  const std::string_view text = (*file)->text.trimmed();
  // Its content is not shown: it may be a secret.
  auto out = of_text(text);
  if (!out) return bad(out.error());
  if (out->identity && !(*file)->exposed.empty()) return bad((*file)->exposed);
  return out;
}

PeerReference peer_argument(const std::string& word) {
  if (!word.starts_with('@')) {
    const auto peer = PeerReference::parse(word);
    return peer ? *peer : peer_of_name(word, peer.error());
  }
  const auto peer = PeerReference::read(path_argument(word));
  if (!peer) throw UserError{kBadConfig, "BAD_KEY_FILE", peer.error()};
  return *peer;
}

std::vector<PublicKey> allowed_argument(const std::string& word) {
  if (word.starts_with('@')) {
    const std::string path = path_argument(word);
    const auto file = platform::read_secret_file(path);
    const std::string_view text = file && *file ? (*file)->text.trimmed() : std::string_view();
    const auto list = HyperteleFile::is_meant(text) ? HyperteleFile::parse(text) : HyperteleFile();
    if (!list) throw UserError{kBadConfig, "BAD_KEY_FILE", bad_file(path, list.error())};
    if (list->allow) return *list->allow;
  }
  return {peer_argument(word).key};
}

}  // namespace hsfwd::cli
