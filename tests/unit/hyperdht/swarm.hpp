// SPDX-License-Identifier: Apache-2.0
// A simulated HyperDHT: persistent nodes, and peers with the network between them.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "hyperdht/dht.hpp"
#include "sim/host.hpp"
#include "unit/sanitizer.hpp"

namespace hsfwd::hyperdht {

inline constexpr std::size_t kMiB = 1024 * 1024;

/// Writes down what a peer connection brings.
class SocketRecorder : public net::ByteStreamObserver {
 public:
  explicit SocketRecorder(std::unique_ptr<PeerSocket> s) : socket(std::move(s)) {
    socket->set_observer(this);
    socket->set_on_open([this] { opened = true; });
    socket->set_on_message([this](ByteView m) { messages.push_back(to_bytes(m)); });
    // A server's sockets are open when they are handed over.
    opened = socket->is_open();
  }
  void on_readable() override {
    if (paused) return;
    for (ByteView view = socket->peek(); !view.empty(); view = socket->peek()) {
      append(received, view);
      ++records;
      socket->consume(view.size());
    }
    ended = socket->read_state() == net::ReadState::kEnd;
    if (ended && end_with_peer) socket->end();
  }
  void on_writable() override {
    while (sent < to_send.size()) {
      const std::size_t n = socket->write(ByteView(to_send).subspan(sent));
      if (n == 0) return;
      sent += n;
    }
    if (end_when_sent) socket->end();
  }
  void on_reset(const std::string& why) override { reset = why; }

  void send(Bytes bytes, bool end) {
    to_send = std::move(bytes);
    end_when_sent = end;
    on_writable();
  }

  std::unique_ptr<PeerSocket> socket;
  bool opened = false;
  bool paused = false;
  bool ended = false;
  bool end_with_peer = false;
  std::optional<std::string> reset;
  Bytes received;
  int records = 0;
  std::vector<Bytes> messages;
  Bytes to_send;
  std::size_t sent = 0;
  bool end_when_sent = false;
};

/// A server that answers hsfwd clients as one of theirs, and stock ones as a stock one.
inline ServerOptions as_hsfwd(ServerOptions options = {}) {
  options.extension = [](const auto&,
                         const std::optional<Extension>& theirs) -> std::optional<Extension> {
    if (!theirs) return std::nullopt;
    return Extension{};
  };
  return options;
}

class Peer {
 public:
  Peer(sim::Host& host, DhtOptions options) : host_(host), dht_(host.env(), std::move(options)) {
    HSFWD_CHECK(dht_.start().ok());
  }
  Dht& dht() { return dht_; }
  rpc::Node& node() { return dht_.node(); }
  sim::Host& host() { return host_; }
  Address address() const { return {host_.address(), 49737}; }

 private:
  sim::Host& host_;
  Dht dht_;
};

class Swarm {
 public:
  explicit Swarm(std::uint64_t seed) : world(seed) {
    DhtOptions options;
    const Address own{address_of(0), 49737};
    options.node.own_address = own;
    options.node.ephemeral = false;
    options.node.firewalled = false;
    bootstrap.push_back({own.host.to_string(), std::nullopt, own.port});
    nodes.push_back(std::make_unique<Peer>(world.add_host(own.host), options));
  }

  static net::Ipv4 address_of(std::size_t i) {
    return {0x34000001u + static_cast<std::uint32_t>(i) * 7919u};
  }
  crypto::KeyPair keys(std::uint8_t n) const {
    crypto::Seed seed;
    seed.mutable_view()[0] = n;
    return crypto::KeyPair::from_seed(seed);
  }

  void grow_to(std::size_t size, const sim::LinkProfile& link = {}) {
    while (nodes.size() < size) {
      DhtOptions options;
      options.node.bootstrap = bootstrap;
      options.node.ephemeral = false;
      options.node.firewalled = false;
      nodes.push_back(
          std::make_unique<Peer>(world.add_host(address_of(nodes.size()), link), options));
      if (nodes.size() % 10 == 0) world.run_for(100_ms);
    }
    world.run_for(5_s);
  }

  /// An ordinary participant: ephemeral, finds out about its firewall by itself.
  std::unique_ptr<Peer> add_peer(std::uint8_t key, const sim::LinkProfile& link = {},
                                 DhtOptions options = {}) {
    options.node.bootstrap = bootstrap;
    options.key_pair = keys(key);
    auto peer =
        std::make_unique<Peer>(world.add_host(address_of(100'000 + peers_++), link), options);
    HSFWD_CHECK(world.run_until([&] { return peer->dht().bootstrapped(); }, 30_s));
    return peer;
  }

  /// Waits until a server has announced itself.
  std::unique_ptr<Server> listen(Peer& peer, const crypto::KeyPair& key_pair, ServerOptions options,
                                 Server::OnConnection on_connection) {
    auto server = peer.dht().create_server(std::move(options), std::move(on_connection));
    HSFWD_CHECK(server->listen(key_pair, [](std::size_t) {}).ok());
    HSFWD_CHECK(world.run_until([&] { return !server->announcer()->relays().empty(); }, 30_s));
    return server;
  }

  sim::World world;
  std::vector<rpc::BootstrapNode> bootstrap;
  std::vector<std::unique_ptr<Peer>> nodes;

 private:
  std::size_t peers_ = 0;
};

}  // namespace hsfwd::hyperdht
