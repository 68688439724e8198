// SPDX-License-Identifier: Apache-2.0
// What is counted and what docs/metrics.md lists are the same.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cli/exposure.hpp"
#include "cli/figures.hpp"
#include "cli/health.hpp"
#include "cli/metrics_kind.hpp"
#include "cli/page_kind.hpp"
#include "cli/peer_tunnel.hpp"
#include "cli/process_metrics.hpp"
#include "cli/reverse_tunnel.hpp"
#include "cli/socks_tunnel.hpp"
#include "cli/udp_tunnel.hpp"
#include "overlay/network.hpp"
#include "sim/packet_tunnel.hpp"
#include "unit/hyperdht/swarm.hpp"
#include "util/metrics.hpp"

using namespace hsfwd;

namespace {

/// The walk as lines of the document.
class Lines final : public MetricSink {
 public:
  void add(const Metric& metric) override {
    CHECK(figures_.insert(fmt::format("{} {}", metric.name, text_of(metric.labels))).second);
    Entry& entry = entries_[std::string(metric.name)];
    if (!entry.help.empty()) CHECK(entry.help == metric.help);
    entry.help = metric.help;
    entry.kind = metric.kind == MetricKind::kCounter ? "counter" : "gauge";
    for (const auto& [name, value] : metric.labels) {
      std::set<std::string>& values = entry.labels[name];
      if (kFixed.contains(name)) values.insert(value);
    }
  }

  std::set<std::string> all() const {
    std::set<std::string> out;
    for (const auto& [name, entry] : entries_) {
      std::string labels;
      for (const auto& [label, values] : entry.labels) {
        labels += labels.empty() ? label : ", " + label;
        if (!values.empty()) labels += fmt::format(" ({})", fmt::join(values, ", "));
      }
      out.insert(fmt::format("| `{}` | {} | {} | {} |", name, entry.kind, labels, entry.help));
    }
    return out;
  }

 private:
  struct Entry {
    std::string help;
    std::string kind;
    std::map<std::string, std::set<std::string>> labels;
  };
  /// Labels whose values are known beforehand. The others are keys and addresses.
  static inline const std::set<std::string> kFixed = {"reason", "of",       "direction", "path",
                                                      "role",   "strategy", "level"};

  static std::string text_of(const MetricLabels& labels) {
    std::string out;
    for (const auto& [name, value] : labels) out += fmt::format("{}={} ", name, value);
    return out;
  }

  std::map<std::string, Entry> entries_;
  std::set<std::string> figures_;  // each is there once
};

std::set<std::string> documented() {
  std::ifstream file(HSFWD_DOCS "/metrics.md");
  std::set<std::string> out;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `hsfwd_") || line.starts_with("| `process_")) out.insert(line);
  }
  return out;
}

void walk_over_node(MetricSink& sink) {
  hyperdht::Swarm swarm(1);
  swarm.grow_to(10);
  sim::Host& host = swarm.world.add_host(net::Ipv4::of(60, 1, 1, 1));
  Node node(host.env(), {.bootstrap = swarm.bootstrap, .ephemeral = false, .firewalled = false});
  REQUIRE(node.start());
  swarm.world.run_for(5_s);
  host.freeze();
  auto relay = node.create_relay();
  REQUIRE(relay->listen(swarm.keys(10), [](std::size_t) {}));
  host.run();
  swarm.world.run_for(5_s);
  node.collect(sink);
  relay->collect(sink);
}

/// One that nobody has dialled yet.
struct WalkedNetwork final : overlay::NetworkObserver {
  void on_peer_changed(const PublicKey&) override {}
  void on_interface_lost(const std::string&) override {}
};

void walk_over_network(MetricSink& sink) {
  hyperdht::Swarm swarm(1);
  sim::Host& host = swarm.world.add_host(net::Ipv4::of(60, 1, 1, 1));
  sim::Tunnels tunnels(host);
  WalkedNetwork observer;
  std::optional<overlay::Network> network;
  network.emplace(
      overlay::Network::Surroundings{.scheduler = host.scheduler(),
                                     .random = host.random(),
                                     .tunnels = tunnels,
                                     .links = {},
                                     .is_node_port = [](std::uint16_t) { return false; }},
      swarm.keys(1).public_key, static_cast<overlay::NetworkObserver&>(observer));
  overlay::NetworkSettings settings;
  settings.interface = "hsfwd0";
  settings.peers.push_back({.key = swarm.keys(2).public_key});
  REQUIRE(network->open(settings));
  network->collect(sink);
  network.reset();
  host.scheduler().collect();
}

