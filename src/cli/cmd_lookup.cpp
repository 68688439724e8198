// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/commands.hpp"
#include "cli/events/probes.hpp"
#include "cli/table.hpp"
#include "node/find_peer.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// A search for the peer's record, and a ping to each node that stores it: those are its relays.
class LookupRun {
 public:
  LookupRun(App& app, const PeerReference& peer)
      : app_(app),
        peer_name_(peer.name),
        key_(peer.key),
        began_(app.scheduler().now()),
        find_(
            app.node(), key_,
            [this](const net::Address& relay) {
              relays_.push_back({relay, std::nullopt, nullptr});
            },
            [this](std::size_t) { on_searched(); }) {
    await_peer(app, peer, kLookingFor);
    find_.start();
  }

 private:
  struct Relay {
    net::Address address;
    std::optional<double> millis;
    std::unique_ptr<NodePing> ping;
  };

  void on_searched() {
    took_ = app_.scheduler().now() - began_;
    app_.waiting().begin("asking the nodes it is announced at", {.what = "relays"});
    unanswered_ = relays_.size();
    if (relays_.empty()) {
      app_.fail(connect_error(
          app_.node().online() ? ConnectError::kPeerNotFound : ConnectError::kNoNetwork,
          peer_name_));
      return;
    }
    for (Relay& relay : relays_) {
      relay.ping =
          std::make_unique<NodePing>(app_.node(), [this, &relay](std::optional<Duration> rtt) {
            if (rtt) relay.millis = millis(*rtt);
            if (--unanswered_ == 0) report();
          });
      relay.ping->start(relay.address);
    }
  }

  void report() {
    events::Found out{.peer = to_hex(key_.view()),
                      .millis = static_cast<std::uint64_t>(took_.to_millis()),
                      .hops = find_.hops(),
                      .asked = find_.asked()};
    std::string text;
    for (const Relay& relay : relays_) {
      const std::string address = relay.address.to_string();
      out.relays.push_back(address);
      out.answers.push_back({address, relay.millis});
      text += fmt::format("\n  {:<22} {}", address,
                          relay.millis ? fmt::format("{:.1f} ms", *relay.millis) : "no answer");
    }
    app_.output().event(
        out, fmt::format("{} is announced at {} ({} ms, {}, {} asked){}", key_text(key_),
                         count_text(relays_.size(), "node"), took_.to_millis(),
                         count_text(find_.hops(), "hop"), count_text(find_.asked(), "node"), text));
    app_.quit(kDone);
  }

  App& app_;
  const std::string peer_name_;
  const PublicKey key_;
  const Instant began_;
  Duration took_;
  std::vector<Relay> relays_;
  std::size_t unanswered_ = 0;
  FindPeer find_;
};

}  // namespace

int run_lookup(const Arguments& arguments) {
  CommandLine line("hsfwd lookup PEER [OPTION...]",
                   "Looks up a peer in the DHT and prints the nodes it is announced at and whether "
                   "they answer.");
  line.add_node_options();
  line.add_output_options();
  line.positional("peer", 1, {WordKind::kPeer, WordKind::kOther});
  if (!line.parse(arguments)) return kDone;
  const PeerReference peer = peer_argument(line.peer());

  App app(one_object(output_options(line)));
  Node& node = app.start_node(node_options(line));
  std::optional<LookupRun> run;
  node.when_ready([&] { run.emplace(app, peer); });
  return app.run();
}

}  // namespace hsfwd::cli
