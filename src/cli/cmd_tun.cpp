// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/network_tunnel.hpp"
#include "cli/running_command.hpp"
#include "cli/tun_options.hpp"
#include "platform/packet_tunnels.hpp"

namespace hsfwd::cli {

int run_tun(const Arguments& arguments) {
  CommandLine line("hsfwd tun PEER... [OPTION...]",
                   "Creates a network interface through which each PEER is reachable at the "
                   "address of its key. Both\nsides run it, each with the other's key.");
  add_tun_options(line);
  line.options().add_options()("interface", po::value<std::string>(),
                               "NAME of the interface (default: hsfwd0, or the next free one)")(
      "offer", po::value<std::vector<std::string>>()->composing(),
      "NETWORK behind this machine that peers may reach, or internet to be their exit; repeatable");
  line.add_connection_options();
  line.positional("peer", -1, {WordKind::kPeer});
  if (!line.parse(arguments)) return kDone;
  const TunSpec spec = tun_spec(line);
  Options options = node_options(line);

  App app(lasting_output_options(line));
  app.set_names(PeerNames(AddressBook::load().peers()));
  const platform::Identity identity = require_identity(spec.identity, app.loop().random());
  platform::IdentityLock lock = await_lock(identity, spec.identity, app.log());
  options.key_pair = identity.keys;
  app.start_node(std::move(options));
  NetworkTunnel tunnel(
      app, spec, app.key_listeners().get(app, identity.keys, spec.identity, std::move(lock)),
      {.tunnels = platform::make_packet_tunnel_factory(app.loop()), .names = &app.split_dns()});
  tunnel.prepare(Unavailable::kRefused);
  tunnel.start();
  const RunningCommand running(app, "tun", [&] {
    return std::vector<TunnelView>{{&kTunKind, &tunnel}};
  });
  app.on_goodbye([&](std::function<void()> done) { tunnel.leave(std::move(done)); });
  app.on_network_change([&] { tunnel.on_network_change(); });
  return app.run();
}

}  // namespace hsfwd::cli
