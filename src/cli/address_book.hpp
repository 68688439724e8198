// SPDX-License-Identifier: Apache-2.0
// What people call peers: [peer.NAME] of a configuration file, and the files of the folder peers.d beside it, each of
// which has the key of the peer that it is named after.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/events/event.hpp"
#include "cli/peer_reference.hpp"

namespace hsfwd::cli {

/// Characters of a key that tell it from others in a line for people.
inline constexpr std::size_t kShortKey = 12;

/// The names of keys, for whatever is shown.
class PeerNames {
 public:
  PeerNames() = default;
  /// Of several names of a key it is the first.
  explicit PeerNames(const std::map<std::string, PeerReference>& peers);

  Omittable<std::string> of(const PublicKey& key) const;
  /// Its name, or as much of the key as tells it from others in a line for people.
  std::string shown(const PublicKey& key) const;
  /// Its name with as much of the key, or all of the key.
  std::string shown_with_key(const PublicKey& key) const;

 private:
  std::map<PublicKey, std::string> names_;
};

class AddressBook {
 public:
  using Peers = std::map<std::string, PeerReference>;
  static constexpr const char* kFolder = "peers.d";
  static constexpr std::size_t kMaxFiles = 1000;  // of a folder

  /// Of all files that are read where none is named, in their order: of a name that several have the first counts. What makes no
  /// sense, or may have been written by another user, has no names, and a problem.
  static AddressBook load();
  /// Of that configuration file, and the folder peers.d beside it.
  static AddressBook of_file(const std::string& file);
  /// Of the folder peers.d beside that configuration file; beside standard input there is none.
  static AddressBook beside(const std::string& file);

  const Peers& peers() const { return peers_; }
  const PeerReference* find(const std::string& name) const;
  /// Where a name that there is comes from.
  struct Origin {
    std::string file;
    bool of_folder = false;  // peers.d; else of a configuration
    std::size_t source = 0;  // in the order in which they count
  };
  const Origin& origin_of(const std::string& name) const { return origins_.at(name); }
  /// Why a name may mean somebody else, one clause for people: of what counts ahead of where it is from, something is not read.
  /// Empty: it is what it is.
  std::string doubt_of(const std::string& name) const;
  /// Why there may be names that are not here, one clause for people each.
  std::vector<std::string> problems() const;

 private:
  void add(const std::string& name, PeerReference peer, Origin origin);
  void add_folder(const std::string& folder);
  void add_configuration(const std::string& file);
  void add_problem(std::string what) { problems_.emplace_back(source_, std::move(what)); }

  Peers peers_;
  std::map<std::string, Origin> origins_;
  std::vector<std::pair<std::size_t, std::string>> problems_;  // each with its source
  std::size_t source_ = 0;                                     // that is being read
};

/// What a file of peers.d may be called, which is what a service may be called, but for a dot or a hyphen at the beginning. The error is one
/// clause for people.
std::optional<std::string> bad_peer_name(const std::string& name);

/// The folder of this user's configuration file, or of the one that HSFWD_CONFIG names. Throws UserError.
std::string configuration_folder();

}  // namespace hsfwd::cli
