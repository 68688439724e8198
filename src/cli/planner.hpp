// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/address_book.hpp"
#include "cli/plan.hpp"

namespace hsfwd::cli {

/// Makes a plan of a file. The kinds of tunnels read their sections with its help.
class Planner {
 public:
  /// `beside`: what the folder of the file adds to the names of [peer.NAME].
  Planner(const config::Config& config, std::string file, TunnelKinds kinds, AddressBook beside);

  /// Once. Throws UserError with the file, the line and what would be right.
  Plan make();
  /// Those that are there must be usable; the others are made when they are used. After make().
  void check_identities() const;
  /// Secrets in a file that others than its reader can read, as on the command line.
  std::vector<std::string> exposed_secrets() const;

  // --- For kinds of tunnels ---

  using Text = config::Located<std::string>;
  [[noreturn]] void mistake(int line, const std::string& message) const;
  /// Of what is no mistake and yet does not do what it seems to.
  void warn(int line, const std::string& message);
  /// Where relative paths begin.
  const std::string& folder() const { return folder_; }
  /// A key, or the name of a peer.
  PeerReference peer(const Text& text) const;
  /// What the file says of the peer that it calls so; nullptr for one that it does not.
  const config::Peer* named(const std::string& name) const;
  /// All that it gives a name, and the folder beside it.
  std::map<std::string, PeerReference> named_peers() const;
  /// The path of a tunnel's own identity, or of the file's.
  std::string identity(const std::optional<Text>& own);
  /// Of two that listen on the same address the second could not start.
  void refuse_taken(const Text& text, const net::StreamAddress& listen) const;
  /// Whether the plan has a tunnel with that key already.
  bool has(const TunnelKind& kind, const std::string& key) const;
  void add(std::shared_ptr<const TunnelSpec> tunnel) { plan_.tunnels.push_back(std::move(tunnel)); }

 private:
  void warn_of_idle_peers();
  std::string path_of(const Text& text, const char* key) const;
  PeerReference peer(const config::Peer& peer) const;
  ResourceLimits limits() const;
  Options node() const;
  Duration patience(const config::Located<std::int64_t>& wanted) const;
  void check_identity(const Text& path) const;

  const config::Config& config_;
  const std::string file_;
  // Wherever the program is started, a relative path is the same file: another identity is another
  // key.
  const std::string folder_;
  const TunnelKinds kinds_;
  const AddressBook beside_;
  Plan plan_;
  std::vector<Text> identities_;  // paths, and where the file names them
};

}  // namespace hsfwd::cli
