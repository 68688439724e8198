// SPDX-License-Identifier: Apache-2.0
// The configuration file of `hsfwd up`, as plain structs.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
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
  // Of a network that it is in, see [tun]
  std::vector<Located<std::string>> addresses = {};
  std::vector<Located<std::string>> networks = {};
  std::vector<Located<std::string>> allow = {};
  std::optional<Located<std::string>> nospoon = std::nullopt;
  int line = 0;
};

/// A key that sections of one name may have.
struct Key {
  enum class Type { kText, kTexts, kBoolean, kInteger };
  std::string_view name;
  Type type = Type::kText;
  std::string_view needed = {};  // what [[NAME]] needs, where it is missing; empty: may be left out
  std::string_view instead = {};  // of an empty list: what to write; empty: it means what it says
};
/// The sections [[NAME]] of a file, of which each is a tunnel, or several.
struct Shape {
  std::string_view name;
  std::span<const Key> keys;
  bool single = false;  // [NAME], and one at most

  std::string header() const;
};

/// One of them. Its values have the types that its shape says; what is needed is there.
class Section {
 public:
  using Value = std::variant<Located<std::string>, std::vector<Located<std::string>>, bool,
                             Located<std::int64_t>>;

  Section(std::string_view name, int line) : name_(name), line_(line) {}
  /// By the reader of the file.
  void add(std::string_view key, Value value) { values_.emplace_back(key, std::move(value)); }

  const std::string& name() const { return name_; }
  int line() const { return line_; }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::optional<Located<std::string>> text(std::string_view key) const;
  std::vector<Located<std::string>> texts(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<Located<std::int64_t>> integer(std::string_view key) const;
  std::vector<Located<std::string>> all_texts() const;

 private:
  const Value* find(std::string_view key) const;

  std::string name_;
  int line_;
  std::vector<std::pair<std::string, Value>> values_;
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
  std::optional<Located<std::int64_t>> patience;      // seconds
  std::map<std::string, Peer> peers;
  std::vector<Section> tunnels;  // by shapes, then as in the file
};

/// What is wrong, where, and what would be right: "file:line: message".
struct ConfigError {
  std::string file;
  int line = 0;  // 0: the file as a whole
  std::string message;

  std::string to_string() const;
};

/// Reads the TOML; strict about unknown keys and types. What the values mean is checked where they
/// are used (cli/planner). `tunnels` are the sections that there may be.
Result<Config, ConfigError> parse(const std::string& text, const std::string& file,
                                  std::span<const Shape> tunnels);

/// Where `hsfwd up` looks unless told otherwise: $XDG_CONFIG_HOME/hsfwd/hsfwd.toml,
/// ~/.config/hsfwd/hsfwd.toml, /etc/hsfwd/hsfwd.toml; the first that exists.
std::vector<std::string> default_paths();

}  // namespace hsfwd::config
