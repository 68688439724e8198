// SPDX-License-Identifier: Apache-2.0
#include "cli/address_book.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cli/planner.hpp"
#include "cli/user_error.hpp"
#include "forward/service.hpp"
#include "platform/directories.hpp"
#include "platform/others.hpp"
#include "platform/text_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
namespace fs = std::filesystem;
}

PeerNames::PeerNames(const std::map<std::string, PeerReference>& peers) {
  for (const auto& [name, peer] : peers) names_.emplace(peer.key, name);
}

Omittable<std::string> PeerNames::of(const PublicKey& key) const {
  const auto found = names_.find(key);
  if (found == names_.end()) return {};
  return found->second;
}

std::string PeerNames::shown(const PublicKey& key) const {
  const auto name = of(key);
  return name ? printable(*name) : key_text(key).substr(0, kShortKey);
}

std::string PeerNames::shown_with_key(const PublicKey& key) const {
  const auto name = of(key);
  const std::string text = key_text(key);
  return name ? fmt::format("{} ({})", printable(*name), text.substr(0, kShortKey)) : text;
}

AddressBook AddressBook::load() {
  AddressBook out;
  try {
    for (const std::string& file : configuration_paths()) {
      out.add_configuration(file);
      out.add_folder(fs::path(file).parent_path().string());
    }
  } catch (const UserError& mistake) {
    // Of the environment, which who gives keys does not need.
    out.add_problem(mistake.message);
  }
  return out;
}

AddressBook AddressBook::of_file(const std::string& file) {
  AddressBook out;
  out.add_configuration(file);
  out.add_folder(fs::absolute(file).parent_path().string());
  return out;
}

AddressBook AddressBook::beside(const std::string& file) {
  AddressBook out;
  if (file != plan_file_name(kStandardInput)) {
    out.add_folder(fs::absolute(file).parent_path().string());
  }
  return out;
}

const PeerReference* AddressBook::find(const std::string& name) const {
  const auto found = peers_.find(name);
  return found != peers_.end() ? &found->second : nullptr;
}

std::string AddressBook::doubt_of(const std::string& name) const {
  for (const auto& [source, what] : problems_) {
    if (source < origin_of(name).source) return what;
  }
  return "";
}

std::vector<std::string> AddressBook::problems() const {
  std::vector<std::string> out;
  for (const auto& [source, what] : problems_) out.push_back(what);
  return out;
}

void AddressBook::add(const std::string& name, PeerReference peer, Origin origin) {
  peer.name = name;
  origin.source = source_;
  if (peers_.emplace(name, std::move(peer)).second) origins_.emplace(name, std::move(origin));
}

void AddressBook::add_configuration(const std::string& file) {
  ++source_;
  std::error_code error;
  const fs::file_type type = fs::status(file, error).type();
  if (type == fs::file_type::not_found) return;
  if (type != fs::file_type::regular) {
    return add_problem(fmt::format("{}: {}", file, error ? error.message() : "is no file"));
  }
  const auto text = platform::read_text_file(file);
  if (!text) return add_problem(fmt::format("{}: {}", file, text.error()));
  const auto config = parse_config(*text, file);
  if (!config) return add_problem(config.error().to_string());
  const std::string folder = fs::absolute(file).parent_path().string();
  // The folder's names are read on their own, and count after these.
  const Planner planner(*config, file, tunnel_kinds(), AddressBook());
  for (const auto& [name, named] : config->peers) {
    const auto key_file = platform::resolve_path(named.key_file.value_or(""), folder);
    if (named.key_file && key_file && !platform::is_file(*key_file)) {
      add_problem(fmt::format("{}: {} is no file", file, *key_file));
      continue;
    }
    try {
      add(name, planner.peer({name, named.line}), {.file = file});
    } catch (const UserError& mistake) {
      add_problem(mistake.message);
    }
  }
}

void AddressBook::add_folder(const std::string& folder) {
  ++source_;
  const std::string path = (fs::path(folder) / kFolder).string();
  if (std::string others = platform::written_by_others(path); !others.empty()) {
    return add_problem(std::move(others));
  }
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    // What editors and programs leave beside files is no name.
    if (bad_peer_name(name) || !platform::is_file(entry->path().string())) continue;
    names.push_back(std::move(name));
    if (names.size() > kMaxFiles) {
      add_problem(fmt::format("{} has more than {} files", path, kMaxFiles));
      break;
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    add_problem(fmt::format("{}: {}", path, error.message()));
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string file = (fs::path(path) / name).string();
    std::string others = platform::written_by_others(file);
    auto peer = others.empty() ? PeerReference::read(file)
                               : Result<PeerReference, std::string>(Err(std::move(others)));
    if (peer) {
      add(name, std::move(*peer), {.file = file, .of_folder = true});
    } else {
      add_problem(peer.error());
    }
  }
}

std::optional<std::string> bad_peer_name(const std::string& name) {
  // A file that is hidden, and an option.
  if (!forward::is_service_name(name) || name.starts_with('.') || name.starts_with('-')) {
    return fmt::format(
        "{} is not a valid name of a peer (1 to 64 letters, digits, '-', '_' and '.', the first a "
        "letter, a digit or '_')",
        in_quotes(name));
  }
  if (parse_key(name)) return std::string("that is a key, which needs no name");
  return std::nullopt;
}

std::string configuration_folder() {
  return fs::absolute(configuration_paths().front()).parent_path().string();
}

}  // namespace hsfwd::cli