void walk_over_tunnels(MetricSink& sink) {
  cli::App app({});
  cli::collect_health(sink, {});
  app.admission().collect(sink);
  const auto keys = KeyPair::generate(app.loop().random());
  cli::ExposeSpec spec;
  spec.services = {*forward::Service::parse("80")};
  const cli::Exposure exposure(app, spec, app.key_listeners().get(app, keys, "nowhere"));
  exposure.collect(sink);
  const cli::PeerTunnel tunnel(app, {.key = keys.public_key},
                               *forward::LocalForward::parse("8080"));
  tunnel.collect(sink);
  const cli::UdpTunnel udp(app, {.key = keys.public_key}, *forward::LocalForward::parse("udp:8080"),
                           cli::kUsualUdpIdle);
  udp.collect(sink);
  const cli::SocksTunnel socks(app, {.host = "127.0.0.1", .port = 1080, .path = {}},
                               cli::SocksDirectory(std::nullopt));
  socks.collect(sink);
  const cli::ReverseTunnel reverse(app, {.key = keys.public_key},
                                   *forward::ReverseForward::parse("8080"));
  reverse.collect(sink);
  cli::MetricsSpec({.host = "127.0.0.1", .port = 9464, .path = {}}).make(app)->collect(sink);
  cli::collect_process(sink, 120'000);
  SessionInfo session;
  session.key = keys.public_key;
  cli::SessionTally().collect(sink, {session}, {{keys.public_key, "home"}});
  cli::PageSpec({.host = "127.0.0.1", .port = 8088, .path = {}}, nullptr).make(app)->collect(sink);
}

}  // namespace

TEST_CASE("what is counted is what the document lists, and the other way round") {
  Lines lines;
  walk_over_node(lines);
  walk_over_tunnels(lines);
  walk_over_network(lines);
  const auto counted = lines.all();
  const auto listed = documented();
  for (const std::string& line : counted) {
    CAPTURE(line);
    CHECK(listed.contains(line));
  }
  for (const std::string& line : listed) {
    CAPTURE(line);
    CHECK(counted.contains(line));
  }
}

TEST_CASE("a node's figures are those of what it has done") {
  hyperdht::Swarm swarm(2);
  swarm.grow_to(10);
  const auto server = swarm.add_peer(1);
  sim::Host& host = swarm.world.add_host(net::Ipv4::of(60, 1, 1, 1));
  Node node(host.env(), {.bootstrap = swarm.bootstrap});
  REQUIRE(node.start());
  swarm.world.run_for(5_s);
  const auto before = cli::Figures::of(node);
  CHECK(before.at("hsfwd_connections") == 0);
  CHECK(before.at("hsfwd_dht_requests") >= before.at("hsfwd_dht_responses"));
  CHECK(before.at("hsfwd_dht_responses") > 0);
  CHECK(before.at("hsfwd_dht_nodes") > 0);
  CHECK(before.at("hsfwd_buffered_bytes") <= before.at("hsfwd_buffered_bytes_limit"));
  CHECK(before.at("hsfwd_buffered_bytes_limit") <= Options().max_buffered);

  host.freeze();
  const auto stream = node.connect_stream(server->dht().options().key_pair.public_key);
  host.run();
  CHECK(cli::Figures::of(node).at("hsfwd_connections") == 1);
  swarm.world.run_for(1_s);
  CHECK(cli::Figures::of(node).at("hsfwd_dht_requests") > before.at("hsfwd_dht_requests"));
}

TEST_CASE("labels of an owner come before those of what it has") {
  struct Sink final : MetricSink {
    void add(const Metric& metric) override {
      CHECK(metric.value == 3);
      CHECK(metric.labels == MetricLabels{{"server", "a"}, {"reason", "b"}});
      ++added;
    }
    int added = 0;
  } sink;
  LabellingSink labelled(sink, {{"server", "a"}});
  labelled.counter("hsfwd_test", "", 3, {{"reason", "b"}});
  CHECK(sink.added == 1);
}
