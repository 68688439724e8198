// SPDX-License-Identifier: Apache-2.0
// Peers and their services as far as this machine knows them, without the network: what its configuration says, and what a
// running `up` has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace hsfwd::cli {

struct KnownPeer {
  std::string word;                // as on a command line: a key, or @FILE
  std::vector<std::string> names;  // of [peer.NAME], in order, as they may be shown
};

class KnownPeers {
 public:
  /// Of that file, or of the default one. One that cannot be read, or is wrong, has no peers.
  explicit KnownPeers(const std::optional<std::string>& file);

  /// Each word once, by their first names; those whose key is a secret are left out.
  std::vector<KnownPeer> peers() const;
  /// Of a peer as on a command line, each once, in order. Blocks for a fraction of a second at most.
  std::vector<std::string> services_of(const std::string& peer) const;

 private:
  std::string path_;
  std::optional<config::Config> config_;
};

}  // namespace hsfwd::cli
