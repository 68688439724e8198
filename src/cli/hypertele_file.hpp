// SPDX-License-Identifier: Apache-2.0
// The JSON files of hypertele: an identity (`publicKey`, `secretKey`), and a configuration of either
// side (`seed`, `peer`, `allow`). docs/protocol/applications.md section 2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/keys.hpp"
#include "util/result.hpp"

namespace hsfwd::cli {

struct HyperteleFile {
  std::optional<KeyPair> keys;  // of the seed, or the pair itself
  std::optional<PublicKey> peer;
  std::optional<std::vector<PublicKey>> allow;  // who may connect to the seed's key; never empty

  /// Whether a text is meant as one.
  static bool is_meant(std::string_view text) { return text.starts_with('{'); }
  /// The error is one clause for people, and tells nothing of what is in the file. What hsfwd does not
  /// have is refused where the other side relies on it (`compress`); other fields are passed over.
  static Result<HyperteleFile, std::string> parse(std::string_view text);
};

}  // namespace hsfwd::cli
