// SPDX-License-Identifier: Apache-2.0
#include "cli/redaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>
#include <utility>

#include "cli/address_book.hpp"
#include "ip/address.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kHidden = "(left out)";
// Half of a key's: a piece of a secret is one as well.
constexpr std::size_t kLeastDigits = 32;
constexpr std::size_t kMostOfAddress = 300;  // characters: a name, a port, and what is ahead of it
constexpr std::size_t kLeastMixed = 40;      // characters, of upper and lower case and digits

bool is_digit_or_letter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}
bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_of_word(char c) {
  return is_digit_or_letter(c) || c == '_' || c == '-';
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The characters at the beginning that `belongs` takes.
template <class Belongs>
std::size_t run_of(std::string_view text, Belongs belongs) {
  std::size_t size = 0;
  while (size < text.size() && belongs(text[size])) ++size;
  return size;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what)) {
    out.append(text.substr(0, at)).append(by);
    text.remove_prefix(at + what.size());
  }
  return out.append(text);
}

/// The same, but not within a longer word.
std::string replaced_word(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + 1)) {
    const std::size_t end = at + what.size();
    if (at < from || (at > 0 && is_of_word(text[at - 1])) ||
        (end < text.size() && is_of_word(text[end]))) {
      continue;
    }
    out.append(text.substr(from, at - from)).append(by);
    from = end;
  }
  return out.append(text.substr(from));
}

/// What many machines and users are called, and what the report itself says.
bool is_nobodys_name(std::string_view name) {
  constexpr std::string_view kNames[] = {"", "localhost", "root", "nobody", "hsfwd"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

/// In whatever case, and as a part of a word that is put together of several.
std::string replaced_name(std::string_view text, std::string_view name, std::string_view by) {
  const std::string all = lower(text);
  const std::string what = lower(name);
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) {
    const std::size_t end = at + what.size();
    if (at < from || (at > 0 && is_digit_or_letter(all[at - 1])) ||
        (end < all.size() && is_digit_or_letter(all[end]))) {
      continue;
    }
    out.append(text.substr(from, at - from)).append(by);
    from = end;
  }
  return out.append(text.substr(from));
}

/// A path, not within a longer word; what is ahead of it may be an option's letter.
std::string replaced_path(std::string_view text, std::string_view path, std::string_view by) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = text.find(path); at != std::string_view::npos;
       at = text.find(path, at + 1)) {
    const std::size_t end = at + path.size();
    if (at < from || (end < text.size() && is_of_word(text[end]))) continue;
    out.append(text.substr(from, at - from)).append(by);
    from = end;
  }
  return out.append(text.substr(from));
}

/// Whether the file of that name can be no host: no domain ends so.
bool has_extension_of_file(std::string_view name) {
  constexpr std::string_view kExtensions[] = {".toml", ".conf", ".cfg",     ".json", ".txt",
                                              ".log",  ".sock", ".service", ".key",  ".pid",
                                              ".cpp",  ".hpp",  ".jsonl",   ".lock", ".pub"};
  return std::any_of(std::begin(kExtensions), std::end(kExtensions),
                     [&](std::string_view extension) { return name.ends_with(extension); });
}

/// What somebody calls a thing that is nobody's business.
bool names_secret(std::string_view word) {
  std::string plain;
  for (const char c : word) {
    if (is_digit_or_letter(c)) plain += lower(c);
  }
  constexpr std::string_view kNames[] = {"secret", "seed",       "passw",     "passphrase",
                                         "token",  "privatekey", "credential"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view name) { return plain.find(name) != std::string::npos; });
}

/// Letters of both cases and digits, as bytes are written that are no words.
bool is_mixed(std::string_view text) {
  const auto has = [&](auto&& kind) {
    return std::any_of(text.begin(), text.end(),
                       [&](char c) { return kind(static_cast<unsigned char>(c)) != 0; });
  };
  return has([](int c) { return std::isupper(c); }) && has([](int c) { return std::islower(c); }) &&
         has([](int c) { return std::isdigit(c); });
}

std::string without_digits_of_word(std::string_view word) {
  if (word.size() >= kLeastMixed && is_mixed(word)) {
    return fmt::format("({} characters)", word.size());
  }
  std::string out;
  while (!word.empty()) {
    const std::size_t digits = run_of(word, is_hex);
    const std::size_t step = std::max<std::size_t>(digits, 1);
    out += digits >= kLeastDigits ? fmt::format("({} hexadecimal digits)", digits)
                                  : std::string(word.substr(0, step));
    word.remove_prefix(step);
  }
  return out;
}

