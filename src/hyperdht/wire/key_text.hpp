// SPDX-License-Identifier: Apache-2.0
// How public keys are written down.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/keys.hpp"
#include "net/address.hpp"
#include "util/result.hpp"

namespace hsfwd::hyperdht {

/// z-base-32, 52 characters: the form people are shown.
std::string key_text(const crypto::PublicKey& key);

/// 52 characters z-base-32, 64 hexadecimal digits, or either behind `pear://` and before the next
/// slash; upper case or lower. Differs from upstream, which refuses z-base-32 in upper case and
/// takes any last character: other texts for the same key.
std::optional<crypto::PublicKey> parse_key(std::string_view text);

/// What about a text that is no key, and nearly one: a character too many or too few, or one that
/// no key has. Empty for any other text. Tells nothing of what is in it.
std::string near_key(std::string_view text);

/// A key with nodes to ask for it first.
///
///   public key (32) | flags uint, 1: nodes | nodes array(6) ?1          a bare key is one, too
struct KeyAddress {
  crypto::PublicKey key;
  std::optional<std::vector<net::Address>> nodes;

  Bytes encode() const;
  /// Errors: kTruncated, kTooLarge.
  static Result<KeyAddress> decode(ByteView bytes);
};

/// What a holesail connection string `hs://…` stands for. `hs://s000KEY`: the key text is a secret
/// from which both sides derive one key pair. `hs://0000KEY`: the key is public.
struct HolesailAddress {
  crypto::PublicKey key;
  std::optional<crypto::KeyPair> shared_identity;  // who connects must use it

  static std::optional<HolesailAddress> parse(std::string_view text);
};

/// A text about to be shown or logged, with "..." for the secret part of whatever looks like a
/// connection string that has one, also when it is mistyped.
std::string without_secrets(std::string_view text);

}  // namespace hsfwd::hyperdht
