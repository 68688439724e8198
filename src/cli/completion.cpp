// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "cli/address_book.hpp"
#include "cli/known_peers.hpp"
#include "cli/port_ranges.hpp"
#include "platform/directories.hpp"
#include "platform/identity_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

using Option = boost::program_options::option_description;

// Characters; beside a word of a list
constexpr std::size_t kMaxGist = 60;

/// In the next word; one that may do without has it behind `=`.
bool takes_value(const Option& option) {
  return option.semantic()->min_tokens() > 0;
}

std::string short_name(const Option& option) {
  const std::string out = option.canonical_display_name(
      boost::program_options::command_line_style::allow_dash_for_short);
  return out.size() == 2 && out[0] == '-' && out[1] != '-' ? out : std::string();
}

/// The word for its value, which the description of an option begins with: "FILE to check".
std::string_view placeholder(const Option& option) {
  const std::string_view text = option.description();
  return text.substr(0, text.find_first_of(" ,"));
}

/// The first clause of its description.
std::string gist(const Option& option) {
  const std::string& text = option.description();
  return shortened(text.substr(0, std::min(text.find("; "), text.find(" ("))), kMaxGist);
}

/// What is on the line ahead of the word that is completed.
struct Typed {
  std::map<std::string, std::string, std::less<>> values;  // by long names; of flags ""
  std::vector<std::string> words;                          // without a flag
  const Option* open = nullptr;                            // waits for its value
  bool only_words = false;                                 // behind --
};

class Completion {
 public:
  Completion(const Completable& command, std::span<const std::string> before, std::string word)
      : command_(command), word_(std::move(word)) {
    for (const std::string& one : before) read(one);
  }

  std::string run() {
    if (typed_.open != nullptr) {
      complete_value(*typed_.open, 0);
    } else if (typed_.only_words || !word_.starts_with('-')) {
      complete_word();
    } else if (const Option* option = with_value()) {
      complete_value(*option, value_begin());
    } else {
      complete_option();
    }
    const bool nothing = out_.empty() && word_.empty() && typed_.open == nullptr;
    if (nothing && !typed_.only_words) complete_option();
    return std::move(out_);
  }

 private:
  const Option* long_option(std::string_view name) const {
    return command_.options.find_nothrow(std::string(name), false);
  }

  const Option* short_option(std::string_view name) const {
    for (const auto& option : command_.options.options()) {
      if (short_name(*option) == name) return option.get();
    }
    return nullptr;
  }

  void read(const std::string& word) {
    if (typed_.open != nullptr) {
      typed_.values[typed_.open->long_name()] = word;
      typed_.open = nullptr;
    } else if (typed_.only_words || !word.starts_with('-') || word == "-") {
      typed_.words.push_back(word);
    } else if (word == "--") {
      typed_.only_words = true;
    } else if (word.starts_with("--")) {
      const std::size_t end = std::min(word.find('='), word.size());
      take(long_option(std::string_view(word).substr(2, end - 2)), word, end + 1);
    } else {
      take(short_option(std::string_view(word).substr(0, 2)), word, 2);
    }
  }

  /// Its value begins there in the word, if it is in it.
  void take(const Option* option, const std::string& word, std::size_t value) {
    if (option == nullptr) return;
    const bool inside = value <= word.size() && (word[1] == '-' || value < word.size());
    typed_.values[option->long_name()] = inside ? word.substr(value) : "";
    if (takes_value(*option) && !inside) typed_.open = option;
  }

  /// That of the word itself: --identity=FILE, -L2222.
  const Option* with_value() const {
    const bool is_long = word_.starts_with("--");
    if (is_long ? word_.find('=') == std::string::npos : word_.size() < 3) return nullptr;
    const Option* const option =
        is_long ? long_option(std::string_view(word_).substr(2, word_.find('=') - 2))
                : short_option(std::string_view(word_).substr(0, 2));
    return option != nullptr && takes_value(*option) ? option : nullptr;
  }

  std::size_t value_begin() const { return word_.starts_with("--") ? word_.find('=') + 1 : 2; }

  void add(std::string_view word, std::string_view description) {
    out_ += completion_line(word, description);
  }

  /// If it begins with what was typed.
  void offer(std::string_view word, std::string_view description) {
    if (word.starts_with(word_)) add(word, description);
  }

  void complete_option() {
    for (const auto& option : command_.options.options()) {
      const std::string& name = option->long_name();
      const bool again = option->semantic()->is_composing() || !typed_.values.contains(name);
      if (command_.unlisted.contains(name) || !again) continue;
      offer("--" + name, gist(*option));
      const std::string brief = short_name(*option);
      if (!brief.empty() && word_.starts_with('-')) offer(brief, gist(*option));
    }
  }

