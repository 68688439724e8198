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
#include "platform/text_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShortKey = 12;

/// Those that are there. It may be one that may not be read.
std::vector<std::string> configuration_files() {
  std::vector<std::string> out;
  for (const std::string& file : configuration_paths()) {
    std::error_code error;
    if (fs::exists(file, error) || error) out.push_back(file);
  }
  return out;
}

}  // namespace

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

AddressBook AddressBook::load() {
  AddressBook out;
  for (const std::string& file : configuration_paths()) {
    out.add_configuration(file);
    out.add_folder(fs::path(file).parent_path().string());
  }
  return out;
}

AddressBook AddressBook::of_folder(const std::string& folder) {
  AddressBook out;
  out.add_folder(folder);
  return out;
}

const PeerReference* AddressBook::find(const std::string& name) const {
  const auto found = peers_.find(name);
  return found != peers_.end() ? &found->second : nullptr;
}

std::string AddressBook::file_of(const std::string& name) const {
  return files_.at(name);
}

void AddressBook::add(const std::string& name, PeerReference peer, const std::string& file) {
  peer.name = name;
  if (peers_.emplace(name, std::move(peer)).second) files_.emplace(name, file);
}

void AddressBook::add_configuration(const std::string& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error) && !error) return;
  const auto text = platform::read_text_file(file);
  if (!text) return problems_.push_back(fmt::format("{}: {}", file, text.error()));
  const auto config = parse_config(*text, file);
  if (!config) return problems_.push_back(config.error().to_string());
  const Planner planner(*config, file, tunnel_kinds());
  for (const auto& [name, named] : config->peers) {
    try {
      add(name, planner.peer({name, named.line}), file);
    } catch (const UserError& mistake) {
      problems_.push_back(mistake.message);
    }
  }
}

void AddressBook::add_folder(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator entry(fs::path(folder) / kFolder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    // What editors and programs leave beside files is no name, and what is no file might never end.
    std::error_code unknown;
    if (bad_peer_name(name) || !entry->is_regular_file(unknown)) continue;
    files.push_back(entry->path().string());
    if (files.size() > kMaxFiles) {
      problems_.push_back(fmt::format("{}/{} has more than {} files", folder, kFolder, kMaxFiles));
      break;
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    problems_.push_back(fmt::format("{}/{}: {}", folder, kFolder, error.message()));
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    auto peer = PeerReference::read(file);
    if (peer) {
      add(fs::path(file).filename().string(), std::move(*peer), file);
    } else {
      problems_.push_back(peer.error());
    }
  }
}

std::optional<std::string> bad_peer_name(const std::string& name) {
  if (!forward::is_service_name(name) || name.starts_with('.')) {
    return fmt::format(
        "{} is not a valid name of a peer (1 to 64 letters, digits, '-', '_' and '.', which is not "
        "the "
        "first)",
        in_quotes(name));
  }
  if (parse_key(name)) return std::string("that is a key, which needs no name");
  return std::nullopt;
}

std::string configuration_folder() {
  const auto files = configuration_files();
  const std::string file = files.empty() ? configuration_paths().front() : files.front();
  return fs::absolute(file).parent_path().string();
}

}  // namespace hsfwd::cli
