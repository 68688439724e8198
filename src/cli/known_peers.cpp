// SPDX-License-Identifier: Apache-2.0
#include "cli/known_peers.hpp"

#include <set>
#include <string_view>
#include <utility>

#include "cli/connect_kind.hpp"
#include "cli/events/answers.hpp"
#include "cli/peer_reference.hpp"
#include "cli/plan.hpp"
#include "cli/port_ranges.hpp"
#include "cli/quick_status.hpp"
#include "platform/directories.hpp"
#include "platform/text_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

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

KnownPeers::KnownPeers(const std::string& file) {
  try {
    book_ = file.empty() ? AddressBook::load() : AddressBook::of_file(file);
    for (const std::string& path :
         file.empty() ? configuration_paths() : std::vector<std::string>{file}) {
      if (!platform::is_file(path)) continue;
      path_ = path;
      break;
    }
  } catch (const UserError&) {
    return;  // it makes no sense where they are
  }
  if (path_.empty()) return;
  const auto text = platform::read_text_file(path_);
  if (!text) return;
  if (auto config = parse_config(*text, path_)) config_ = std::move(*config);
}

std::vector<KnownPeer> KnownPeers::peers() const {
  std::vector<KnownPeer> out;
  for (const auto& [name, peer] : book_.peers()) {
    out.push_back({printable(name), key_text(peer.key)});
  }
  return out;
}

std::optional<PublicKey> KnownPeers::key_of(const std::string& word) const {
  if (const PeerReference* const named = book_.find(word)) return named->key;
  if (!word.starts_with('@')) {
    const auto peer = PeerReference::parse(word);
    return peer ? std::optional(peer->key) : std::nullopt;
  }
  const auto path = platform::resolve_path(std::string_view(word).substr(1));
  if (!path || !platform::is_file(*path)) return std::nullopt;
  const auto peer = PeerReference::read(*path);
  return peer ? std::optional(peer->key) : std::nullopt;
}

/// What its local addresses lead to.
std::set<std::string> KnownPeers::services_in_file(const PublicKey& key) const {
  std::set<std::string> out;
  if (!config_) return out;
  for (const config::Section& section : config_->tunnels) {
    if (section.name() != kConnectKind.section.name) continue;
    if (key_of(section.text("peer")->value) != key) continue;
    for (const auto& listen : section.texts("listen")) {
      const auto words = forwards_of_range(listen.value);
      if (!words) continue;
      for (const std::string& word : *words) {
        if (const auto forward = forward::LocalForward::parse(word)) out.insert(forward->service);
      }
    }
  }
  return out;
}

std::vector<std::string> KnownPeers::services_of(const std::string& peer) const {
  const auto key = key_of(peer);
  if (!key) return {};
  std::set<std::string> out = services_in_file(*key);
  if (!path_.empty()) add_of_status(quick_status(path_), *key, out);
  std::erase_if(out, [](const std::string& name) { return !forward::is_service_name(name); });
  return {out.begin(), out.end()};
}

}  // namespace hsfwd::cli