/// Keys that are written out in digits are left out as well: nothing tells a public one from a secret.
std::string without_digits(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t word =
        run_of(text, [](char c) { return is_of_word(c) || c == '+' || c == '='; });
    out += word == 0 ? std::string(1, text[0]) : without_digits_of_word(text.substr(0, word));
    text.remove_prefix(std::max<std::size_t>(word, 1));
  }
  return out;
}

/// How much of `text`, which follows a word that names a secret, leads to its value; nothing if there is none. `option`: the word was one
/// of a command line.
std::optional<std::size_t> before_value(std::string_view text, bool option) {
  std::size_t at = run_of(text, [](char c) { return c == '"' || c == '\''; });
  const std::size_t spaces = run_of(text.substr(at), [](char c) { return c == ' ' || c == '\t'; });
  const std::string_view rest = text.substr(at + spaces);
  if (rest.starts_with('=') || rest.starts_with(':')) {
    at += spaces + 1;
    // Not a scheme, and not a clause that says something of it.
    if (rest.starts_with("://")) return std::nullopt;
    at += run_of(text.substr(at), [](char c) { return c == ' ' || c == '\t'; });
    return at;
  }
  if (option && at == 0 && spaces > 0) return spaces;
  return std::nullopt;
}

/// Of a value: to its closing quote, or to the next blank, or the end of an entry.
std::size_t size_of_value(std::string_view text) {
  if (text.starts_with(kHidden)) return std::string_view(kHidden).size();  // it is left out already
  if (!text.empty() && (text[0] == '"' || text[0] == '\'')) {
    std::size_t at = 1;
    while (at < text.size() && text[at] != text[0] && text[at] != '\n') {
      at += text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
    }
    return std::min(at + 1, text.size());
  }
  return run_of(text, [](char c) { return !is_space(c) && c != ',' && c != '}' && c != '"'; });
}

