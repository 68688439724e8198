// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/keys.hpp"
#include "util/result.hpp"

namespace hsfwd::cli {

/// A peer as people write it: key in any form, or `hs://…`.
struct PeerReference {
  PublicKey key;
  std::optional<KeyPair> identity = std::nullopt;  // to be used instead of ours
  std::string name = {};  // for people: what was written, or the key where that was a secret
  bool connection_string = false;  // written as `hs://…`: a holesail server's, which has a record

  // The errors are one clause for people.
  static Result<PeerReference, std::string> parse(const std::string& text);
  /// The same for a file's content. A file with a secret must be private to its owner.
  static Result<PeerReference, std::string> read(const std::string& path);

  /// Leads to the same peer as the same one, whatever it is called.
  bool same_peer(const PeerReference& other) const {
    // An identity that comes with a reference is made from the same secret as its key.
    return key == other.key && identity.has_value() == other.identity.has_value();
  }
};

/// A word on the command line: a peer, its name, or @FILE. Throws UserError.
PeerReference peer_argument(const std::string& word);
/// The same for who may connect, of whom a file of hypertele's lists several.
std::vector<PublicKey> allowed_argument(const std::string& word);

}  // namespace hsfwd::cli
