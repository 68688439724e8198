// SPDX-License-Identifier: Apache-2.0
#include "cli/invitation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/permits.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::uint16_t kSshPort = 22;
constexpr std::uint16_t kFirstFreePort = 1024;  // that users may open
constexpr std::uint16_t kAboveSystem = 8000;    // 80 becomes 8080
constexpr std::uint16_t kUsualWeb = 8080;
constexpr std::size_t kMostForwards = 4;  // in a line that somebody reads
constexpr const char* kIdentityToo = " --identity FILE";

/// Characters that no shell makes anything else of.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("@%+=:,./_-").find(c) != std::string_view::npos;
}

/// Everything of that network is on this machine, and so are the ports of its services.
bool is_all_here(const std::vector<BootstrapNode>& bootstrap) {
  return !bootstrap.empty() &&
         std::all_of(bootstrap.begin(), bootstrap.end(), [](const BootstrapNode& node) {
           const auto host = node.suggested ? node.suggested : net::Ipv4::parse(node.host);
           return node.host == "localhost" || (host && host->is_loopback());
         });
}

/// The port that a client opens for a service: the same where that is easy to have; 0 picks one.
std::uint16_t local_port(const net::StreamAddress& target, bool all_here) {
  if (all_here || target.is_unix()) return 0;
  return target.port < kFirstFreePort ? target.port + kAboveSystem : target.port;
}

std::string forward_words(const Invited& to) {
  const bool all_here = is_all_here(to.bootstrap);
  const auto is_named = [&](const forward::Service& service) {
    return std::any_of(to.services.begin(), to.services.end(),
                       [&](const forward::Service& other) { return other.name != service.name; });
  };
  std::string out;
  std::vector<std::string_view> told;
  for (const forward::Service& service : to.services) {
    if (std::find(told.begin(), told.end(), service.name) != told.end()) continue;
    if (told.size() == kMostForwards) break;
    told.push_back(service.name);
    // A name that is two services is one of each protocol.
    const bool both = std::any_of(to.services.begin(), to.services.end(), [&](const auto& other) {
      return other.name == service.name && other.target.udp != service.target.udp;
    });
    const char* const protocol = both ? "tcp+udp:" : service.target.udp ? "udp:" : "";
    out += fmt::format(" -L {}{}", protocol, local_port(service.target, all_here));
    if (is_named(service)) out += ":" + service.name;
  }
  return out;
}

/// A port that this machine may be asked to listen at.
std::string reverse_words(const forward::Policy& policy) {
  const forward::PortSet& ports = policy.listens().front().ports;
  return fmt::format(" -R {}", ports.has(kUsualWeb) || ports.ranges().empty()
                                   ? kUsualWeb
                                   : ports.ranges().front().first);
}

/// Those that any permit opens, if there are permits.
std::vector<forward::Service> permitted(const Invited& to) {
  const auto& permits = to.policy.permits();
  std::vector<forward::Service> out;
  for (const forward::Service& service : to.services) {
    const bool opened = std::any_of(permits.begin(), permits.end(), [&](const auto& permit) {
      return std::any_of(permit.services.begin(), permit.services.end(), [&](const auto& name) {
        return name == forward::Permit::kAllServices || name == service.name;
      });
    });
    if (permits.empty() || opened) out.push_back(service);
  }
  return out;
}

/// What may be reached may be destinations alone, or only addresses to be listened at.
std::string ways_in(const Invited& to) {
  if (!to.services.empty()) return forward_words(to);
  return opens_destinations(to.policy.permits()) ? " -D 1080" : reverse_words(to.policy);
}

const forward::Service* ssh_service(const std::vector<forward::Service>& services) {
  const auto found = std::find_if(services.begin(), services.end(), [](const auto& service) {
    return service.target.port == kSshPort && !service.target.udp && !service.target.is_unix();
  });
  return found != services.end() ? &*found : nullptr;
}

/// One that is not to be taken for an option, or for anything by ssh or a shell.
std::string ssh_host(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return is_plain(c) && std::string_view("@%+=:,/").find(c) == std::string_view::npos;
  });
  return plain && !name.empty() && name.front() != '-' ? name : "server";
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bootstrap_words(const std::vector<BootstrapNode>& bootstrap) {
  const auto texts = [](const std::vector<BootstrapNode>& nodes) {
    std::vector<std::string> out;
    for (const BootstrapNode& node : nodes) out.push_back(node.to_string());
    return out;
  };
  const std::vector<std::string> ours = texts(bootstrap);
  if (ours == texts(public_bootstrap())) return "";
  std::string out;
  for (const std::string& node : ours) out += " --bootstrap " + shell_word(node);
  return out;
}

Invitation invitation(const Invited& all) {
  const std::vector<forward::Service> services = permitted(all);
  const Invited to{.key = all.key,
                   .services = services,
                   .policy = all.policy,
                   .bootstrap = all.bootstrap,
                   .host_name = all.host_name,
                   .own_key_only = all.own_key_only};
  const std::string key = key_text(to.key);
  const std::string network = bootstrap_words(to.bootstrap);
  const std::string more = (to.own_key_only ? kIdentityToo : "") + network;
  Invitation out;
  out.connect = fmt::format("hsfwd connect {}{}{}", key, ways_in(to), more);
  if (const forward::Service* const ssh = ssh_service(to.services)) {
    const std::string name = ssh == &to.services.front() ? "" : " " + ssh->name;
    out.ssh = fmt::format("ssh -o ProxyCommand={} {}",
                          shell_word(fmt::format("hsfwd pipe {}{}{}", key, name, more)),
                          ssh_host(to.host_name));
  }
  // They know one network, and no secret is told here.
  if (!network.empty() || to.own_key_only || to.services.empty()) return out;
  const net::StreamAddress& first = to.services.front().target;
  const std::uint16_t port = local_port(first, false);
  if (port == 0) return out;
  if (!first.udp) out.hypertele = fmt::format("hypertele -p {} -s {}", port, to_hex(to.key.view()));
  out.holesail =
      fmt::format("holesail hs://0000{} --port {}{}", key, port, first.udp ? " --udp" : "");
  return out;
}

}  // namespace hsfwd::cli