std::string without_named_secrets(std::string_view text) {
  std::string out;
  bool option = false;
  while (!text.empty()) {
    const std::size_t word = run_of(text, is_of_word);
    if (word == 0) {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    const std::string_view name = text.substr(0, word);
    option = name.starts_with("--");
    out.append(name);
    text.remove_prefix(word);
    if (!names_secret(name)) continue;
    const auto before = before_value(text, option);
    if (!before) continue;
    const std::size_t value = size_of_value(text.substr(*before));
    if (value == 0) continue;
    out.append(text.substr(0, *before)).append(kHidden);
    text.remove_prefix(*before + value);
  }
  return out;
}

/// `USER:PASSWORD@` of an address.
std::string without_users(std::string_view text) {
  constexpr std::string_view kScheme = "://";
  std::string out;
  for (std::size_t at = text.find(kScheme); at != std::string_view::npos; at = text.find(kScheme)) {
    out.append(text.substr(0, at + kScheme.size()));
    text.remove_prefix(at + kScheme.size());
    const std::string_view whole = text.substr(
        0, run_of(text, [](char c) { return !is_space(c) && c != '/' && c != '"' && c != '\''; }));
    const std::size_t user = whole.rfind('@');
    if (user == std::string_view::npos) continue;
    out.append(kHidden);
    text.remove_prefix(user);
  }
  return out.append(text);
}

/// What a token of a TOML file is.
enum class TomlKind { kSpace, kNewline, kComment, kString, kOpen, kPunctuation, kBare };
struct TomlToken {
  TomlKind kind;
  std::string_view text;
};

TomlToken string_token(std::string_view text) {
  const char quote = text[0];
  const std::string three(3, quote);
  const bool several = text.starts_with(three);
  std::size_t at = several ? 3 : 1;
  while (at < text.size()) {
    if (quote == '"' && text[at] == '\\') {
      at += 2;
    } else if (several ? text.substr(at).starts_with(three) : text[at] == quote) {
      at += several ? 3 : 1;
      while (several && at < text.size() && text[at] == quote) ++at;  // quotes at its end
      return {TomlKind::kString, text.substr(0, std::min(at, text.size()))};
    } else if (!several && text[at] == '\n') {
      return {TomlKind::kOpen, text.substr(0, at)};
    } else {
      ++at;
    }
  }
  return {TomlKind::kOpen, text};
}

TomlToken next_token(std::string_view text) {
  const char c = text[0];
  if (c == '\n') return {TomlKind::kNewline, text.substr(0, 1)};
  if (is_space(c)) {
    return {TomlKind::kSpace,
            text.substr(0, run_of(text, [](char d) { return is_space(d) && d != '\n'; }))};
  }
  if (c == '#') return {TomlKind::kComment, text.substr(0, text.find('\n'))};
  if (c == '"' || c == '\'') return string_token(text);
  constexpr std::string_view kSigns = "=[]{},.";
  if (kSigns.find(c) != std::string_view::npos) return {TomlKind::kPunctuation, text.substr(0, 1)};
  return {TomlKind::kBare, text.substr(0, run_of(text, [&](char d) {
                                         return !is_space(d) && d != '#' && d != '"' && d != '\'' &&
                                                std::string_view("=[]{},").find(d) ==
                                                    std::string_view::npos;
                                       }))};
}

/// Walks through the tokens of a TOML file, right or wrong: what is a key, what its value.
class TomlWalk {
 public:
  explicit TomlWalk(const std::vector<std::string_view>& known) : known_(known) {}

  std::string walk(std::string_view text) {
    while (!text.empty()) {
      const TomlToken token = next_token(text);
      text.remove_prefix(token.text.size());
      if (token.kind == TomlKind::kComment) continue;
      if (token.kind == TomlKind::kOpen) {
        // Where it ends nobody knows.
        close_key();
        return out_ + kHidden;
      }
      take(token);
    }
    close_key();
    return std::move(out_);
  }

 private:
  void take(const TomlToken& token) {
    if (token.kind == TomlKind::kNewline && nesting_.empty()) {
      close_key();
      in_value_ = false;
      out_ += '\n';
    } else if (in_value_) {
      // A bracket that nobody has closed: what follows is no value of that key.
      if (token.text == "=") is_broken_ = true;
      take_value(token);
    } else if (!nesting_.empty() && (token.text == "}" || token.text == "]")) {
      // Braces with nothing in them, or nothing behind the last comma.
      out_ += std::exchange(pending_, std::string());
      in_value_ = true;
      take_sign(token.text[0]);
    } else if (token.text == "=") {
      key_ = last_of_key_;
      shown_ = is_shown(key_);
      out_ += pending_ + "=";
      pending_.clear();
      left_out_ = false;
      in_value_ = true;
    } else {
      if (token.kind == TomlKind::kString || token.kind == TomlKind::kBare)
        last_of_key_ = token.text;
      pending_ += token.text;
    }
  }

  void take_value(const TomlToken& token) {
    if (token.kind == TomlKind::kSpace || token.kind == TomlKind::kNewline) {
      out_ += token.text;
    } else if (token.kind == TomlKind::kPunctuation && token.text != ".") {
      take_sign(token.text[0]);
    } else if (shown_ && !is_broken_) {
      out_ += token.text;
    } else if (!std::exchange(left_out_, true)) {
      out_ += kHidden;
    }
  }

  void take_sign(char sign) {
    out_ += sign;
    if (sign == '[' || sign == '{') nesting_ += sign;
    if ((sign == ']' || sign == '}') && !nesting_.empty()) nesting_.pop_back();
    // Within braces there are keys again.
    const bool in_braces = !nesting_.empty() && nesting_.back() == '{';
    if (in_braces && (sign == '{' || sign == ',')) in_value_ = false;
  }

  /// What was no key after all: a header, or something that is not TOML.
  void close_key() {
    const auto begin = pending_.find_first_not_of(" \t\r");
    const bool header = begin != std::string::npos && pending_[begin] == '[';
    if (header || begin == std::string::npos) {
      out_ += pending_;
    } else {
      out_ += kHidden;
    }
    pending_.clear();
  }

  bool is_shown(std::string_view key) const {
    while (!key.empty() && (key.front() == '"' || key.front() == '\'')) key.remove_prefix(1);
    while (!key.empty() && (key.back() == '"' || key.back() == '\'')) key.remove_suffix(1);
    if (const auto dot = key.rfind('.'); dot != std::string_view::npos) key.remove_prefix(dot + 1);
    return !names_secret(key) && std::find(known_.begin(), known_.end(), key) != known_.end();
  }

  const std::vector<std::string_view>& known_;
  std::string out_;
  std::string pending_;      // may be a key
  std::string last_of_key_;  // its last part
  std::string key_;
  std::string nesting_;  // brackets and braces that are open
  bool in_value_ = false;
  bool shown_ = false;
  bool left_out_ = false;   // the value has been
  bool is_broken_ = false;  // from here on nothing is what it seems
};

constexpr std::string_view kAlphabet = "ybndrfg8ejkmcpqxot1uwisza345h769";

bool is_z32(std::string_view word) {
  return word.find_first_not_of(kAlphabet) == std::string_view::npos;
}

bool has_digit(std::string_view word) {
  return word.find_first_of("0123456789") != std::string_view::npos;
}

/// Of an address that tells nothing of anybody.
bool is_nobodys(const std::string& address) {
  if (const auto ipv4 = ip::parse_ipv4(address)) return *ipv4 >> 24 == 127 || *ipv4 == 0;
  const auto ipv6 = ip::Ipv6::parse(address);
  return ipv6 && (ipv6->is_any() || ipv6->is_loopback());
}

bool is_host_of_address(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot != std::string_view::npos && dot + 2 < name.size() && name.front() != '.' &&
         name.find(':') == std::string_view::npos &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(dot) + 1, name.end(),
                     [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
}

/// A piece of a line, with two blanks or more ahead of it, or the line's beginning.
struct Cell {
  std::size_t at;
  std::string_view text;
};

std::vector<Cell> cells_of(std::string_view line) {
  std::vector<Cell> out;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t begin = std::min(line.find_first_not_of(' ', at), line.size());
    if (begin == line.size()) break;
    const std::size_t end = std::min(line.find("  ", begin), line.size());
    out.push_back({begin, line.substr(begin, end - begin)});
    at = end;
  }
  return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// Lines in a row, of which each has the cells that it had before, of other lengths.
class CellBlock {
 public:
  void add(const std::vector<Cell>& before, std::vector<Cell> now) {
    for (std::size_t i = 0; i < before.size(); ++i)
      starts_[before[i].at].push_back({rows_.size(), i});
    rows_.push_back(std::move(now));
  }

  /// Where they were, or as much further on as the longest of what is ahead takes.
  void write(std::string& out) {
    std::vector<std::string> lines(rows_.size());
    std::size_t shift = 0;
    for (const auto& [start, places] : starts_) {
      for (const auto& [row, cell] : places) {
        const std::size_t needed = cell == 0 ? start : lines[row].size() + kCellGap;
        if (needed > start + shift) shift = needed - start;
      }
      for (const auto& [row, cell] : places) {
        lines[row].resize(cell == 0 ? start : start + shift, ' ');
        lines[row] += rows_[row][cell].text;
      }
    }
    for (const std::string& line : lines) out.append(line) += '\n';
    rows_.clear();
    starts_.clear();
  }

 private:
  static constexpr std::size_t kCellGap = 2;
  struct Place {
    std::size_t row;
    std::size_t cell;
  };
  std::vector<std::vector<Cell>> rows_;
  std::map<std::size_t, std::vector<Place>> starts_;
};

/// What was replaced is shorter or longer, and what stood below each other does so again.
std::string aligned_as(std::string_view before, std::string_view now) {
  const auto old_lines = lines_of(before);
  const auto lines = lines_of(now);
  if (old_lines.size() != lines.size()) return std::string(now);
  std::string out;
  CellBlock block;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto old_cells = cells_of(old_lines[i]);
    auto cells = cells_of(lines[i]);
    if (cells.size() > 1 && cells.size() == old_cells.size()) {
      block.add(old_cells, std::move(cells));
      continue;
    }
    block.write(out);
    out.append(lines[i]) += '\n';
  }
  block.write(out);
  out.pop_back();  // behind what was the last line
  return out;
}

}  // namespace

