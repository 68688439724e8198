// SPDX-License-Identifier: Apache-2.0
#include "cli/planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "cli/identity_forms.hpp"
#include "platform/directories.hpp"
#include "platform/identity_file.hpp"
#include "platform/memory_reserve.hpp"
#include "platform/secret_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// Whether listening on `one` takes `other`, too. [::] includes all of IPv4.
bool includes(const std::string& one, const std::string& other) {
  if (one == "::") return true;
  if (one == "0.0.0.0") return other.find(':') == std::string::npos;
  return one == "localhost" && (other == "127.0.0.1" || other == "::1");
}

bool same_port(const net::StreamAddress& a, const net::StreamAddress& b) {
  if (a.is_unix() || b.is_unix()) return a.same_place(b);
  if (a.udp != b.udp || a.port != b.port || a.port == 0)
    return false;  // 0 is a different one each time
  return a.host == b.host || includes(a.host, b.host) || includes(b.host, a.host);
}

}  // namespace

Planner::Planner(const config::Config& config, std::string file, TunnelKinds kinds,
                 AddressBook beside)
    : config_(config),
      file_(std::move(file)),
      folder_(std::filesystem::absolute(file_).parent_path().string()),
      kinds_(kinds),
      beside_(std::move(beside)) {}

Plan Planner::make() {
  plan_.identity =
      config_.identity ? path_of(*config_.identity, "identity") : platform::default_identity_path();
  plan_.default_identity = !config_.identity;
  identities_.push_back({plan_.identity, config_.identity ? config_.identity->line : 0});
  plan_.node = node();
  const ResourceLimits resources = limits();
  plan_.node.max_buffered = resources.max_buffered;
  plan_.limits = resources.admission;
  if (config_.patience) plan_.node.session_patience = patience(*config_.patience);
  // Names are checked even if nothing refers to them.
  for (const auto& [name, named] : config_.peers) peer(named);
  for (const TunnelKind* kind : kinds_) {
    for (const config::Section& section : config_.tunnels) {
      if (section.name() == kind->section.name) kind->read(section, *this);
    }
  }
  if (plan_.tunnels.empty()) {
    std::string sections;
    for (const TunnelKind* kind : kinds_) {
      sections += fmt::format("{}no {}", sections.empty() ? "" : " and ", kind->section.header());
    }
    mistake(0, fmt::format("nothing to do: there is {}", sections));
  }
  warn_of_idle_peers();
  for (const std::string& problem : beside_.problems()) plan_.warnings.push_back(problem);
  plan_.names = PeerNames(named_peers());
  return std::move(plan_);
}

/// `allow` of a peer that is in no network is easily taken for a limit of services.
void Planner::warn_of_idle_peers() {
  std::string header;
  for (const TunnelKind* kind : kinds_) {
    if (!kind->has_peers) continue;
    header = kind->section.header();
    for (const auto& tunnel : plan_.tunnels) {
      if (&tunnel->kind() == kind) return;
    }
  }
  if (header.empty()) return;
  for (const auto& [name, named] : config_.peers) {
    std::vector<std::string_view> words;
    int line = 0;
    const auto look = [&](std::string_view word, const std::vector<Text>& values) {
      if (values.empty()) return;
      words.push_back(word);
      line = line == 0 ? values.front().line : std::min(line, values.front().line);
    };
    look("address", named.addresses);
    look("networks", named.networks);
    look("allow", named.allow);
    if (named.nospoon) look("nospoon", {*named.nospoon});
    if (words.empty()) continue;
    warn(line, fmt::format("without a {} this does nothing: {} of [peer.{}]", header,
                           fmt::join(words, ", "), shortened(name)));
  }
}

std::vector<std::string> Planner::exposed_secrets() const {
  std::vector<std::string> out;
  const std::string why = platform::why_exposed(file_);
  if (why.empty()) return out;
  const auto look = [&](const std::string& text, int line) {
    if (without_secrets(text) == text) return;
    const std::string says =
        fmt::format("the hs:// string is a secret, and {}, or move it to a key_file", why);
    out.push_back(config::ConfigError{file_, line, says}.to_string());
  };
  for (const Text& text : config_.relay_through) look(text.value, text.line);
  for (const auto& [name, named] : config_.peers) look(named.key, named.line);
  for (const config::Section& section : config_.tunnels) {
    for (const Text& text : section.all_texts()) look(text.value, text.line);
  }
  return out;
}

void Planner::check_identities() const {
  for (const Text& path : identities_) check_identity(path);
}

void Planner::check_identity(const Text& path) const {
  const auto identity = platform::read_identity(path.value, identity_of_other_form);
  if (identity) return;
  const config::ConfigError error{file_, path.line, identity.error()};
  throw UserError{kBadConfig, "BAD_IDENTITY", error.to_string()};
}

void Planner::mistake(int line, const std::string& message) const {
  throw UserError{kBadConfig, "BAD_CONFIG", config::ConfigError{file_, line, message}.to_string()};
}

void Planner::warn(int line, const std::string& message) {
  plan_.warnings.push_back(config::ConfigError{file_, line, message}.to_string());
}

