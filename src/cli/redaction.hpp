// SPDX-License-Identifier: Apache-2.0
// Texts that are sent to strangers: what is secret in them is left out, and, if that is wanted, who the peers are.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "node/keys.hpp"

namespace hsfwd::cli {

class Redaction {
 public:
  /// `hide_peers`: keys, names and addresses become peer-1, host-1, the same ones all through.
  explicit Redaction(bool hide_peers) : hide_peers_(hide_peers) {}

  /// Left out wherever it stands as it is.
  void add_secret(std::string secret);
  void add_peer(const std::string& name, const PublicKey& key);
  void add_host(const std::string& name);
  /// A user of this machine, hidden as peers and hosts are.
  void add_user(const std::string& name);
  /// What is no host, though it looks like the name of one.
  void add_file(const std::string& path);
  /// A folder whose path says who somebody is.
  void add_home(std::string home);

  /// Nothing in it is a connection string with a secret, or long enough, as digits or other characters, to be a key that is
  /// not known to be public, or the value of something that is called a secret. Columns are where they were, or further on.
  std::string text(std::string_view text);

  /// A configuration, line by line, without comments. It need not be a correct one. Of values only those are in it whose key is one of
  /// `known`, and does not say that it is a secret.
  std::string toml(std::string_view text, const std::vector<std::string_view>& known);

 private:
  std::string redacted(std::string_view text);
  std::string without_peers(std::string_view text);
  std::string without_homes(std::string_view text);
  bool is_file(std::string_view name) const;
  std::string without_addresses(std::string_view text);
  std::string without_address(std::string_view run);
  std::string peer(const std::string& key);
  std::string host(const std::string& address);
  std::string user(const std::string& name);

  const bool hide_peers_;
  std::vector<std::string> secrets_;
  std::vector<std::string> homes_;
  std::map<std::string, std::string> names_;   // of peers: what stands for each
  std::map<std::string, std::string> labels_;  // of keys, in z-base-32
  std::map<std::string, std::string> hosts_;   // by name or address
  std::vector<std::string> host_names_;
  std::size_t last_host_ = 0;
  std::map<std::string, std::string> users_;
  std::vector<std::string> user_names_;
  std::set<std::string, std::less<>> files_;
};

}  // namespace hsfwd::cli
