// SPDX-License-Identifier: Apache-2.0
// A simulated internet with a DHT, a server that has sessions, and a client, each behind a NAT of its own or open.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/hsfwd.hpp"
#include "unit/hyperdht/homes.hpp"

namespace hsfwd {

/// Where a participant sits.
struct Seat {
  std::optional<sim::NatProfile> nat;  // nothing: open to the world
  sim::LinkProfile link;
};

/// A node of this project on a machine of its own.
class Participant {
 public:
  Participant(hyperdht::Swarm& swarm, std::uint8_t number, const Seat& seat, Options options)
      : number_(number),
        world_(swarm.world),
        nat_(make_nat(swarm, number, seat)),
        host_(nat_ ? swarm.world.add_host(*inside_, net::Ipv4::of(192, 168, number, 2))
                   : swarm.world.add_host(net::Ipv4::of(90, number, 1, 1), seat.link)) {
    options.bootstrap = swarm.bootstrap;
    options.key_pair = swarm.keys(number);
    node = std::make_unique<Node>(host_.env(), std::move(options));
    REQUIRE(node->start().ok());
    node->when_ready([this] { ready_ = true; });
    REQUIRE(swarm.world.run_until([this] { return ready_; }, 30_s));
  }

  sim::Host& host() { return host_; }
  sim::Nat& nat() { return *nat_; }
  bool has_nat() const { return nat_ != nullptr; }
  /// Another address, as another network brings it; the node is told as its interface watch would do.
  void move() {
    ++moves_;
    if (nat_) {
      nat_->set_pool({net::Ipv4::of(82, number_, moves_, 1)});
    } else {
      host_.set_address(world_.core(), net::Ipv4::of(91, number_, moves_, 1));
    }
    host_.freeze();
    node->on_network_change();
  }
  /// Its NAT's outer address is another, and nobody says so.
  void renumber() {
    ++moves_;
    nat_->set_pool({net::Ipv4::of(83, number_, moves_, 1)});
  }

  std::unique_ptr<Node> node;

 private:
  std::unique_ptr<sim::Nat> make_nat(hyperdht::Swarm& swarm, std::uint8_t number,
                                     const Seat& seat) {
    if (!seat.nat) return nullptr;
    inside_ = &swarm.world.add_segment(1);
    return std::make_unique<sim::Nat>(swarm.world, *inside_, swarm.world.core(),
                                      std::vector{net::Ipv4::of(81, number, 1, 1)}, *seat.nat,
                                      seat.link, number);
  }

  const std::uint8_t number_;
  sim::World& world_;
  sim::Segment* inside_ = nullptr;
  std::unique_ptr<sim::Nat> nat_;
  sim::Host& host_;
  std::uint8_t moves_ = 1;
  bool ready_ = false;
};

/// What a service does here: it sends back whatever comes.
class EchoServer {
 public:
  EchoServer(Participant& at, const KeyPair& keys, bool sessions = true) : at_(at) {
    ServerOptions options;
    options.sessions = sessions;
    options.allow = [this](const Visitor&) { return allowed; };
    options.extension = [this](const PublicKey&,
                               const std::optional<Extension>& client) -> std::optional<Extension> {
      if (!client) return std::nullopt;
      const bool has = client->service.empty() || client->service == "echo";
      return Extension{.features = 0, .service = has ? "echo" : "", .services = {"echo"}};
    };
    server_.emplace(at.node->create_server([this](PeerSocket socket) { take(std::move(socket)); },
                                           std::move(options)));
    server_->on_announced([this](std::size_t introducers) { announced_ |= introducers > 0; });
    REQUIRE(server_->listen(keys).ok());
  }
  bool announced() const { return announced_; }
  std::size_t connections() const { return sockets_.size(); }
  void close_first() { sockets_.erase(sockets_.begin()); }
  std::size_t served() const { return served_; }
  const std::vector<std::string>& wanted() const { return wanted_; }
  void close_all() { sockets_.clear(); }

  bool allowed = true;

 private:
  void take(PeerSocket accepted) {
    ++served_;
    wanted_.push_back(accepted.info().extension ? accepted.info().extension->service : "-");
    sockets_.push_back(std::make_unique<PeerSocket>(std::move(accepted)));
    PeerSocket* const socket = sockets_.back().get();
    socket->on_data([socket](ByteView bytes) { socket->write(bytes); });
    socket->on_end([socket] { socket->end(); });
    socket->on_close([this, socket](const std::string&) {
      std::erase_if(sockets_, [&](const auto& other) { return other.get() == socket; });
    });
  }

  Participant& at_;
  std::optional<Server> server_;
  bool announced_ = false;
  std::size_t served_ = 0;
  std::vector<std::string> wanted_;
  std::vector<std::unique_ptr<PeerSocket>> sockets_;
};

/// A connection to the echo, and what came back over it.
class EchoClient {
 public:
  EchoClient(Participant& at, const PublicKey& server, const std::string& service = "echo",
             bool session = true)
      : at_(at) {
    at.host().freeze();
    ConnectOptions options;
    options.session = session;
    options.extension = Extension{.features = 0, .service = service};
    socket_.emplace(at.node->connect(server, std::move(options)));
    socket_->on_open([this] { opened = true; });
    socket_->on_data([this](ByteView bytes) {
      heard_before_open |= !opened;
      const Instant now = at_.host().scheduler().now();
      if (received.empty()) first_at = now;
      longest_pause = std::max(longest_pause, now - last_at);
      last_at = now;
      append(received, bytes);
    });
    socket_->on_end([this] { ended = true; });
    socket_->on_close([this](const std::string& reason) { closed = reason; });
    last_at = at.host().scheduler().now();
  }

