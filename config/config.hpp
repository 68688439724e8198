// SPDX-License-Identifier: Apache-2.0
// The configuration file of `hsfwd up`, as plain structs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/keys.hpp"
#include "util/result.hpp"

namespace hsfwd::config {

/// A value and where in the file it stands, so that later checks can point there.
template <class T>
struct Located {
  T value{};
  int line = 0;
};

struct Peer {
  std::string key;  // as written; checked by the reader of the file
  std::optional<std::string> key_file = std::nullopt;  // holds the key, in place of it
  int line = 0;
};

struct Expose {
  std::vector<Located<std::string>> services;  // as on the command line of `expose`
  std::vector<Located<std::string>> allow;     // keys, or names of peers; everybody if absent
  std::optional<Located<std::string>> identity;
  bool client_relays = true;
  int line = 0;
};

struct Connect {
  Located<std::string> peer;                 // a key, or the name of a peer
  std::vector<Located<std::string>> listen;  // as -L of `connect`
  // Of the unix sockets among them
  std::optional<Located<std::string>> socket_mode;
  std::optional<Located<std::string>> socket_group;
  int line = 0;
};

struct Config {
  std::optional<Located<std::string>> identity;  // path
  std::vector<Located<std::string>> bootstrap;
  std::optional<Located<std::string>> host;
  std::optional<Located<std::int64_t>> port;
  std::vector<Located<std::string>> relay_through;  // keys, or names of peers
  std::optional<Located<std::int64_t>> max_connections;
  std::optional<Located<std::int64_t>> max_connections_per_key;
  std::optional<Located<std::int64_t>> max_buffered;  // MiB
  std::map<std::string, Peer> peers;
  std::vector<Expose> exposes;
  std::vector<Connect> connects;
};

/// What is wrong, where, and what would be right: "file:line: message".
struct ConfigError {
  std::string file;
  int line = 0;  // 0: the file as a whole
  std::string message;

  std::string to_string() const;
};

/// Reads the TOML; strict about unknown keys and types. What the values mean is checked where they are used (cli/plan).
Result<Config, ConfigError> parse(const std::string& text, const std::string& file);

/// Where `hsfwd up` looks unless told otherwise: $XDG_CONFIG_HOME/hsfwd/hsfwd.toml,
/// ~/.config/hsfwd/hsfwd.toml, /etc/hsfwd/hsfwd.toml; the first that exists.
std::vector<std::string> default_paths();

}  // namespace hsfwd::config