std::string Planner::path_of(const Text& text, const char* key) const {
  auto path = platform::resolve_path(text.value, folder_);
  if (!path) mistake(text.line, fmt::format("{}: {}", key, path.error()));
  return std::move(*path);
}

std::string Planner::identity(const std::optional<Text>& own) {
  if (!own) return plan_.identity;
  std::string path = path_of(*own, "identity");
  identities_.push_back({path, own->line});
  return path;
}

bool Planner::has(const TunnelKind& kind, const std::string& key) const {
  return std::any_of(plan_.tunnels.begin(), plan_.tunnels.end(), [&](const auto& tunnel) {
    return &tunnel->kind() == &kind && tunnel->key() == key;
  });
}

void Planner::refuse_taken(const Text& text, const net::StreamAddress& listen) const {
  const bool taken =
      std::any_of(plan_.tunnels.begin(), plan_.tunnels.end(), [&](const auto& tunnel) {
        const net::StreamAddress* other = tunnel->local_address();
        return other != nullptr && same_port(*other, listen);
      });
  if (taken) {
    mistake(text.line, fmt::format("listen {}: {} is taken by another listen",
                                   in_quotes(text.value), listen.to_string()));
  }
}

ResourceLimits Planner::limits() const {
  const auto number = [this](const std::optional<config::Located<std::int64_t>>& value,
                             const char* name, std::uint64_t least,
                             std::uint64_t most) -> std::optional<std::uint64_t> {
    if (!value) return std::nullopt;
    const auto wanted = static_cast<std::uint64_t>(std::max<std::int64_t>(value->value, 0));
    if (wanted >= least && wanted <= most) return wanted;
    mistake(value->line, fmt::format("{} must be {} to {}", name, least, most));
  };
  const WantedLimits wanted = {
      .buffered = number(config_.max_buffered, "max_buffered", kLeastBuffered, kMostBuffered),
      .connections = number(config_.max_connections, "max_connections", 1, kMostConnections),
      .per_key =
          number(config_.max_connections_per_key, "max_connections_per_key", 1, kMostConnections)};
  if (const auto whole = exceeded_by_share(wanted)) {
    mistake(config_.max_connections_per_key->line,
            fmt::format("max_connections_per_key is more than there may be in all: {}, see "
                        "max_connections",
                        *whole));
  }
  return resource_limits(wanted, platform::available_memory());
}

Duration Planner::patience(const config::Located<std::int64_t>& wanted) const {
  if (wanted.value < 0 || static_cast<std::uint64_t>(wanted.value) > kMostPatience) {
    mistake(wanted.line, fmt::format("patience must be 0 to {} seconds", kMostPatience));
  }
  return Duration::seconds(wanted.value);
}

Options Planner::node() const {
  Options out;
  for (const auto& entry : config_.bootstrap) {
    const auto node = BootstrapNode::parse(entry.value);
    if (!node) {
      mistake(entry.line, fmt::format("bootstrap {}: {}", in_quotes(entry.value),
                                      bootstrap_problem(entry.value)));
    }
    out.bootstrap.push_back(*node);
  }
  if (out.bootstrap.empty()) out.bootstrap = default_bootstrap();
  if (config_.host) {
    const auto host = net::Ipv4::parse(config_.host->value);
    if (!host) mistake(config_.host->line, "host must be an IPv4 address");
    out.host = *host;
  }
  if (config_.port) {
    const std::int64_t port = config_.port->value;
    if (port < 0 || port > 65535) mistake(config_.port->line, "port must be 0 to 65535");
    out.port = static_cast<std::uint16_t>(port);
    out.any_port = false;
  }
  for (const auto& text : config_.relay_through) {
    out.relay_through.push_back(peer(text).key);
  }
  return out;
}

PeerReference Planner::peer(const config::Peer& peer) const {
  const std::string file =
      peer.key_file ? path_of({*peer.key_file, peer.line}, "key_file") : std::string();
  const auto out = file.empty() ? PeerReference::parse(peer.key) : PeerReference::read(file);
  if (!out) mistake(peer.line, out.error());
  return *out;
}

const config::Peer* Planner::named(const std::string& name) const {
  const auto found = config_.peers.find(name);
  return found != config_.peers.end() ? &found->second : nullptr;
}

std::map<std::string, PeerReference> Planner::named_peers() const {
  std::map<std::string, PeerReference> out;
  for (const auto& [name, named] : config_.peers) {
    out.emplace(name, peer(named)).first->second.name = name;
  }
  out.insert(beside_.peers().begin(), beside_.peers().end());
  return out;
}

PeerReference Planner::peer(const Text& text) const {
  if (const auto named = config_.peers.find(text.value); named != config_.peers.end()) {
    PeerReference out = peer(named->second);
    out.name = text.value;
    return out;
  }
  if (const PeerReference* const named = beside_.find(text.value)) return *named;
  const auto out = PeerReference::parse(text.value);
  if (!out) mistake(text.line, out.error() + "; no [peer.NAME] has that name");
  return *out;
}

}  // namespace hsfwd::cli
