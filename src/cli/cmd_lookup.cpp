// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/app.hpp"
#include "cli/commands.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

int run_lookup(const Arguments& arguments) {
  CommandLine line("hsfwd lookup PEER [OPTION...]",
                   "Looks for a peer in the DHT and prints the nodes that relay to it.");
  line.add_node_options();
  line.add_output_options();
  line.positional("peer", 1);
  if (!line.parse(arguments)) return kDone;
  const auto words = line.texts("peer");
  if (words.empty()) {
    throw UserError{kUsage, "USAGE", "which peer? usage: hsfwd lookup PEER"};
  }
  const PeerReference peer = parse_peer(words[0]);

  App app(output_options(line));
  Node& node = app.start_node(node_options(line));
  std::vector<std::string> relays;
  std::optional<hyperdht::FindPeer> find;
  node.when_ready([&] {
    const Instant begin = app.scheduler().now();
    find.emplace(
        node.dht().node(), peer.key,
        [&](const net::Address& relay, const hyperdht::PeerRecord&) {
          relays.push_back(relay.to_string());
        },
        [&, begin](std::size_t count) {
          if (count == 0) {
            app.fail(connect_error(node.online() ? ConnectError::kPeerNotFound
                                                 : ConnectError::kNoNetwork,
                                   words[0]));
            return;
          }
          const auto millis = (app.scheduler().now() - begin).to_millis();
          const rpc::Query& query = find->query();
          app.output().event(
              "found",
              {{"peer", to_hex(peer.key.view())},
               {"relays", relays},
               {"millis", millis},
               {"hops", query.hops()},
               {"asked", query.successes() + query.errors()}},
              fmt::format("{} is announced at {} nodes ({} ms, {} hops, {} nodes asked)\n  {}",
                          hyperdht::key_text(peer.key), count, millis, query.hops(),
                          query.successes() + query.errors(), fmt::join(relays, "\n  ")));
          app.quit(kDone);
        });
    find->start();
  });
  return app.run();
}

}  // namespace hsfwd::cli
