// SPDX-License-Identifier: Apache-2.0
#include "cli/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/targets.hpp"
#include "platform/directories.hpp"
#include "platform/identity_file.hpp"
#include "platform/memory_reserve.hpp"
#include "platform/secret_file.hpp"
#include "platform/text_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

class Planner {
 public:
  Planner(const config::Config& config, std::string file)
      : config_(config),
        file_(std::move(file)),
        folder_(std::filesystem::absolute(file_).parent_path().string()) {}

  Plan make() const {
    Plan plan;
    plan.identity = config_.identity ? path_of(*config_.identity, "identity")
                                     : platform::default_identity_path();
    plan.node = node();
    const ResourceLimits limits = read_limits();
    plan.node.max_buffered = limits.max_buffered;
    plan.limits = limits.admission;
    // Names are checked even if nothing refers to them.
    for (const auto& [name, peer] : config_.peers) resolve(peer);
    std::set<std::string> identities;
    for (const config::Expose& expose : config_.exposes) {
      plan.exposes.push_back(read(expose, plan.identity));
      if (!identities.insert(plan.exposes.back().identity).second) {
        mistake(expose.line,
                "two [[expose]] have the same identity; list all services in one, or give one its "
                "own identity");
      }
    }
    for (const config::Connect& connect : config_.connects) read(connect, plan.connects);
    if (plan.exposes.empty() && plan.connects.empty()) {
      mistake(0, "nothing to do: there is no [[expose]] and no [[connect]]");
    }
    return plan;
  }

  /// Secrets in a file that others than its reader can read, as on the command line.
  std::vector<std::string> exposed_secrets() const {
    std::vector<std::string> out;
    const std::string why = platform::why_exposed(file_);
    if (why.empty()) return out;
    const auto look = [&](const std::string& text, int line) {
      if (without_secrets(text) == text) return;
      const std::string says =
          fmt::format("the hs:// string is a secret, and {}, or move it to a key_file", why);
      out.push_back(config::ConfigError{file_, line, says}.to_string());
    };
    const auto look_at = [&](const std::vector<config::Located<std::string>>& texts) {
      for (const auto& text : texts) look(text.value, text.line);
    };
    look_at(config_.relay_through);
    for (const auto& [name, peer] : config_.peers) look(peer.key, peer.line);
    for (const config::Expose& expose : config_.exposes) look_at(expose.allow);
    for (const config::Connect& connect : config_.connects) {
      look(connect.peer.value, connect.peer.line);
    }
    return out;
  }

  /// Those that are there; the others are made when they are used.
  void check_identities(const Plan& plan) const {
    check_identity(plan.identity, config_.identity);
    for (std::size_t i = 0; i < plan.exposes.size(); ++i) {
      const auto& own = config_.exposes[i].identity;
      if (own) check_identity(plan.exposes[i].identity, own);
    }
  }

 private:
  void check_identity(const std::string& path,
                      const std::optional<config::Located<std::string>>& text) const {
    const auto identity = platform::read_identity(path);
    if (identity) return;
    const config::ConfigError error{file_, text ? text->line : 0, identity.error()};
    throw UserError{kBadConfig, "BAD_IDENTITY", error.to_string()};
  }

  [[noreturn]] void mistake(int line, const std::string& message) const {
    throw UserError{kBadConfig, "BAD_CONFIG",
                    config::ConfigError{file_, line, message}.to_string()};
  }

  std::string path_of(const config::Located<std::string>& text, const char* key) const {
    auto path = platform::resolve_path(text.value, folder_);
    if (!path) mistake(text.line, fmt::format("{}: {}", key, path.error()));
    return std::move(*path);
  }

  ResourceLimits read_limits() const {
    const auto number = [this](const std::optional<config::Located<std::int64_t>>& value,
                               const char* name, std::uint64_t least,
                               std::uint64_t most) -> std::optional<std::uint64_t> {
      if (!value) return std::nullopt;
      const auto wanted = static_cast<std::uint64_t>(std::max<std::int64_t>(value->value, 0));
      if (wanted >= least && wanted <= most) return wanted;
      mistake(value->line, fmt::format("{} must be {} to {}", name, least, most));
    };
    return resource_limits(
        {.buffered = number(config_.max_buffered, "max_buffered", kLeastBuffered, kMostBuffered),
         .connections = number(config_.max_connections, "max_connections", 1, kMostConnections),
         .per_key = number(config_.max_connections_per_key, "max_connections_per_key", 1,
                           kMostConnections)},
        platform::available_memory());
  }

