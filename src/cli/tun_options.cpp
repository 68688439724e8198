// SPDX-License-Identifier: Apache-2.0
#include "cli/tun_options.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

template <class Parse>
auto word(const char* option, const std::string& text, Parse&& parse) {
  auto out = parse(text);
  if (!out) {
    throw UserError{kUsage, "BAD_SPEC",
                    fmt::format("{} {}: {}", option, in_quotes(text), out.error())};
  }
  return std::move(*out);
}

overlay::PortRules rules_of(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) word("--allow", text, overlay::PortRule::parse);
  auto rules = overlay::PortRules::parse(texts);
  if (!rules) throw UserError{kUsage, "BAD_SPEC", "--allow: " + rules.error()};
  return std::move(*rules);
}

std::vector<overlay::NetworkPeer> peers_of(const CommandLine& line) {
  std::optional<overlay::PortRules> allow;
  const auto texts = line.texts("allow");
  if (texts.size() == 1 && texts.front() == kAllowNothing) {
    allow.emplace();
  } else if (!texts.empty()) {
    allow = rules_of(texts);
  }
  std::vector<overlay::NetworkPeer> out;
  std::set<PublicKey> known;
  for (const std::string& text : line.texts("peer")) {
    const PeerReference peer = peer_argument(text);
    if (peer.identity) {
      throw UserError{kUsage, "USAGE", "a holesail address with a secret is no peer of a network"};
    }
    if (known.insert(peer.key).second) out.push_back({.key = peer.key, .allow = allow});
  }
  if (line.has("exit")) {
    const PublicKey exit = peer_argument(line.text("exit")).key;
    if (known.insert(exit).second) out.push_back({.key = exit, .allow = allow});
  }
  if (out.empty()) {
    throw UserError{kUsage, "USAGE", "which peers? usage: hsfwd tun PEER... [OPTION...]"};
  }
  return out;
}

overlay::NetworkSettings settings_of(const CommandLine& line) {
  overlay::NetworkSettings out;
  out.peers = peers_of(line);
  for (const std::string& text : line.texts("address")) {
    out.addresses.push_back(word("--address", text, parse_interface_address));
  }
  if (line.has("interface")) {
    out.interface = line.text("interface");
    const std::string problem = interface_name_problem(out.interface);
    if (!problem.empty()) {
      throw UserError{kUsage, "BAD_SPEC", "--interface: " + problem};
    }
  }
  if (line.has("mtu")) {
    const auto mtu = parse_tunnel_mtu(line.values()["mtu"].as<std::int64_t>());
    if (!mtu) throw UserError{kUsage, "BAD_SPEC", "--mtu: " + mtu.error()};
    out.mtu = *mtu;
  }
  out.may_offload = !line.flag("no-offload");
  for (const std::string& text : line.texts("offer")) {
    const auto added = add_offer(text, out);
    if (!added) {
      throw UserError{kUsage, "BAD_SPEC",
                      fmt::format("--offer {}: {}", in_quotes(text), added.error())};
    }
  }
  return out;
}

}  // namespace

void read_exit(const CommandLine& line, TunSpec& out) {
  if (line.has("exit")) out.settings.exit = peer_argument(line.text("exit")).key;
  for (const std::string& text : line.texts("direct")) {
    out.settings.direct.push_back(word("--direct", text, parse_network));
  }
  for (const std::string& text : line.texts("dns")) {
    out.settings.name_servers.push_back(word("--dns", text, parse_name_server));
  }
  const std::string problem = exit_problem(out);
  if (problem.empty()) return;
  throw UserError{kUsage, "USAGE",
                  fmt::format("{}: {}",
                              line.has("exit")     ? "--exit"
                              : line.has("direct") ? "--direct"
                                                   : "--dns",
                              problem)};
}

void add_tun_options(CommandLine& line) {
  line.options().add_options()(
      "allow", po::value<std::vector<std::string>>()->composing(),
      "RULE for what peers may reach on this machine: tcp:PORTS, udp:PORTS (a port, a range or *), "
      "icmp, * or none; repeatable (default: everything)")(
      "address", po::value<std::vector<std::string>>()->composing(),
      "ADDRESS/LENGTH, an additional address of this machine; repeatable")(
      "pool", po::value<std::string>(),
      "NETWORK, a private IPv4 range from which every member gets an address, the same on all "
      "sides")("exit", po::value<std::string>(),
               "PEER through which all traffic goes that is not for a peer or a local network")(
      "direct", po::value<std::vector<std::string>>()->composing(),
      "NETWORK to reach directly instead of through the exit, in addition to private ones; "
      "repeatable")("dns", po::value<std::vector<std::string>>()->composing(),
                    "ADDRESS of a DNS server to use through the exit; repeatable")(
      "mtu", po::value<std::int64_t>(), "BYTES, the size of the largest packet (default: 1420)")(
      "no-offload", po::bool_switch(),
      "exchange packets with the kernel one at a time, without offloads");
}

TunSpec tun_spec(const CommandLine& line) {
  TunSpec out;
  out.settings = settings_of(line);
  if (line.has("pool")) out.pool = word("--pool", line.text("pool"), parse_pool);
  read_exit(line, out);
  out.identity = identity_path(line);
  return out;
}

}  // namespace hsfwd::cli