  void complete_value(const Option& option, std::size_t begin) {
    const std::string_view kind = placeholder(option);
    if (option.long_name() == "local") {
      complete_forward(begin);
    } else if (option.long_name() == "name") {
      complete_identity(begin);
    } else if (option.long_name() == "log-format") {
      for (const char* format : {"text", "json"}) offer(word_.substr(0, begin) + format, "");
    } else if (kind == "PEER" || kind == "KEY") {
      complete_peer(begin);
    } else if (kind == "FILE" || kind == "PATH") {
      files(begin);
    }
  }

  void complete_word() {
    const auto& kinds = command_.words;
    const WordKind kind =
        kinds.empty() ? WordKind::kOther : kinds[std::min(typed_.words.size(), kinds.size() - 1)];
    switch (kind) {
      case WordKind::kPeer:
        return complete_peer(0);
      case WordKind::kService:
        return complete_service(0);
      case WordKind::kTarget:
        if (const std::size_t path = path_begin(0); path > 0) files(path);
        return;
      case WordKind::kCommand:
        if (!typed_.only_words) return;
        if (typed_.words.empty()) {
          out_ += ":commands\n";
        } else {
          files(0);
        }
        return;
      case WordKind::kOther:
        return;
    }
  }

  /// Behind unix: or NAME=unix:, or 0.
  std::size_t path_begin(std::size_t begin) const {
    constexpr std::string_view kUnix = "unix:";
    const std::string_view value = std::string_view(word_).substr(begin);
    if (value.starts_with(kUnix)) return begin + kUnix.size();
    const std::size_t name = value.find('=');
    if (name == value.npos || !value.substr(name + 1).starts_with(kUnix)) return 0;
    return begin + name + 1 + kUnix.size();
  }

  void complete_forward(std::size_t begin) {
    if (const std::size_t path = path_begin(begin); path > 0) return files(path);
    std::string_view value = std::string_view(word_).substr(begin);
    for (const std::string_view protocol : {std::string_view("udp:"), kBothPrefix}) {
      if (value.starts_with(protocol)) value.remove_prefix(protocol.size());
    }
    const std::size_t colon = value.rfind(':');
    if (colon != value.npos) complete_service(word_.size() - value.size() + colon + 1);
  }

  void complete_identity(std::size_t begin) {
    const std::filesystem::path first = platform::default_state_directory();
    constexpr std::string_view kPrefix = "identity.";
    std::error_code error;
    std::vector<std::string> names;
    for (auto at = std::filesystem::directory_iterator(first, error);
         !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      const std::string file = at->path().filename().string();
      if (file.starts_with(kPrefix)) names.push_back(file.substr(kPrefix.size()));
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) offer(word_.substr(0, begin) + name, "");
  }

  void complete_peer(std::size_t begin) {
    if (word_.substr(begin).starts_with('@')) return files(begin + 1);
    const std::string before = word_.substr(0, begin);
    const std::string_view value = std::string_view(word_).substr(begin);
    std::map<std::string, std::vector<std::string>> by_key;  // one word for all names
    for (const KnownPeer& peer : known().peers()) {
      // What shells would have to quote, or take for an option, is found by its key alone.
      if (peer.name.starts_with(value) && !bad_peer_name(peer.name)) {
        add(before + peer.name, peer.key);
      } else if (peer.key.starts_with(value)) {
        by_key[peer.key].push_back(peer.name);
      }
    }
    for (const auto& [key, names] : by_key) {
      add(before + key, fmt::format("{}", fmt::join(names, ", ")));
    }
  }

  void complete_service(std::size_t begin) {
    if (typed_.words.empty()) return;
    for (const std::string& service : known().services_of(typed_.words.front())) {
      offer(word_.substr(0, begin) + service, "");
    }
  }

  const KnownPeers& known() {
    if (!known_) known_.emplace(file());
    return *known_;
  }

  /// That the line names; empty if it names none.
  std::string file() const {
    const auto named = typed_.values.find("config");
    if (named == typed_.values.end()) return "";
    const auto path = platform::resolve_path(named->second);
    return path ? *path : named->second;
  }

  void files(std::size_t begin) { out_ += fmt::format(":files {}\n", begin); }

  const Completable& command_;
  const std::string word_;
  Typed typed_;
  std::optional<KnownPeers> known_;
  std::string out_;
};

}  // namespace

std::string completions(const Completable& command, const std::vector<std::string>& words) {
  if (words.empty()) return "";
  return Completion(command, std::span(words).first(words.size() - 1), words.back()).run();
}

std::string completion_line(std::string_view word, std::string_view description) {
  // What begins with a colon says what the shell knows.
  if (word.empty() || word.starts_with(':') || printable(word) != word) return "";
  return fmt::format("{}\t{}\n", word, printable(description));
}

}  // namespace hsfwd::cli
