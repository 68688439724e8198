// SPDX-License-Identifier: Apache-2.0
// Hosts of a simulated internet that are in a private network with each other.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ip/packet.hpp"
#include "node/hsfwd.hpp"
#include "node/key_address.hpp"
#include "overlay/network.hpp"
#include "sim/packet_tunnel.hpp"
#include "unit/hyperdht/swarm.hpp"
#include "unit/overlay/filter_packets.hpp"

namespace hsfwd::overlay {

/// A host with a node, an interface and a network, whose server lets in the network's peers.
class Member final : NetworkObserver {
 public:
  Member(hyperdht::Swarm& swarm, sim::Host& host, std::uint8_t number)
      : swarm_(swarm), host_(host), keys_(swarm.keys(number)), tunnels_(host) {
    Options options;
    options.bootstrap = swarm.bootstrap;
    options.key_pair = keys_;
    node_.emplace(host.env(), std::move(options));
    REQUIRE(node_->start());
    network_.emplace(
        Network::Surroundings{
            .scheduler = host.scheduler(),
            .random = host.random(),
            .tunnels = tunnels_,
            .links = {.dial = [this](const PublicKey& peer, std::uint64_t) { return dial(peer); },
                      .take_id = [this] { return ++ids_; }},
            .host_networks = [this] { return host_networks_; },
            .is_node_port = [this](std::uint16_t port) { return node_->has_port(port); }},
        keys_.public_key, static_cast<NetworkObserver&>(*this));
    host.run();
  }

  const PublicKey& key() const { return keys_.public_key; }
  ip::Ipv6 address() const { return key_address(key()); }
  Network& network() { return *network_; }
  Node& node() { return *node_; }
  sim::Host& host() { return host_; }
  sim::Tunnels& tunnels() { return tunnels_; }
  const std::vector<std::string>& lost() const { return lost_; }
  int dials() const { return dials_; }

  void open(std::vector<NetworkPeer> peers) {
    NetworkSettings settings;
    settings.interface = "hsfwd0";
    settings.peers = std::move(peers);
    open(settings);
  }
  void open(const NetworkSettings& settings) {
    host_.freeze();
    REQUIRE(problem_with(key(), settings).empty());
    REQUIRE(network_->open(settings));
    listen();
    network_->start();
    host_.run();
  }
  /// From now on nobody is found, and it is noticed soon: another key is dialled, that nobody has.
  void dial_nobody() { instead_ = swarm_.keys(99).public_key; }
  /// The host has another address, and the program notices.
  void move_to(net::Ipv4 address) {
    host_.freeze();
    host_.set_address(swarm_.world.core(), address);
    node_->on_network_change();
    network_->on_addresses_changed();
    host_.run();
  }
  /// Those that it has besides this network, as far as that knows; from some seconds later on.
  void set_host_networks(net::HostNetworks networks) { host_networks_ = std::move(networks); }
  /// Ends like a program that is killed.
  void die() {
    host_.freeze();
    server_.reset();
    network_.reset();
    node_.reset();
    host_.run();
  }

  /// A program of the host sends.
  void send(Bytes packet) {
    host_.freeze();
    tunnels_.send("hsfwd0", std::move(packet));
    host_.run();
  }
  /// What has arrived at the host since the last take().
  const std::vector<Bytes>& received() {
    for (Bytes& packet : tunnels_.take_received("hsfwd0")) received_.push_back(std::move(packet));
    return received_;
  }
  std::vector<Bytes> take() {
    static_cast<void>(received());
    return std::exchange(received_, {});
  }
  PeerStatus status_of(const PublicKey& key) const {
    for (PeerStatus& status : network_->peers()) {
      if (status.key == key) return status;
    }
    FAIL("no such peer");
    return {};
  }

 private:
  // NetworkObserver
  void on_peer_changed(const PublicKey&) override {}
  void on_interface_lost(const std::string& reason) override { lost_.push_back(reason); }

  std::unique_ptr<PeerStream> dial(const PublicKey& peer) {
    ++dials_;
    ConnectOptions options;
    options.key_pair = keys_;
    if (!network_->nospoon(peer)) {
      options.extension = Extension{.features = Extension::kNoService | Extension::kIpPackets};
      options.session = true;
    }
    return node_->connect_stream(instead_.value_or(peer), std::move(options));
  }
  void listen() {
    ServerOptions options;
    options.allow = [this](const Visitor& visitor) { return network_->admits(visitor.key); };
    options.extension = [](const auto&, const auto& client) -> std::optional<Extension> {
      if (!client) return std::nullopt;
      return Extension{.features = Extension::kIpPackets};
    };
    options.sessions = true;
    server_.emplace(node_->create_server(
        [this](PeerSocket socket) { network_->accept(socket.release()); }, std::move(options)));
    REQUIRE(server_->listen(keys_));
  }

  hyperdht::Swarm& swarm_;
  sim::Host& host_;
  const KeyPair keys_;
  sim::Tunnels tunnels_;
  std::uint64_t ids_ = 0;
  int dials_ = 0;
  std::optional<PublicKey> instead_;
  net::HostNetworks host_networks_;
  std::optional<Node> node_;
  std::optional<Network> network_;
  std::optional<Server> server_;
  std::vector<std::string> lost_;
  std::vector<Bytes> received_;
};

/// Members with a DHT around them.
struct Members {
  explicit Members(std::uint64_t seed, std::size_t count = 2) : swarm(seed) {
    swarm.grow_to(20);
    for (std::size_t i = 0; i < count; ++i) {
      const auto number = static_cast<std::uint8_t>(i + 1);
      all.push_back(std::make_unique<Member>(
          swarm, swarm.world.add_host(net::Ipv4::of(60, 1, 1, number)), number));
    }
    swarm.world.run_for(5_s);
  }
  Member& operator[](std::size_t i) { return *all[i]; }
  /// Each knows all others.
  void open_all() {
    for (auto& member : all) {
      std::vector<NetworkPeer> peers;
      for (auto& other : all) {
        if (other != member)
          peers.push_back(
              {.key = other->key(), .name = {}, .addresses = {}, .networks = {}, .allow = {}});
      }
      member->open(std::move(peers));
    }
    swarm.world.run_for(10_s);
  }
  bool until(auto&& done, Duration at_most = 30_s) { return swarm.world.run_until(done, at_most); }

  hyperdht::Swarm swarm;
  std::vector<std::unique_ptr<Member>> all;
};

}  // namespace hsfwd::overlay