  void send(ByteView bytes) {
    at_.host().freeze();
    append(sent, bytes);
    socket_->write(bytes);
    at_.host().schedule_wake();
  }
  void end() {
    at_.host().freeze();
    socket_->end();
    at_.host().schedule_wake();
  }
  void begin_pauses() {
    last_at = at_.host().scheduler().now();
    longest_pause = {};
  }
  bool whole() const { return received == sent; }
  PeerInfo info() const { return socket_->info(); }
  PeerSocket& socket() { return *socket_; }

  bool opened = false;
  bool heard_before_open = false;
  bool ended = false;
  std::optional<std::string> closed;
  Bytes sent;
  Bytes received;
  Instant first_at;
  Instant last_at;
  Duration longest_pause;

 private:
  Participant& at_;
  std::optional<PeerSocket> socket_;
};

/// The DHT and two participants, ready.
class SessionWorld {
 public:
  explicit SessionWorld(std::uint64_t seed, const Seat& server_seat = {},
                        const Seat& client_seat = {}, const Options& options = {})
      : swarm(seed) {
    swarm.grow_to(12);
    server = std::make_unique<Participant>(swarm, 1, server_seat, options);
    client = std::make_unique<Participant>(swarm, 2, client_seat, options);
    listen();
  }
  ~SessionWorld() {
    clients.clear();
    echo.reset();
    swarm.world.run_for(10_ms);
  }

  void listen(bool sessions = true) {
    server->host().freeze();
    echo.emplace(*server, swarm.keys(1), sessions);
    REQUIRE(world().run_until([this] { return echo->announced(); }, 30_s));
  }
  sim::World& world() { return swarm.world; }
  PublicKey key() const { return swarm.keys(1).public_key; }
  EchoClient& connect(const std::string& service = "echo", bool session = true) {
    clients.push_back(std::make_unique<EchoClient>(*client, key(), service, session));
    client->host().schedule_wake();
    return *clients.back();
  }
  bool run_until_whole(const EchoClient& one, Duration at_most = 30_s) {
    return world().run_until([&] { return one.whole() || one.closed; }, at_most) && one.whole();
  }
  /// Sends a little again and again for so long.
  void chat(EchoClient& one, Duration duration, Duration every = 50_ms) {
    const Instant until = world().now() + duration;
    while (world().now() < until) {
      one.send(as_bytes(std::to_string(one.sent.size()) + "."));
      world().run_for(every);
    }
  }

  hyperdht::Swarm swarm;
  std::unique_ptr<Participant> server;
  std::unique_ptr<Participant> client;
  std::optional<EchoServer> echo;
  std::vector<std::unique_ptr<EchoClient>> clients;
};

/// Behind a NAT that every punch gets through.
inline Seat home() {
  return {.nat = hyperdht::kConsistentNat, .link = {.delay = 15_ms}};
}
/// Behind one that no punch gets through, if the other side has such a one, too.
inline Seat hard_home() {
  return {.nat = hyperdht::kRandomNat, .link = {.delay = 15_ms}};
}
/// Behind a carrier's: its mappings end after 45 to 75 s, whatever flows.
inline Seat carrier() {
  sim::NatProfile nat{.ports = sim::PortAssignment::kRandom};
  nat.max_age = 60_s;
  return {.nat = nat, .link = {.delay = 15_ms}};
}
inline Seat open_seat(Duration delay = 15_ms) {
  return {.nat = std::nullopt, .link = {.delay = delay}};
}

inline Bytes some_bytes(std::size_t size, std::size_t from = 0) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::uint8_t>((from + i) * 7 + (from + i) / 251);
  }
  return out;
}

/// Nothing gets anywhere.
inline void outage(SessionWorld& w, Duration duration) {
  w.world().core().set_loss(1);
  w.world().run_for(duration);
  w.world().core().set_loss(0);
}

/// A world with a blind relay, which the server names.
struct RelayWorld {
  static constexpr std::uint8_t kRelayNumber = 30;

  RelayWorld(std::uint64_t seed, const Seat& server, const Seat& client)
      : w(seed, {}, {}), relay(w.swarm, kRelayNumber, {.nat = {}, .link = {.delay = 10_ms}}, {}) {
    relay.host().freeze();
    relay_node = relay.node->create_relay({});
    REQUIRE(relay_node
                ->listen(w.swarm.keys(kRelayNumber), [this](std::size_t n) { announced |= n > 0; })
                .ok());
    REQUIRE(w.world().run_until([this] { return announced; }, 30_s));
    Options options;
    options.relay_through = {w.swarm.keys(kRelayNumber).public_key};
    w.echo.reset();
    w.world().run_for(10_ms);
    w.server = std::make_unique<Participant>(w.swarm, 11, server, options);
    w.client = std::make_unique<Participant>(w.swarm, 12, client, Options());
    w.listen();
  }
  std::uint64_t carried() const { return relay_node->status().bytes_forwarded; }

  SessionWorld w;
  Participant relay;
  std::unique_ptr<RelayNode> relay_node;
  bool announced = false;
};

}  // namespace hsfwd
