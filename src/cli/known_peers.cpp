// SPDX-License-Identifier: Apache-2.0
#include "cli/known_peers.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/connect_kind.hpp"
#include "cli/events.hpp"
#include "cli/peer_reference.hpp"
#include "cli/plan.hpp"
#include "cli/port_ranges.hpp"
#include "cli/quick_status.hpp"
#include "platform/directories.hpp"
#include "platform/text_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// Anything else, such as a pipe, may be waited for, and is read only once.
bool is_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

std::string path_of(const std::optional<std::string>& file) {
  if (file) {
    const auto path = platform::resolve_path(*file);
    return path ? *path : "";
  }
  for (const std::string& path : config::default_paths()) {
    if (is_file(path)) return path;
  }
  return "";
}

std::string folder_of(const std::string& path) {
  std::error_code error;
  return std::filesystem::absolute(path, error).parent_path().string();
}

std::string word_of(const config::Peer& peer, const std::string& folder) {
  if (!peer.key_file) {
    const bool usable =
        PeerReference::parse(peer.key).ok() && without_secrets(peer.key) == peer.key;
    return usable ? peer.key : "";
  }
  const auto path = platform::resolve_path(*peer.key_file, folder);
  return path ? "@" + *path : "";
}

std::optional<PublicKey> key_of(const std::string& word) {
  if (!word.starts_with('@')) {
    const auto peer = PeerReference::parse(word);
    return peer ? std::optional(peer->key) : std::nullopt;
  }
  const auto path = platform::resolve_path(std::string_view(word).substr(1));
  if (!path || !is_file(*path)) return std::nullopt;
  const auto peer = PeerReference::read(*path);
  return peer ? std::optional(peer->key) : std::nullopt;
}

/// What local addresses of the file lead to.
void add_of_file(const config::Config& config, const std::string& folder, const PublicKey& key,
                 std::set<std::string>& out) {
  for (const config::Section& section : config.tunnels) {
    if (section.name() != kConnectKind.section.name) continue;
    const std::string peer = section.text("peer")->value;
    const auto named = config.peers.find(peer);
    if (key_of(named != config.peers.end() ? word_of(named->second, folder) : peer) != key)
      continue;
    for (const auto& listen : section.texts("listen")) {
      const auto words = forwards_of_range(listen.value);
      if (!words) continue;
      for (const std::string& word : *words) {
        if (const auto forward = forward::LocalForward::parse(word)) out.insert(forward->service);
      }
    }
  }
}

/// What connections of the running `up` are to.
void add_of_status(const Json& status, const PublicKey& key, std::set<std::string>& out) {
  const std::string peer = to_hex(key.view());
  try {
    for (const auto& connect : decoded<std::vector<ConnectStatus>>(status.at(kConnectKind.list))) {
      if (connect.peer == peer) out.insert(connect.service);
    }
    for (const auto& session : decoded<std::vector<events::SessionState>>(status.at("sessions"))) {
      if (session.peer == peer && session.direction == "out") {
        out.insert(session.services.begin(), session.services.end());
      }
    }
  } catch (const Json::exception&) {
    // Of another version
  }
}

}  // namespace

KnownPeers::KnownPeers(const std::optional<std::string>& file) : path_(path_of(file)) {
  if (!is_file(path_)) return;
  const auto text = platform::read_text_file(path_);
  if (!text) return;
  if (auto config = parse_config(*text, path_)) config_ = std::move(*config);
}

std::vector<KnownPeer> KnownPeers::peers() const {
  std::vector<KnownPeer> out;
  if (!config_) return out;
  std::map<std::string, std::size_t> places;
  for (const auto& [name, peer] : config_->peers) {
    std::string word = word_of(peer, folder_of(path_));
    if (word.empty()) continue;
    const auto [at, is_new] = places.emplace(word, out.size());
    if (is_new) out.push_back({std::move(word), {}});
    out[at->second].names.push_back(printable(name));
  }
  return out;
}

std::vector<std::string> KnownPeers::services_of(const std::string& peer) const {
  const auto key = key_of(peer);
  if (!key) return {};
  std::set<std::string> out;
  if (config_) add_of_file(*config_, folder_of(path_), *key, out);
  if (!path_.empty()) add_of_status(quick_status(path_), *key, out);
  std::erase_if(out, [](const std::string& name) { return !forward::is_service_name(name); });
  return {out.begin(), out.end()};
}

}  // namespace hsfwd::cli
