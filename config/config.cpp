// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "util/text.hpp"

namespace hsfwd::config {

namespace {

/// Thrown inside this file only, from where a mistake is found to where it is reported.
struct Mistake {
  int line;
  std::string message;
};

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }
int line_of(const toml::key& key) { return static_cast<int>(key.source().begin.line); }

/// The known keys that are nearest to a wrong one, for the hint.
std::string suggestion(std::string_view wrong, const std::vector<std::string_view>& known) {
  const auto distance = [&](std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    for (std::size_t j = 0; j <= right.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= wrong.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= right.size(); ++j) {
        const std::size_t above = row[j];
        const std::size_t change = diagonal + (wrong[i - 1] == right[j - 1] ? 0 : 1);
        row[j] = std::min({above + 1, row[j - 1] + 1, change});
        diagonal = above;
      }
    }
    return row[right.size()];
  };
  const auto nearest = std::min_element(
      known.begin(), known.end(),
      [&](std::string_view a, std::string_view b) { return distance(a) < distance(b); });
  if (nearest != known.end() && distance(*nearest) <= 2) {
    return fmt::format("; did you mean '{}'?", *nearest);
  }
  return fmt::format("; known are {}", fmt::join(known, ", "));
}

/// A table whose keys are taken out one by one; what is left over is a mistake.
class Table {
 public:
  Table(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  std::optional<Located<std::string>> text(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value_exact<std::string>();
    if (!value) throw wrong_type(*node, key, "a string");
    return Located<std::string>{*value, line_of(*node)};
  }

  std::optional<Located<std::int64_t>> integer(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value_exact<std::int64_t>();
    if (!value) throw wrong_type(*node, key, "a whole number");
    return Located<std::int64_t>{*value, line_of(*node)};
  }

  /// A list of strings; a single string is a list of one.
  std::vector<Located<std::string>> texts(std::string_view key) {
    std::vector<Located<std::string>> out;
    const toml::node* node = take(key);
    if (node == nullptr) return out;
    if (const auto single = node->value_exact<std::string>()) {
      out.push_back({*single, line_of(*node)});
      return out;
    }
    const toml::array* list = node->as_array();
    if (list == nullptr) throw wrong_type(*node, key, "a string or a list of strings");
    for (const toml::node& entry : *list) {
      const auto value = entry.value_exact<std::string>();
      if (!value) throw wrong_type(entry, key, "a list of strings");
      out.push_back({*value, line_of(entry)});
    }
    return out;
  }

  const toml::table* table(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) throw wrong_type(*node, key, "a table");
    return node->as_table();
  }

  std::vector<const toml::table*> tables(std::string_view key) {
    std::vector<const toml::table*> out;
    const toml::node* node = take(key);
    if (node == nullptr) return out;
    const toml::array* list = node->as_array();
    if (list == nullptr) {
      throw Mistake{line_of(*node), fmt::format("write [[{}]], with two brackets", key)};
    }
    for (const toml::node& entry : *list) {
      if (!entry.is_table()) throw wrong_type(entry, key, "a list of tables");
      out.push_back(entry.as_table());
    }
    return out;
  }

  void refuse_unknown() const {
    for (const auto& [key, value] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      throw Mistake{line_of(key), fmt::format("unknown key '{}'{}{}", key.str(), where_,
                                              suggestion(key.str(), known_))};
    }
  }

 private:
  const toml::node* take(std::string_view key) {
    known_.push_back(key);
    return table_.get(key);
  }
  Mistake wrong_type(const toml::node& node, std::string_view key, std::string_view right) const {
    return {line_of(node), fmt::format("'{}'{} has to be {}", key, where_, right)};
  }

  const toml::table& table_;
  const std::string where_;
  std::vector<std::string_view> known_;
};

Expose read_expose(const toml::table& table) {
  Table in(table, " in [[expose]]");
  Expose out;
  out.line = line_of(table);
  out.services = in.texts("services");
  out.allow = in.texts("allow");
  if (const auto identity = in.text("identity")) out.identity = identity->value;
  in.refuse_unknown();
  if (out.services.empty()) {
    throw Mistake{out.line, "[[expose]] needs services, such as services = [\"22\"]"};
  }
  return out;
}

Connect read_connect(const toml::table& table) {
  Table in(table, " in [[connect]]");
  Connect out;
  out.line = line_of(table);
  const auto peer = in.text("peer");
  out.listen = in.texts("listen");
  in.refuse_unknown();
  if (!peer) throw Mistake{out.line, "[[connect]] needs a peer: its key, or a name from [peer.NAME]"};
  if (out.listen.empty()) {
    throw Mistake{out.line, "[[connect]] needs listen, such as listen = [\"2222\"]"};
  }
  out.peer = *peer;
  return out;
}

std::map<std::string, Peer> read_peers(const toml::table& table) {
  std::map<std::string, Peer> out;
  for (const auto& [name, node] : table) {
    if (!node.is_table()) {
      throw Mistake{line_of(node), fmt::format("write [peer.{}] and key = below it", name.str())};
    }
    Table in(*node.as_table(), fmt::format(" in [peer.{}]", name.str()));
    const auto key = in.text("key");
    in.refuse_unknown();
    if (!key) throw Mistake{line_of(node), fmt::format("[peer.{}] needs a key", name.str())};
    out[std::string(name.str())] = {key->value, key->line};
  }
  return out;
}

Config read_config(const toml::table& root) {
  Table in(root, "");
  Config out;
  if (const auto identity = in.text("identity")) out.identity = identity->value;
  out.bootstrap = in.texts("bootstrap");
  out.host = in.text("host");
  out.port = in.integer("port");
  out.relay_through = in.texts("relay_through");
  if (const toml::table* peers = in.table("peer")) out.peers = read_peers(*peers);
  for (const toml::table* expose : in.tables("expose")) out.exposes.push_back(read_expose(*expose));
  for (const toml::table* connect : in.tables("connect")) {
    out.connects.push_back(read_connect(*connect));
  }
  in.refuse_unknown();
  return out;
}

}  // namespace

std::string ConfigError::to_string() const {
  // The message may quote the file.
  const std::string text = printable(message);
  if (line == 0) return fmt::format("{}: {}", file, text);
  return fmt::format("{}:{}: {}", file, line, text);
}

Result<Config, ConfigError> parse(const std::string& text, const std::string& file) {
  const toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Err(ConfigError{file, static_cast<int>(error.source().begin.line),
                           std::string(error.description())});
  }
  try {
    return read_config(parsed.table());
  } catch (const Mistake& mistake) {
    return Err(ConfigError{file, mistake.line, mistake.message});
  }
}

Result<Config, ConfigError> load(const std::string& path) {
  std::error_code error;
  const std::ifstream in(path);
  if (!in || std::filesystem::is_directory(path, error)) {
    return Err(ConfigError{path, 0, "cannot be read"});
  }
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str(), path);
}

std::vector<std::string> default_paths() {
  std::vector<std::string> out;
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (config != nullptr && *config == '/') {
    out.push_back(fmt::format("{}/hsfwd/hsfwd.toml", config));
  } else if (home != nullptr) {
    out.push_back(fmt::format("{}/.config/hsfwd/hsfwd.toml", home));
  }
  out.emplace_back("/etc/hsfwd/hsfwd.toml");
  return out;
}

}  // namespace hsfwd::config
