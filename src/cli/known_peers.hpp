// SPDX-License-Identifier: Apache-2.0
// Peers and their services as far as this machine knows them, without the network: what it calls them, what its
// configuration says, and what a running `up` has.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/address_book.hpp"
#include "config/config.hpp"

namespace hsfwd::cli {

struct KnownPeer {
  std::string name;  // as it may be shown
  std::string key;
};

class KnownPeers {
 public:
  /// Of that configuration file, or of those that are read where none is named (empty). What cannot be read, or is
  /// wrong, has no peers.
  explicit KnownPeers(const std::string& file);

  /// In the order of their names.
  std::vector<KnownPeer> peers() const;
  /// Of a peer as on a command line, each once, in order. Blocks for a fraction of a second at most.
  std::vector<std::string> services_of(const std::string& peer) const;

 private:
  std::optional<PublicKey> key_of(const std::string& word) const;
  std::set<std::string> services_in_file(const PublicKey& key) const;

  AddressBook book_;
  std::string path_;
  std::optional<config::Config> config_;
};

}  // namespace hsfwd::cli
