// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/network_tunnel.hpp"
#include "cli/plan.hpp"
#include "cli/running_command.hpp"
#include "cli/tun_options.hpp"
#include "platform/confined_program.hpp"

namespace hsfwd::cli {

namespace {

// Options of a network that no file describes.
constexpr const char* kOfCommandLine[] = {
    "allow",      "address",  "pool", "mtu",       "exit", "direct", "dns",
    "no-offload", "identity", "name", "bootstrap", "host", "port",   "relay-through"};

struct Wanted {
  TunSpec spec;
  Options node;
  std::vector<std::string> warnings = {};  // about the file
};

/// Of a file only the network is wanted: what else it asks for is the business of `up`.
Wanted wanted_by_file(const std::string& file) {
  Plan plan = load_plan(file);
  for (const auto& tunnel : plan.tunnels) {
    if (&tunnel->kind() != &kTunKind) continue;
    return {static_cast<const TunSpec&>(*tunnel), std::move(plan.node), std::move(plan.warnings)};
  }
  throw UserError{kBadConfig, "BAD_CONFIG",
                  fmt::format("{}: there is no [tun], so no network to run a program in",
                              plan_file_name(file))};
}

Wanted wanted_by(const CommandLine& line) {
  if (!line.has("peer")) {
    for (const char* option : kOfCommandLine) {
      if (!line.has(option) || line.values()[option].defaulted()) continue;
      throw UserError{
          kUsage, "USAGE",
          fmt::format("--{} goes with --peer; without it the network is the file's", option)};
    }
    return wanted_by_file(choose_plan_file(line));
  }
  if (line.has("config")) {
    throw UserError{kUsage, "USAGE", "--peer and --config cannot be combined"};
  }
  return {tun_spec(line), node_options(line)};
}

}  // namespace

int run_run(const Arguments& arguments) {
  constexpr const char* kUsageLine =
      "hsfwd run [-c FILE | --peer PEER...] [OPTION...] -- COMMAND...";
  CommandLine line(
      kUsageLine,
      "Runs COMMAND in a network of its own that contains only the peers, at the addresses of "
      "their keys\nand by their names (NAME.hsfwd). Needs no privileges.");
  line.options().add_options()("config,c", po::value<std::string>(),
                               "FILE with a [tun] section (default: as for up)")(
      "peer", po::value<std::vector<std::string>>()->composing(),
      "PEER in the network, instead of a file; repeatable");
  add_tun_options(line);
  line.add_connection_options();
  line.hide("json");
  line.positional("command", -1, {WordKind::kCommand});
  if (!line.parse(arguments)) return kDone;
  const auto command = line.texts("command");
  if (command.empty()) {
    throw UserError{kUsage, "USAGE", fmt::format("run what? usage: {}", kUsageLine)};
  }
  // Standard output is the program's.
  if (line.flag("json")) throw UserError{kUsage, "USAGE", "run has no events: leave out --json"};

  // It copies this process, which has neither secrets nor threads yet.
  auto prepared = platform::ConfinedProgram::prepare(command);
  if (!prepared) throw UserError{kFailed, "RUN_FAILED", prepared.error()};
  Wanted wanted = wanted_by(line);
  App app(lasting_output_options(line));
  for (const std::string& warning : wanted.warnings) app.log().warning("config", "{}", warning);
  const platform::Identity identity = require_identity(wanted.spec.identity, app.loop().random());
  platform::IdentityLock lock = await_lock(identity, wanted.spec.identity, app.log());
  wanted.node.key_pair = identity.keys;
  app.start_node(std::move(wanted.node));
  NetworkTunnel tunnel(
      app, wanted.spec,
      app.key_listeners().get(app, identity.keys, wanted.spec.identity, std::move(lock)),
      {.tunnels = (*prepared)->make_tunnels(app.loop()), .apart = true, .silent = true});
  tunnel.prepare(Unavailable::kRefused);
  tunnel.start();
  const RunningCommand running(app, "run", [&] {
    return std::vector<TunnelView>{{&kTunKind, &tunnel}};
  });
  app.on_goodbye([&](std::function<void()> done) { tunnel.leave(std::move(done)); });
  app.on_network_change([&] { tunnel.on_network_change(); });
  const std::unique_ptr<platform::ConfinedProgram> program = std::move(*prepared);
  app.leave_signals();
  const auto started = program->start(
      app.loop(),
      {.servers = {ip::host_text(overlay::name_server_address())}, .search = {kNetworkDomain}},
      [&](int exit_code) { app.quit(exit_code); });
  if (!started) {
    throw UserError{started.error().exit_code, "RUN_FAILED", started.error().text};
  }
  return app.run();
}

}  // namespace hsfwd::cli