  Options node() const {
    Options out;
    for (const auto& entry : config_.bootstrap) {
      const auto node = BootstrapNode::parse(entry.value);
      if (!node) {
        mistake(entry.line, fmt::format("bootstrap {}: {}", in_quotes(entry.value),
                                        bootstrap_problem(entry.value)));
      }
      out.bootstrap.push_back(*node);
    }
    if (out.bootstrap.empty()) out.bootstrap = public_bootstrap();
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
      out.relay_through.push_back(resolve(text).key);
    }
    return out;
  }

  PeerReference resolve(const config::Peer& peer) const {
    const std::string file =
        peer.key_file ? path_of({*peer.key_file, peer.line}, "key_file") : std::string();
    try {
      return file.empty() ? parse_peer(peer.key) : read_peer(file);
    } catch (const UserError& error) {
      mistake(peer.line, error.message);
    }
  }

  /// A key, or the name of a peer.
  PeerReference resolve(const config::Located<std::string>& text) const {
    if (const auto peer = config_.peers.find(text.value); peer != config_.peers.end()) {
      PeerReference out = resolve(peer->second);
      out.name = text.value;
      return out;
    }
    try {
      return parse_peer(text.value);
    } catch (const UserError& error) {
      mistake(text.line, error.message + "; no [peer.NAME] has that name");
    }
  }

  Plan::Expose read(const config::Expose& expose, const std::string& identity) const {
    Plan::Expose out;
    out.identity = expose.identity ? path_of(*expose.identity, "identity") : identity;
    std::set<std::string> names;
    for (const auto& text : expose.services) {
      auto service = parse_service(text.value, folder_);
      if (!service) {
        mistake(text.line, fmt::format("service {}: {}", in_quotes(text.value), service.error()));
      }
      if (!names.insert(service->name).second) {
        mistake(text.line, fmt::format("two services are called '{}'", service->name));
      }
      out.services.push_back(std::move(*service));
    }
    for (const auto& text : expose.allow) out.allow.insert(resolve(text).key);
    out.client_relays = expose.client_relays;
    return out;
  }

  void read(const config::Connect& connect, std::vector<Plan::Connect>& out) const {
    const PeerReference peer = resolve(connect.peer);
    const auto [mode, group] = socket_access(connect);
    for (const auto& text : connect.listen) {
      auto forward = parse_local_forward(text.value, folder_);
      if (!forward) {
        mistake(text.line, fmt::format("listen {}: {}", in_quotes(text.value), forward.error()));
      }
      refuse_taken(text, forward->listen, out);
      if (forward->listen.is_unix()) {
        forward->listen.mode = mode;
        forward->listen.group = group;
      }
      out.push_back({peer, std::move(*forward)});
    }
  }

  struct SocketAccess {
    std::optional<std::uint32_t> mode;
    std::optional<std::uint32_t> group;
  };
  SocketAccess socket_access(const config::Connect& connect) const {
    const bool has_socket =
        std::any_of(connect.listen.begin(), connect.listen.end(),
                    [](const auto& text) { return text.value.starts_with("unix:"); });
    SocketAccess out;
    const auto read = [&](const std::optional<config::Located<std::string>>& text, const char* key,
                          auto&& parse, std::optional<std::uint32_t>& value) {
      if (!text) return;
      if (!has_socket)
        mistake(text->line, fmt::format("{} applies to unix sockets, and listen has none", key));
      const auto parsed = parse(text->value);
      if (!parsed) mistake(text->line, fmt::format("{}: {}", key, parsed.error()));
      value = *parsed;
    };
    read(connect.socket_mode, "socket_mode", parse_socket_mode, out.mode);
    read(connect.socket_group, "socket_group", parse_socket_group, out.group);
    if (out.group && !out.mode) out.mode = kGroupSocketMode;
    return out;
  }

  static bool same_port(const net::StreamAddress& a, const net::StreamAddress& b) {
    if (a.is_unix() || b.is_unix()) return a.same_place(b);
    if (a.port != b.port || a.port == 0) return false;  // 0 is a different one each time
    return a.host == b.host || includes(a.host, b.host) || includes(b.host, a.host);
  }

  /// Whether listening on `one` takes `other`, too. [::] includes all of IPv4.
  static bool includes(const std::string& one, const std::string& other) {
    if (one == "::") return true;
    if (one == "0.0.0.0") return other.find(':') == std::string::npos;
    return one == "localhost" && (other == "127.0.0.1" || other == "::1");
  }

  /// Of two that listen on the same address the second could not start.
  void refuse_taken(const config::Located<std::string>& text, const net::StreamAddress& listen,
                    const std::vector<Plan::Connect>& before) const {
    const bool taken = std::any_of(before.begin(), before.end(), [&](const Plan::Connect& connect) {
      return same_port(connect.forward.listen, listen);
    });
    if (taken) {
      mistake(text.line, fmt::format("listen {}: {} is taken by another listen",
                                     in_quotes(text.value), listen.to_string()));
    }
  }

  const config::Config& config_;
  const std::string file_;
  // Wherever the program is started, a relative path is the same file: another identity is another
  // key.
  const std::string folder_;
};

}  // namespace

Plan make_plan(const config::Config& config, const std::string& file) {
  return Planner(config, file).make();
}

std::string plan_file_name(const std::string& file) {
  return file == kStandardInput ? "standard input" : std::filesystem::absolute(file).string();
}

std::string choose_plan_file(const CommandLine& line) {
  if (line.has("config")) return line.path("config");
  const auto candidates = config::default_paths();
  for (const std::string& candidate : candidates) {
    std::error_code error;
    const bool there = std::filesystem::exists(candidate, error);
    // It may exist in a folder that may not be searched; opening it then gives the error.
    if (there || error == std::errc::permission_denied) return candidate;
  }
  throw UserError{kBadConfig, "NO_CONFIG",
                  fmt::format("no configuration file; use -c FILE, or create {}",
                              fmt::join(candidates, " or "))};
}

Plan load_plan(const std::string& file) {
  const std::string name = file == kStandardInput ? plan_file_name(file) : file;
  const auto text = platform::read_text_file(file);
  if (!text) {
    const config::ConfigError error{name, 0, "cannot be read: " + text.error()};
    throw UserError{kBadConfig, "BAD_CONFIG", error.to_string()};
  }
  const auto config = config::parse(*text, name);
  if (!config) throw UserError{kBadConfig, "BAD_CONFIG", config.error().to_string()};
  // What is relative in standard input counts from the working directory, as "-" would lie there.
  const Planner planner(*config, name);
  Plan plan = planner.make();
  planner.check_identities(plan);
  if (file != kStandardInput) plan.warnings = planner.exposed_secrets();
  return plan;
}

}  // namespace hsfwd::cli
