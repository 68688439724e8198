// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/commands.hpp"
#include "cli/events/nodes.hpp"
#include "cli/table.hpp"
#include "forward/policy.hpp"
#include "platform/identity_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr Duration kReportInterval = 60_s;

void add_relay_node_options(CommandLine& line) {
  line.options().add_options()(
      "relay", po::bool_switch(),
      "also run a blind relay, under this machine's key, for peers without a direct path")(
      "relay-max-pairs", po::value<std::string>(),
      "N, the limit on simultaneously relayed connections (default: 256)")(
      "relay-rate", po::value<std::string>(),
      "N megabits per second, the limit for all relayed connections together (default: no limit)")(
      "allow", po::value<std::vector<std::string>>()->composing(),
      "PEER that may use the relay; repeatable (default: anyone)");
}

std::uint64_t positive(const CommandLine& line, const char* name) {
  const auto value = parse_decimal(line.text(name), 1'000'000);
  if (value.value_or(0) > 0) return *value;
  throw UserError{
      kUsage, "USAGE",
      fmt::format("--{} {}: must be a number above 0", name, shortened(line.text(name)))};
}

RelayOptions relay_options(const CommandLine& line) {
  for (const char* name : {"relay-max-pairs", "relay-rate", "allow"}) {
    if (line.has(name) && !line.flag("relay")) {
      throw UserError{kUsage, "USAGE", fmt::format("--{} needs --relay", name)};
    }
  }
  RelayOptions out;
  if (line.has("relay-max-pairs")) out.limits.max_pairs = positive(line, "relay-max-pairs");
  if (line.has("relay-rate")) out.limits.rate = positive(line, "relay-rate") * 1'000'000 / 8;
  std::set<PublicKey> allowed;
  for (const std::string& text : line.texts("allow")) allowed.insert(peer_argument(text).key);
  out.allow = [policy = forward::Policy(std::move(allowed))](const Visitor& visitor) {
    return policy.admits(visitor.key);
  };
  return out;
}

/// A blind relay on the node, and its periodic report.
class RelayRun {
 public:
  RelayRun(App& app, platform::IdentityLock lock, RelayOptions options)
      : app_(app),
        lock_(std::move(lock)),
        relay_(app.node().create_relay(std::move(options))),
        report_timer_(app.scheduler(), [this] { report(); }) {}

  void start() {
    const auto listening =
        relay_->listen(app_.node().key_pair(), [this, told = false](std::size_t nodes) mutable {
          if (nodes > 0 && !std::exchange(told, true)) report_relaying();
        });
    HSFWD_CHECK(listening.ok());
    app_.on_goodbye([this](std::function<void()> done) { relay_->close(std::move(done)); });
    report_timer_.start(kReportInterval);
  }

 private:
  /// From now on it can be found.
  void report_relaying() {
    const PublicKey& key = relay_->public_key();
    app_.output().event(
        events::Relaying{to_hex(key.view()), key_text(key)},
        fmt::format("relaying; others use it with --relay-through {}", key_text(key)));
  }

  void report() {
    const RelayNode::Status status = relay_->status();
    app_.log().info("relay", "{} carried now, {} so far; {} MB forwarded, {} refused",
                    count_text(status.pairs, "connection"), status.pairs_so_far,
                    status.bytes_forwarded / 1'000'000, status.refused);
    report_timer_.start(kReportInterval);
  }

  App& app_;
  const platform::IdentityLock lock_;
  std::unique_ptr<RelayNode> relay_;
  Timer report_timer_;
};

}  // namespace

int run_node(const Arguments& arguments) {
  CommandLine line("hsfwd node [OPTION...]",
                   "Runs a plain DHT node, which helps the network. It becomes a persistent member "
                   "once it has proven\nto be stable and reachable.");
  line.options().add_options()("first", po::value<std::string>(),
                               "ADDR, this node's public address: start a new network, with this "
                               "as its first node and no bootstrap nodes")(
      "persistent", po::bool_switch(),
      "become a full member immediately; for hosts known to be reachable");
  add_relay_node_options(line);
  line.add_node_options();
  line.add_identity_options();
  line.add_output_options();
  if (!line.parse(arguments)) return kDone;
  RelayOptions relay_settings = relay_options(line);
  Options options = node_options(line);
  if (line.flag("persistent")) options.ephemeral = false;
  if (line.has("first")) {
    const auto own = net::Ipv4::parse(line.text("first"));
    if (!own || own->is_any()) {
      throw UserError{
          kUsage, "USAGE",
          fmt::format("--first {}: must be an IPv4 address", shortened(line.text("first")))};
    }
    if (options.port == 0) throw UserError{kUsage, "USAGE", "--first needs a fixed --port"};
    if (line.has("bootstrap")) {
      throw UserError{kUsage, "USAGE", "--first and --bootstrap cannot be combined"};
    }
    options.bootstrap.clear();
    options.ephemeral = false;
    options.firewalled = false;
    options.any_port = false;
    options.own_address = net::Address{*own, options.port};
  }

  App app(lasting_output_options(line));
  std::optional<platform::IdentityLock> lock;
  if (line.flag("relay")) {
    const std::string path = identity_path(line);
    const platform::Identity identity = require_identity(path, app.loop().random());
    lock.emplace(await_lock(identity, path, app.log()));
    options.key_pair = identity.keys;
  }
  Node& node = app.start_node(std::move(options));
  node.when_ready([&] {
    if (!node.online() && !line.has("first")) {
      app.fail({kTryLater, "NO_NETWORK", "no bootstrap node answers; is there a network?"});
      return;
    }
    const NodeStatus status = node.status();
    const std::string address = status.local.to_string();
    const auto& remote = status.reachable_as;
    events::NodeReady event{
        .listen = address, .firewalled = status.firewalled, .persistent = status.persistent};
    if (remote) event.address = remote->to_string();
    if (lock) {
      event.public_key = to_hex(node.key_pair().public_key.view());
      event.key = key_text(node.key_pair().public_key);
    }
    app.output().event(event, fmt::format("node on {}, {}, {}", address,
                                          remote ? "reachable as " + remote->to_string()
                                                 : "not reachable from outside",
                                          status.persistent ? "persistent" : "ephemeral for now"));
  });
  std::optional<RelayRun> relay;
  if (lock) {
    relay.emplace(app, std::move(*lock), std::move(relay_settings));
    relay->start();
  }
  return app.run();
}

}  // namespace hsfwd::cli
