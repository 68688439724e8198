// SPDX-License-Identifier: Apache-2.0
// What people call peers: [peer.NAME] of a configuration file, and the files of the folder peers.d beside it, each of
// which has the key of the peer that it is named after.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/event.hpp"
#include "cli/peer_reference.hpp"

namespace hsfwd::cli {

/// The names of keys, for whatever is shown.
class PeerNames {
 public:
  PeerNames() = default;
  /// Of several names of a key it is the first.
  explicit PeerNames(const std::map<std::string, PeerReference>& peers);

  Omittable<std::string> of(const PublicKey& key) const;
  /// Its name, or as much of the key as tells it from others in a line for people.
  std::string shown(const PublicKey& key) const;

 private:
  std::map<PublicKey, std::string> names_;
};

class AddressBook {
 public:
  using Peers = std::map<std::string, PeerReference>;
  static constexpr const char* kFolder = "peers.d";
  static constexpr std::size_t kMaxFiles = 1000;  // of a folder

  /// Of all files that are read where none is named. A file that makes no sense has no names, and a problem.
  static AddressBook load();
  /// Of the folder peers.d in `folder`.
  static AddressBook of_folder(const std::string& folder);

  const Peers& peers() const { return peers_; }
  const PeerReference* find(const std::string& name) const;
  /// Where a name comes from.
  std::string file_of(const std::string& name) const;
  /// Why there may be names that are not here, one clause for people each.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void add(const std::string& name, PeerReference peer, const std::string& file);
  void add_folder(const std::string& folder);
  void add_configuration(const std::string& file);

  Peers peers_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> problems_;
};

/// What a file of peers.d may be called, which is what a service may be called, without a dot at the beginning. The error is one
/// clause for people.
std::optional<std::string> bad_peer_name(const std::string& name);

/// The folder of the configuration file that is read, or would be, where none is named.
std::string configuration_folder();

}  // namespace hsfwd::cli
