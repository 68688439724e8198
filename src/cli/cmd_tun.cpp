// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/network_tunnel.hpp"
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

std::vector<overlay::NetworkPeer> peers_of(const CommandLine& line) {
  std::optional<overlay::PortRules> allow;
  const auto texts = line.texts("allow");
  for (const std::string& text : texts) word("--allow", text, overlay::PortRule::parse);
  if (!texts.empty()) {
    auto rules = overlay::PortRules::parse(texts);
    if (!rules) throw UserError{kUsage, "BAD_SPEC", "--allow: " + rules.error()};
    allow = std::move(*rules);
  }
  std::vector<overlay::NetworkPeer> out;
  std::set<PublicKey> known;
  for (const std::string& text : line.texts("peer")) {
    const PeerReference peer = peer_argument(text);
    if (peer.identity) {
      throw UserError{kUsage, "USAGE",
                      "a holesail address with a secret is no peer of a network"};
    }
    if (known.insert(peer.key).second) out.push_back({.key = peer.key, .allow = allow});
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
      throw UserError{kUsage, "BAD_SPEC",
                      fmt::format("--interface {}: {}", in_quotes(out.interface), problem)};
    }
  }
  if (line.has("mtu")) {
    const auto mtu = parse_tunnel_mtu(line.values()["mtu"].as<std::int64_t>());
    if (!mtu) throw UserError{kUsage, "BAD_SPEC", "--mtu: " + mtu.error()};
    out.mtu = *mtu;
  }
  out.may_offload = !line.flag("no-offload");
  return out;
}

}  // namespace

int run_tun(const Arguments& arguments) {
  CommandLine line("hsfwd tun PEER... [OPTION...]",
                   "Makes a network interface behind which each PEER has the address of its key. "
                   "Both sides run it,\neach with the other's key.");
  line.options().add_options()("allow", po::value<std::vector<std::string>>()->composing(),
                               "what peers may reach here: tcp:PORT, udp:PORT, icmp, with ranges "
                               "and *; repeatable (default: everything)")(
      "address", po::value<std::vector<std::string>>()->composing(),
      "ADDRESS/LENGTH of this machine, beside the one of its key; repeatable")(
      "interface", po::value<std::string>(), "NAME of the interface (default: hsfwd0 or the next)")(
      "mtu", po::value<std::int64_t>(), "BYTES of its largest packet (default: 1420)")(
      "no-offload", po::bool_switch(), "take and give single packets only");
  line.add_connection_options();
  line.positional("peer", -1);
  if (!line.parse(arguments)) return kDone;
  TunSpec spec;
  spec.settings = settings_of(line);
  Options options = node_options(line);
  spec.identity = identity_path(line);

  App app(lasting_output_options(line));
  const platform::Identity identity = require_identity(spec.identity, app.loop().random());
  platform::IdentityLock lock = await_lock(identity, spec.identity, app.log());
  options.key_pair = identity.keys;
  app.start_node(std::move(options));
  NetworkTunnel tunnel(
      app, spec, app.key_listeners().get(app, identity.keys, spec.identity, std::move(lock)));
  tunnel.prepare(Unavailable::kRefused);
  tunnel.start();
  app.on_goodbye([&](std::function<void()> done) { tunnel.leave(std::move(done)); });
  return app.run();
}

}  // namespace hsfwd::cli
