// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/app.hpp"
#include "cli/commands.hpp"

namespace hsfwd::cli {

int run_node(const Arguments& arguments) {
  CommandLine line("hsfwd node [OPTION...]",
                   "Runs a plain DHT node, which helps the network. It becomes a persistent member "
                   "once it has proven\nstable and reachable.");
  line.options().add_options()(
      "first", po::value<std::string>(),
      "ADDR, this node's public address: it is the first of a network of its own, with no "
      "bootstrap nodes")("persistent", po::bool_switch(),
                         "a member at once; for hosts that are known to be reachable");
  line.add_node_options();
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  Options options = node_options(line);
  if (line.flag("persistent")) options.ephemeral = false;
  if (line.has("first")) {
    const auto own = net::Ipv4::parse(line.text("first"));
    if (!own || own->is_any()) {
      throw UserError{kUsage, "USAGE",
                      fmt::format("--first {}: has to be an IPv4 address", line.text("first"))};
    }
    if (options.port == 0) throw UserError{kUsage, "USAGE", "--first needs a fixed --port"};
    if (line.has("bootstrap")) {
      throw UserError{kUsage, "USAGE", "--first and --bootstrap exclude each other"};
    }
    options.bootstrap.clear();
    options.ephemeral = false;
    options.firewalled = false;
    options.any_port = false;
    options.own_address = net::Address{*own, options.port};
  }

  App app(output_options(line));
  Node& node = app.start_node(std::move(options));
  node.when_ready([&] {
    const auto& rpc = node.dht().node();
    const std::string address = node.dht().endpoint().server().local_address().to_string();
    const auto remote = rpc.remote_address();
    if (!node.online() && !line.has("first")) {
      app.fail({kTryLater, "NO_NETWORK", "no bootstrap node answers; is there a network?"});
      return;
    }
    app.output().event("ready",
                       {{"listen", address},
                        {"address", remote ? Json(remote->to_string()) : Json()},
                        {"firewalled", rpc.firewalled()},
                        {"persistent", !rpc.ephemeral()}},
                       fmt::format("node on {}, {}, {}", address,
                                   remote ? "reachable as " + remote->to_string()
                                          : "not reachable from outside",
                                   rpc.ephemeral() ? "ephemeral so far" : "persistent"));
  });
  return app.run();
}

}  // namespace hsfwd::cli