void Redaction::add_secret(std::string secret) {
  if (!secret.empty()) secrets_.push_back(std::move(secret));
}

void Redaction::add_peer(const std::string& name, const PublicKey& key) {
  names_[name] = peer(key_text(key));
}

void Redaction::add_host(const std::string& name) {
  if (is_nobodys_name(name)) return;
  host_names_.push_back(name);
  // Others may say the first part alone.
  const std::string first = name.substr(0, name.find('.'));
  if (first == name || is_nobodys_name(first)) return;
  hosts_[first] = host(name);
  host_names_.push_back(first);
}

void Redaction::add_user(const std::string& name) {
  if (is_nobodys_name(name) || users_.contains(name)) return;
  user_names_.push_back(name);
  user(name);
}

void Redaction::add_file(const std::string& path) {
  files_.insert(path.substr(path.rfind('/') + 1));
}

void Redaction::add_home(std::string home) {
  while (home.size() > 1 && home.back() == '/') home.pop_back();
  if (home.size() > 1) homes_.push_back(std::move(home));
}

std::string Redaction::text(std::string_view text) {
  return aligned_as(text, redacted(text));
}

std::string Redaction::redacted(std::string_view text) {
  std::string out(text);
  for (const std::string& secret : secrets_) out = replaced(out, secret, kHidden);
  out = without_secrets(out);
  out = without_digits(without_users(without_named_secrets(out)));
  for (const std::string& home : homes_) out = replaced_path(out, home, "~");
  return hide_peers_ ? without_addresses(without_peers(without_homes(out))) : out;
}

/// Of users that were not named.
std::string Redaction::without_homes(std::string_view text) {
  constexpr std::string_view kHomes = "/home/";
  std::string out;
  for (std::size_t at = text.find(kHomes); at != std::string_view::npos; at = text.find(kHomes)) {
    out.append(text.substr(0, at + kHomes.size()));
    text.remove_prefix(at + kHomes.size());
    const std::size_t size = run_of(text, [](char c) { return is_of_word(c) || c == '.'; });
    if (size > 0) out += user(std::string(text.substr(0, size)));
    text.remove_prefix(size);
  }
  return out.append(text);
}

std::string Redaction::toml(std::string_view text, const std::vector<std::string_view>& known) {
  return this->text(TomlWalk(known).walk(text));
}

std::string Redaction::peer(const std::string& key) {
  // A line for people may have no more of it than its beginning.
  for (const auto& [other, label] : labels_) {
    if (other.starts_with(key) || key.starts_with(other)) return label;
  }
  return labels_[key] = fmt::format("peer-{}", labels_.size() + 1);
}

std::string Redaction::user(const std::string& name) {
  const auto found = users_.find(name);
  if (found != users_.end()) return found->second;
  return users_[name] = fmt::format("user-{}", users_.size() + 1);
}

bool Redaction::is_file(std::string_view name) const {
  return has_extension_of_file(name) || files_.contains(name);
}

std::string Redaction::host(const std::string& address) {
  const auto found = hosts_.find(address);
  if (found != hosts_.end()) return found->second;
  return hosts_[address] = fmt::format("host-{}", ++last_host_);
}

std::string Redaction::without_peers(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = run_of(text, is_digit_or_letter);
    const std::string word = lower(text.substr(0, size));
    const bool whole = parse_key(word).has_value();
    const bool begins = size == kShortKey && is_z32(word) &&
                        (has_digit(word) || text.substr(size).starts_with("..."));
    if (whole || begins) {
      out += peer(word);
      text.remove_prefix(size);
      continue;
    }
    const std::size_t step = std::max<std::size_t>(size, 1);
    out.append(text.substr(0, step));
    text.remove_prefix(step);
  }
  for (const auto& [name, label] : names_) out = replaced_word(out, name, label);
  for (const std::string& name : host_names_) out = replaced_name(out, name, host(name));
  for (const std::string& name : user_names_) out = replaced_name(out, name, user(name));
  return out;
}

std::string Redaction::without_addresses(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size =
        run_of(text, [](char c) { return is_of_word(c) || c == '.' || c == ':'; });
    if (size == 0) {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    out += without_address(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

/// An address, HOST:PORT, or one of these behind a word, as in udp:HOST:PORT.
std::string Redaction::without_address(std::string_view run) {
  if (run.size() > kMostOfAddress) return kHidden;
  for (std::size_t begin = 0;;) {
    const std::string_view rest = run.substr(begin);
    for (std::size_t end = rest.size(); end > 0 && end != std::string_view::npos;
         end = rest.substr(0, end).find_last_of(":.")) {
      const std::string candidate(rest.substr(0, end));
      const bool address = ip::parse_ipv4(candidate) || ip::Ipv6::parse(candidate);
      const bool name =
          is_host_of_address(candidate) && rest.substr(end).starts_with(':') && !is_file(candidate);
      if (!address && !name) continue;
      return fmt::format("{}{}{}", run.substr(0, begin),
                         is_nobodys(candidate) ? candidate : host(candidate), rest.substr(end));
    }
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return std::string(run);
    begin += colon + 1;
  }
}

}  // namespace hsfwd::cli
