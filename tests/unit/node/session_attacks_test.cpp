// SPDX-License-Identifier: Apache-2.0
// What sessions have to withstand, and do not.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "hyperdht/peer/session.hpp"
#include "hyperdht/server/server.hpp"
#include "node/internals.hpp"
#include "session_world.hpp"
#include "udx/packet.hpp"

using namespace hsfwd;

namespace attack {

using hyperdht::Session;
using hyperdht::SessionMessage;
using Channel = secret_stream::PacketChannel;

/// Access to what is private, for a peer that keeps no rule.
template <class Tag, auto Member>
struct Rob {
  friend auto rob(Tag) { return Member; }
};
struct ControlOf {
  friend auto rob(ControlOf);
};
template struct Rob<ControlOf, &Session::control_>;

Seat home() {
  return {.nat = hyperdht::kConsistentNat, .link = {.delay = 15_ms}};
}
Seat hard_home() {
  return {.nat = hyperdht::kRandomNat, .link = {.delay = 15_ms}};
}
Seat open_seat(Duration delay = 15_ms) {
  return {.nat = std::nullopt, .link = {.delay = delay}};
}

Bytes some_bytes(std::size_t size, std::size_t from = 0) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::uint8_t>((from + i) * 7 + (from + i) / 251);
  }
  return out;
}

/// Nothing gets anywhere.
void outage(SessionWorld& w, Duration duration) {
  w.world().core().set_loss(1);
  w.world().run_for(duration);
  w.world().core().set_loss(0);
}

/// A client that speaks the session's protocol by hand.
class Client final : private hyperdht::SessionObserver {
 public:
  Client(SessionWorld& w, Participant& at, const std::string& service = "echo") : at_(at) {
    at.host().freeze();
    hyperdht::ConnectOptions options;
    options.extension = Extension{.features = Extension::kSessions, .service = service};
    link_ = Internals::dht(*at.node).connect(w.key(), std::move(options));
    link_->set_on_open([this] {
      connection = link_.get();
      session = link_->take_session();
      if (session) session->start(std::move(link_), *this);
    });
    at.host().schedule_wake();
    w.world().run_until([this] { return session != nullptr || link_->closed(); }, 20_s);
  }
  ~Client() override {
    at_.host().freeze();
    if (!session) return;
    session->abandon();
    session->end("done");
  }
  void say(const SessionMessage& message) { say(message.encode()); }
  void say(ByteView record) {
    at_.host().freeze();
    session->send_control(record);
    at_.host().schedule_wake();
  }

  std::shared_ptr<Session> session;
  hyperdht::PeerSocket* connection = nullptr;
  std::optional<std::string> over;
  int doubtful = 0;

 private:
  Result<Extension, std::string> on_stream_wanted(const Extension&) override {
    return Err(std::string("no"));
  }
  void on_stream(std::unique_ptr<hyperdht::SessionStream>) override {}
  void on_idle() override {}
  void on_path_doubtful() override { ++doubtful; }
  void on_session_over(const std::string& reason) override { over = reason; }

  Participant& at_;
  std::unique_ptr<hyperdht::PeerSocket> link_;
};

SessionMessage open_of(std::uint64_t number, const std::string& service = "echo") {
  return {.kind = SessionMessage::Kind::kOpen,
          .number = number,
          .service = service,
          .services = {},
          .text = {}};
}

double gauge(Node& node, std::string_view wanted) {
  struct Sink final : MetricSink {
    void add(const Metric& metric) override {
      if (metric.name == wanted) value = static_cast<double>(metric.value);
    }
    std::string_view wanted;
    double value = -1;
  } sink;
  sink.wanted = wanted;
  node.collect(sink);
  return sink.value;
}

// --- 1. Life beyond a path ---

TEST_CASE("a session that was quiet for longer than the patience lives through a move") {
  SessionWorld w(301, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  REQUIRE(w.run_until_whole(one));
  w.world().run_for(400_s);
  REQUIRE(!one.closed);
  w.client->move();
  w.chat(one, 10_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
  CHECK(w.run_until_whole(one));
}

TEST_CASE("a quiet session whose link is lost is made again") {
  SessionWorld w(302, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  REQUIRE(w.run_until_whole(one));
  w.world().run_for(400_s);
  w.client->nat().reboot();
  outage(w, 60_s);
  w.world().run_for(20_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
}

TEST_CASE("without patience a network change that harms nothing ends nothing") {
  Options options;
  options.session_patience = {};
  SessionWorld w(303, home(), home(), options);
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  w.client->host().freeze();
  w.client->node->on_network_change();
  w.client->host().schedule_wake();
  w.chat(one, 5_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
}

TEST_CASE("a stream that is reset while there is no path is gone at the other side - too") {
  SessionWorld w(304, home(), home());
  EchoClient& one = w.connect();
  w.connect().send(as_bytes("two"));
  w.chat(one, 2_s);
  REQUIRE(w.echo->connections() == 2);
  w.world().core().set_loss(1);
  w.world().run_for(2_s);
  w.client->host().freeze();
  w.clients.pop_back();
  w.client->host().schedule_wake();
  w.world().run_for(30_s);
  w.world().core().set_loss(0);
  w.chat(one, 30_s);
  CHECK(w.run_until_whole(one));
  w.world().run_for(120_s);
  CHECK(!one.closed);
  CHECK(w.echo->connections() == 1);
}

TEST_CASE("streams that are reset on a lossy path are gone at the other side") {
  for (const bool session : {false, true}) {
    const Seat lossy{.nat = std::nullopt, .link = {.delay = 15_ms, .loss = 0.02}};
    SessionWorld w(309, open_seat(), lossy);
    EchoClient& stays = w.connect("echo", session);
    for (int i = 0; i < 200; ++i) {
      EchoClient& one = w.connect("echo", session);
      one.send(as_bytes("hello"));
      REQUIRE(w.run_until_whole(one));
      w.client->host().freeze();
      w.clients.pop_back();
      w.client->host().schedule_wake();
      w.world().run_for(100_ms);
    }
    w.chat(stays, 120_s, 1_s);
    CHECK(!stays.closed);
    INFO(session << ": " << w.echo->connections() - 1 << " of 200 are left behind");
    CHECK(w.echo->connections() == 1);
  }
}

TEST_CASE("a stream that the server resets while there is no path ends at the client - too") {
  SessionWorld w(305, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 2_s);
  w.connect().send(as_bytes("two"));
  w.world().run_for(1_s);
  w.world().core().set_loss(1);
  w.world().run_for(2_s);
  w.server->host().freeze();
  w.echo->close_first();
  w.server->host().schedule_wake();
  w.world().run_for(30_s);
  w.world().core().set_loss(0);
  w.chat(one, 30_s);
  w.world().run_for(120_s);
  CHECK(one.closed);
}

TEST_CASE("a session whose path is whole takes streams while its peer cannot be dialled") {
  SessionWorld w(306, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  // The DHT is gone, and the path is silent for a while.
  for (const auto& node : w.swarm.nodes) node->host().sleep();
  one.send(as_bytes("x"));
  outage(w, 2_s);
  w.chat(one, 60_s);
  REQUIRE(w.run_until_whole(one));
  CHECK(!one.closed);
  EchoClient& two = w.connect();
  two.send(as_bytes("two"));
  CHECK(w.run_until_whole(two));
  INFO(two.closed.value_or("-"));
  CHECK(!two.closed);
  // And it goes on, with nothing said on it.
  w.world().run_for(400_s);
  INFO(one.closed.value_or("-"));
  CHECK(!one.closed);
}

TEST_CASE("a path that stalls and comes back is not left again and again") {
  SessionWorld w(307, home(), home());
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  one.send(as_bytes("x"));
  outage(w, 1500_ms);
  std::vector<std::pair<std::uint16_t, std::uint16_t>> places;
  int changes = 0;
  const net::Ipv4 server = w.server->nat().address();
  w.world().set_tap([&](const sim::Packet& packet) {
    if (packet.to.host != server || packet.payload.size() < 60) return;
    const auto parsed = udx::Packet::parse(packet.payload);
    if (!parsed || !parsed->header.has(udx::kData)) return;
    const std::pair place{packet.from.port, packet.to.port};
    if (!places.empty() && places.back() != place) ++changes;
    places.push_back(place);
  });
  for (int i = 0; i < 100; ++i) {
    one.send(some_bytes(3000, one.sent.size()));
    w.world().run_for(50_ms);
  }
  w.world().set_tap(nullptr);
  w.run_until_whole(one);
  CHECK(one.received.size() == one.sent.size());
  CHECK(changes <= 2);
}

TEST_CASE("a rebinding is noticed where a round trip takes longer than the questions' pause") {
  const Duration delay = Duration::millis(GENERATE(15, 50, 100));
  SessionWorld w(308, open_seat(delay),
                 {.nat = hyperdht::kConsistentNat, .link = {.delay = delay}});
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  REQUIRE(w.run_until_whole(one));
  // Nobody can be dialled: what is left is the question.
  for (const auto& node : w.swarm.nodes) node->host().sleep();
  one.begin_pauses();
  w.client->renumber();
  w.chat(one, 30_s, 20_ms);
  CHECK(w.run_until_whole(one, 20_s));
  INFO("round trip " << (delay * 4).to_millis()
                     << " ms, longest pause: " << one.longest_pause.to_millis() << " ms");
  CHECK(one.longest_pause.to_millis() < 3000);
}

TEST_CASE("a path of 800 ms there and back carries a session as it does a connection") {
  for (const bool session : {false, true}) {
    const Duration delay = Duration::millis(200);
    SessionWorld w(308, open_seat(delay),
                   {.nat = hyperdht::kConsistentNat, .link = {.delay = delay}});
    EchoClient& one = w.connect("echo", session);
    w.chat(one, 3_s);
    w.run_until_whole(one);
    INFO(session << ": " << one.received.size() << " of " << one.sent.size() << ", "
                 << one.closed.value_or("-") << ", first after "
                 << (one.first_at - Instant()).to_millis());
    CHECK(one.whole());
    one.begin_pauses();
    w.chat(one, 20_s);
    w.run_until_whole(one);
    INFO("longest pause " << one.longest_pause.to_millis());
    CHECK(one.longest_pause.to_millis() < 1700);
    CHECK(!one.closed);
  }
}

// --- 2. Life of objects ---

TEST_CASE("a server may be destroyed where it is asked about a further stream") {
  SessionWorld w(311);
  ServerOptions options;
  std::optional<Server> server;
  int asked = 0;
  int drop_at = 0;
  const auto drop = [&] {
    if (++asked == drop_at) server.reset();
  };
  SECTION("who may come") {
    options.allow = [&](const Visitor&) {
      drop();
      return true;
    };
  }
  SECTION("the extension") {
    options.extension = nullptr;
  }
  const bool in_extension = !options.allow;
  options.sessions = true;
  options.extension = [&](const PublicKey&,
                          const std::optional<Extension>&) -> std::optional<Extension> {
    if (in_extension) drop();
    return Extension{.features = 0, .service = "echo", .services = {"echo"}};
  };
  w.server->host().freeze();
  std::vector<PeerSocket> sockets;
  server.emplace(w.server->node->create_server(
      [&](PeerSocket socket) { sockets.push_back(std::move(socket)); }, std::move(options)));
  bool announced = false;
  server->on_announced([&](std::size_t n) { announced |= n > 0; });
  REQUIRE(server->listen(w.swarm.keys(40)).ok());
  REQUIRE(w.world().run_until([&] { return announced; }, 30_s));
  {
    EchoClient one(*w.client, w.swarm.keys(40).public_key);
    w.client->host().schedule_wake();
    REQUIRE(w.world().run_until([&] { return one.opened; }, 20_s));
    drop_at = asked + 1;
    EchoClient two(*w.client, w.swarm.keys(40).public_key);
    w.client->host().schedule_wake();
    w.world().run_for(5_s);
    CHECK(!server);
    w.client->host().freeze();
    w.server->host().freeze();
    sockets.clear();
  }
  w.server->host().schedule_wake();
  w.world().run_for(1_s);
}

TEST_CASE("streams may go inside each other's callbacks - and with their node at the end") {
  for (const bool sessions : {true, false}) {
    SessionWorld w(312);
    if (!sessions) {
      w.echo.reset();
      w.world().run_for(1_s);
      w.listen(false);
    }
    std::vector<std::unique_ptr<PeerStream>> all;
    struct Dropper final : net::ByteStreamObserver {
      void on_readable() override {}
      void on_writable() override {
        if (then) then();
      }
      void on_reset(const std::string&) override {}
      std::function<void()> then;
    } dropper;
    const auto connect = [&] {
      ConnectOptions options;
      options.session = true;
      options.extension = Extension{.features = 0, .service = "echo"};
      all.push_back(w.client->node->connect_stream(w.key(), std::move(options)));
    };
    w.client->host().freeze();
    for (int i = 0; i < 4; ++i) connect();
    // The first has room: the others are not wanted any more.
    dropper.then = [&] {
      while (all.size() > 1) all.pop_back();
      dropper.then = nullptr;
    };
    all.front()->set_observer(&dropper);
    w.client->host().schedule_wake();
    w.world().run_for(10_s);
    w.client->host().freeze();
    all.clear();
    w.client->host().schedule_wake();
  }
}

TEST_CASE("a node goes with its sessions - alive - waiting - dialling and idle") {
  for (int state = 0; state < 5; ++state) {
    SessionWorld w(313, home(), home());
    EchoClient* one = nullptr;
    if (state >= 1) {
      one = &w.connect();
      w.chat(*one, 2_s);
    }
    if (state == 2) {
      w.client->host().freeze();
      w.clients.clear();
    }
    if (state == 3) {
      w.server->host().sleep();
      one->send(as_bytes("x"));
      w.world().run_for(4_s);
    }
    if (state == 4) {
      w.server->host().sleep();
      one->send(as_bytes("x"));
      w.world().run_for(40_s);
    }
    if (state == 0) w.connect();
    w.client->host().freeze();
    w.clients.clear();
    w.client->node.reset();
    w.client->host().schedule_wake();
    w.world().run_for(3_s);
    w.server->host().wake();
    w.world().run_for(1_s);
    w.echo.reset();
    w.server->node.reset();
    w.world().run_for(1_s);
  }
}

TEST_CASE("connections outlive their server with sessions as they do without") {
  for (const bool sessions : {false, true}) {
    INFO(sessions);
    SessionWorld w(314);
    w.echo.reset();
    std::vector<PeerSocket> sockets;
    ServerOptions options;
    options.sessions = sessions;
    options.extension = [](const PublicKey&, const std::optional<Extension>&) {
      return std::optional(Extension{.features = 0, .service = "echo", .services = {"echo"}});
    };
    w.server->host().freeze();
    std::optional<Server> server(w.server->node->create_server(
        [&](PeerSocket socket) { sockets.push_back(std::move(socket)); }, std::move(options)));
    bool announced = false;
    server->on_announced([&](std::size_t n) { announced |= n > 0; });
    REQUIRE(server->listen(w.swarm.keys(41)).ok());
    REQUIRE(w.world().run_until([&] { return announced; }, 30_s));
    EchoClient one(*w.client, w.swarm.keys(41).public_key);
    w.client->host().schedule_wake();
    REQUIRE(w.world().run_until([&] { return one.opened; }, 20_s));
    w.server->host().freeze();
    one.send(as_bytes("hello"));
    w.world().run_for(2_s);
    REQUIRE(!one.closed);
    w.server->host().freeze();
    server.reset();
    w.server->host().schedule_wake();
    w.world().run_for(5_s);
    INFO(one.closed.value_or("-"));
    CHECK(!one.closed);
    w.client->host().freeze();
    w.server->host().freeze();
    sockets.clear();
  }
}

// --- 3. Memory ---

TEST_CASE("many streams' packets in two parts at once arrive whole") {
  SessionWorld w(321);
  Participant relay(w.swarm, 30, {.nat = {}, .link = {.delay = 10_ms}}, {});
  relay.host().freeze();
  const auto relay_node = relay.node->create_relay({});
  bool announced = false;
  REQUIRE(relay_node->listen(w.swarm.keys(30), [&](std::size_t n) { announced |= n > 0; }).ok());
  REQUIRE(w.world().run_until([&] { return announced; }, 30_s));
  Options options;
  options.relay_through = {w.swarm.keys(30).public_key};
  w.echo.reset();
  w.world().run_for(10_ms);
  w.server = std::make_unique<Participant>(w.swarm, 11, home(), options);
  w.client = std::make_unique<Participant>(w.swarm, 12, home(), Options());
  w.listen();
  EchoClient& one = w.connect();
  w.chat(one, 5_s);
  REQUIRE(one.info().path == PathKind::kDirect);
  std::vector<EchoClient*> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(&w.connect());
    all.back()->send(as_bytes("hello"));
  }
  for (EchoClient* each : all) REQUIRE(w.run_until_whole(*each));
  w.client->nat().set_profile(hyperdht::kRandomNat);
  w.server->nat().set_profile(hyperdht::kRandomNat);
  w.client->move();
  w.server->move();
  for (std::size_t i = 0; i < all.size(); ++i) all[i]->send(some_bytes(1130, i));
  w.world().run_for(30_s);
  std::size_t whole = 0;
  std::size_t closed = 0;
  for (EchoClient* each : all) {
    whole += each->whole() ? 1 : 0;
    closed += each->closed ? 1 : 0;
  }
  for (EchoClient* each : all) {
    if (!each->closed) continue;
    INFO(*each->closed);
    break;
  }
  CHECK(one.info().path == PathKind::kRelayed);
  CHECK(whole == all.size());
  CHECK(closed == 0);
}

TEST_CASE("a session over a relay is resumed with what comes ahead of its user") {
  SessionWorld w(322);
  Participant relay(w.swarm, 30, {.nat = {}, .link = {.delay = 10_ms}}, {});
  relay.host().freeze();
  const auto relay_node = relay.node->create_relay({});
  bool announced = false;
  REQUIRE(relay_node->listen(w.swarm.keys(30), [&](std::size_t n) { announced |= n > 0; }).ok());
  REQUIRE(w.world().run_until([&] { return announced; }, 30_s));
  Options options;
  options.relay_through = {w.swarm.keys(30).public_key};
  w.echo.reset();
  w.world().run_for(10_ms);
  w.server = std::make_unique<Participant>(w.swarm, 11, hard_home(), options);
  w.client = std::make_unique<Participant>(w.swarm, 12, hard_home(), Options());
  w.listen();
  EchoClient& one = w.connect();
  w.chat(one, 3_s);
  std::vector<EchoClient*> all;
  for (int i = 0; i < 20; ++i) all.push_back(&w.connect());
  w.world().run_for(2_s);
  for (int round = 0; round < 3; ++round) {
    w.client->move();
    for (EchoClient* each : all) each->send(some_bytes(900, each->sent.size()));
    w.chat(one, 15_s);
    CHECK(w.run_until_whole(one, 30_s));
    for (EchoClient* each : all) CHECK(w.run_until_whole(*each, 30_s));
  }
  CHECK(!one.closed);
}

TEST_CASE("a server's packets of streams ahead of the handshake's answer") {
  hyperdht::Swarm swarm(323);
  swarm.grow_to(12, {.delay = 30_ms});
  auto a = swarm.add_peer(1, {.delay = 1_ms, .jitter = 8_ms});
  hyperdht::DhtOptions open;
  open.node.firewalled = false;
  auto b = swarm.add_peer(2, {.delay = 1_ms}, std::move(open));
  hyperdht::ServerOptions options;
  options.extension = [](const auto&, const std::optional<Extension>& theirs) {
    return theirs ? std::optional(Extension{.features = Extension::kSessions, .service = "x"})
                  : std::nullopt;
  };
  std::vector<std::unique_ptr<hyperdht::PeerSocket>> accepted;
  int early = 0;
  const auto server = swarm.listen(*a, swarm.keys(1), std::move(options),
                                   [&](std::unique_ptr<hyperdht::PeerSocket> socket) {
                                     early += socket->proven() ? 0 : 1;
                                     for (int i = 0; i < 3; ++i) {
                                       Bytes packet(40 + udx::kHeaderSize);
                                       udx::Header header{.flags = udx::kData, .stream = {77}};
                                       header.write(packet.data());
                                       socket->send_packet(Channel::kStreams, packet);
                                     }
                                     accepted.push_back(std::move(socket));
                                   });
  for (int i = 0; i < 25; ++i) {
    b->host().freeze();
    hyperdht::ConnectOptions wanted;
    wanted.extension = Extension{.features = Extension::kSessions, .service = "x"};
    wanted.known_path = false;
    hyperdht::SocketRecorder recorder(b->dht().connect(swarm.keys(1).public_key, wanted));
    b->host().schedule_wake();
    swarm.world.run_until([&] { return recorder.opened || recorder.reset; }, 20_s);
    CHECK(recorder.opened);
    swarm.world.run_for(2_s);
    a->host().freeze();
    for (auto& socket : accepted) {
      socket->send_packet(Channel::kStreams, Bytes(60));
    }
    a->host().schedule_wake();
    swarm.world.run_for(1_s);
    a->host().freeze();
    accepted.clear();
    b->host().freeze();
  }
  CHECK(early > 0);
}

TEST_CASE("who reads no answers on the control stream fills no memory") {
  SessionWorld w(324);
  Options small;
  small.receive_window = 64 * 1024;
  Participant other(w.swarm, 3, {}, small);
  Client rogue(w, other);
  REQUIRE(rogue.session);
  other.host().freeze();
  auto& control = (*rogue.session).*rob(ControlOf());
  control->set_observer(nullptr);
  // Names that are not there are accepted with a list of all that there are.
  std::uint64_t number = 4;
  double most = 0;
  for (int i = 0; i < 60; ++i) {
    other.host().freeze();
    for (int k = 0; k < 2000; ++k) rogue.session->send_control(open_of(number += 2).encode());
    other.host().schedule_wake();
    w.world().run_for(200_ms);
    most = std::max(most, gauge(*w.server->node, "hsfwd_buffered_bytes"));
  }
  INFO("held by the server: " << most);
  // What as many streams hold as there may be, and a window of what is said of them.
  CHECK(most < Session::kMaxStreams * 2300 + 1024 * 1024);
}

// --- 4. Rules ---

TEST_CASE("many handshakes at once get no more sessions than a client's share") {
  SessionWorld w(331);
  w.client->host().freeze();
  std::vector<std::unique_ptr<hyperdht::PeerSocket>> links;
  std::vector<std::shared_ptr<Session>> sessions;
  for (int i = 0; i < 40; ++i) {
    hyperdht::ConnectOptions options;
    options.extension = Extension{.features = Extension::kSessions, .service = "echo"};
    links.push_back(Internals::dht(*w.client->node).connect(w.key(), std::move(options)));
    links.back()->set_on_open([&sessions, link = links.back().get()] {
      if (auto session = link->take_session()) sessions.push_back(std::move(session));
    });
  }
  w.client->host().schedule_wake();
  w.world().run_for(20_s);
  CHECK(sessions.size() <= 16);
  CHECK(sessions.size() > 0);
  w.client->host().freeze();
  for (auto& link : links) link->set_session(nullptr);
  sessions.clear();
  links.clear();
}

TEST_CASE("numbers that begin again are no numbers") {
  SessionWorld w(332);
  Client rogue(w, *w.client);
  REQUIRE(rogue.session);
  rogue.say(open_of(0xfffffffffffffffe));
  w.world().run_for(1_s);
  rogue.say(open_of(4));
  w.world().run_for(2_s);
  CHECK(rogue.over);
  CHECK(w.echo->served() <= 2);
}

TEST_CASE("a session goes on over a link that is proven only") {
  SessionWorld w(333, open_seat(), open_seat());
  Client good(w, *w.client);
  REQUIRE(good.session);
  w.world().run_for(3_s);
  REQUIRE(good.session->linked());
  // Its first message arrives, and nothing behind it: as if it had been given up, or held back by somebody.
  w.client->host().freeze();
  hyperdht::ConnectOptions options;
  options.extension = Extension{
      .features = Extension::kSessions | Extension::kResume | Extension::kNoService, .service = ""};
  options.extension->resume = to_bytes(good.session->id().view());
  options.known_path = false;
  auto link = Internals::dht(*w.client->node).connect(w.key(), std::move(options));
  w.client->host().schedule_wake();
  // The server has answered, and the answer is never seen.
  SECTION("the client gives up at once") {
    w.world().run_for(35_ms);
  }
  SECTION("a little later") {
    w.world().run_for(50_ms);
  }
  SECTION("later") {
    w.world().run_for(65_ms);
  }
  SECTION("much later") {
    w.world().run_for(95_ms);
  }
  const bool opened = link->is_open();
  w.client->host().freeze();
  link->reset();
  link.reset();
  w.client->host().schedule_wake();
  w.world().run_for(30_s);
  INFO(opened);
  if (!opened) {
    CHECK(good.session->linked());
    CHECK(good.doubtful == 0);
  }
  CHECK(!good.over);
}

TEST_CASE("a session of another client's is not resumed - and not harmed") {
  SessionWorld w(334);
  Participant other(w.swarm, 3, {}, {});
  Client good(w, *w.client);
  REQUIRE(good.session);
  other.host().freeze();
  hyperdht::ConnectOptions options;
  options.extension = Extension{
      .features = Extension::kSessions | Extension::kResume | Extension::kNoService, .service = ""};
  options.extension->resume = to_bytes(good.session->id().view());
  auto link = Internals::dht(*other.node).connect(w.key(), std::move(options));
  bool resumed = false;
  link->set_on_open([&] { resumed = link->resumes(); });
  other.host().schedule_wake();
  w.world().run_for(10_s);
  CHECK(!resumed);
  CHECK(good.session->linked());
  other.host().freeze();
  link->set_session(nullptr);
  link.reset();
}

// --- 5. Forged packets ---

/// Sees all packets between two, and sends of his own in the name of the client.
struct Forger {
  explicit Forger(SessionWorld& world) : w(world) {
    w.world().set_tap([this](const sim::Packet& packet) {
      if (packet.to.host != w.server->host().address()) return;
      if (packet.from.host != w.client->host().address()) return;
      const auto parsed = udx::Packet::parse(packet.payload);
      if (!parsed) return;
      last[parsed->header.stream.value] = packet;
    });
  }
  ~Forger() { w.world().set_tap(nullptr); }
  /// Of each stream that he knows of, such a packet at the number that is next.
  void forge(std::uint8_t flags, ByteView payload, std::uint32_t id, std::uint32_t ahead = 0) {
    const sim::Packet& seen = last.at(id);
    const auto parsed = udx::Packet::parse(seen.payload);
    udx::Header h = parsed->header;
    h.flags = flags;
    h.data_offset = 0;
    h.seq.value += ahead;
    sim::Packet packet = seen;
    packet.payload.assign(udx::kHeaderSize, 0);
    h.write(packet.payload.data());
    append(packet.payload, payload);
    w.server->host().receive(std::move(packet));
  }

  SessionWorld& w;
  std::map<std::uint32_t, sim::Packet> last;
};

TEST_CASE("a forged end - reset or garbage on any one stream ends no other") {
  for (const auto flags : {udx::kDestroy, udx::kEnd, udx::kData, udx::kMessage}) {
    std::size_t streams = 0;
    std::size_t harmful = 0;
    for (std::size_t which = 0; which < 8; ++which) {
      SessionWorld w(341, open_seat(), open_seat());
      EchoClient& one = w.connect();
      EchoClient& two = w.connect();
      std::size_t seen = 0;
      std::uint32_t id = 0;
      {
        Forger forger(w);
        w.chat(one, 7_s);
        w.chat(two, 500_ms);
        w.world().run_for(200_ms);
        seen = forger.last.size();
        if (which >= seen) break;
        auto at = forger.last.begin();
        std::advance(at, which);
        id = at->first;
        const bool data = udx::Packet::parse(at->second.payload)->header.has(udx::kData);
        for (std::uint32_t ahead = 0; ahead < 3; ++ahead) {
          forger.forge(flags,
                       flags == udx::kData || flags == udx::kMessage ? some_bytes(80) : Bytes(), id,
                       (data ? 1 : 0) + ahead);
        }
      }
      streams = seen;
      w.chat(one, 15_s);
      w.chat(two, 1_s);
      w.world().run_for(5_s);
      const int ended = (one.closed ? 1 : 0) + (two.closed ? 1 : 0);
      if (ended == 2) ++harmful;
      INFO("flags " << int(flags) << " stream " << which << " of " << seen << ": "
                    << one.closed.value_or("-") << " / " << two.closed.value_or("-"));
      CHECK(ended < 2);
    }
    INFO("flags " << int(flags) << ": " << harmful << " of " << streams << " ids end all streams");
  }
}

// --- 6. Moves ---

TEST_CASE("move upon move - both ways and half closed - loses and doubles nothing") {
  for (std::uint64_t seed = 351; seed < 357; ++seed) {
    SessionWorld w(seed, home(), home());
    sim::SeededRandom random(seed);
    EchoClient& one = w.connect();
    EchoClient& half = w.connect();
    w.chat(one, 2_s);
    half.send(some_bytes(400'000));
    half.end();
    one.send(some_bytes(500'000, one.sent.size()));
    for (int i = 0; i < 8; ++i) {
      if (random.below(2) == 0) w.client->move();
      if (random.below(3) == 0) w.server->move();
      if (random.below(3) == 0) w.client->renumber();
      EchoClient& other = w.connect();
      other.send(as_bytes("other"));
      w.world().run_for(Duration::millis(50 + random.below(3000)));
      if (random.below(2) == 0) {
        w.client->host().freeze();
        w.clients.pop_back();
        w.client->host().schedule_wake();
      }
    }
    INFO(seed);
    CHECK(w.run_until_whole(one, 90_s));
    CHECK(w.world().run_until([&] { return half.closed.has_value(); }, 60_s));
    CHECK(half.closed.value_or("-") == "");
    CHECK(half.received == half.sent);
    CHECK(!one.closed);
    INFO(one.closed.value_or("-"));
    w.world().run_for(60_s);
    CHECK(w.echo->connections() <= w.clients.size());
  }
}

TEST_CASE("a client that comes from elsewhere than it was introduced has a session too") {
  for (const bool session : {false, true}) {
    SessionWorld w(361, open_seat(), open_seat());
    // Said to be open, behind a NAT that gives each way another port.
    Options options;
    options.firewalled = false;
    Participant odd(w.swarm, 5, hard_home(), options);
    EchoClient one(odd, w.key(), "echo", session);
    odd.host().schedule_wake();
    w.chat(one, 5_s);
    INFO(session << " " << one.closed.value_or("-"));
    CHECK(w.run_until_whole(one, 5_s));
    CHECK(!one.closed);
    INFO(session << " handed over " << w.echo->served() << ", longest pause "
                 << one.longest_pause.to_millis());
    CHECK(one.longest_pause.to_millis() < 1000);
    odd.host().freeze();
  }
}

TEST_CASE("a session begins on a lossy path as a connection does") {
  for (const bool session : {false, true}) {
    int failed = 0;
    std::string why;
    for (std::uint64_t seed = 400; seed < 440; ++seed) {
      const Seat seat{.nat = std::nullopt, .link = {.delay = 50_ms, .loss = 0.1}};
      SessionWorld w(seed, seat, seat);
      EchoClient& one = w.connect("echo", session);
      one.send(some_bytes(2000));
      w.run_until_whole(one);
      failed += one.closed ? 1 : 0;
      if (one.closed) why = *one.closed;
    }
    INFO(session << ": " << failed << " of 40 failed; " << why);
    if (session) CHECK(failed <= 1);
  }
}

TEST_CASE("a tumult of moves and outages and streams that come and go leaves nothing behind") {
  for (std::uint64_t seed = 501; seed < 513; ++seed) {
    INFO(seed);
    sim::SeededRandom random(seed);
    Options options;
    options.session_patience = Duration::seconds(random.below(3) * 20);
    SessionWorld w(seed, random.below(2) == 0 ? home() : open_seat(), home(), options);
    for (int step = 0; step < 150; ++step) {
      EchoClient* const any =
          w.clients.empty()
              ? nullptr
              : w.clients[random.below(static_cast<std::uint32_t>(w.clients.size()))].get();
      switch (random.below(12)) {
        case 0:
        case 1:
          if (w.clients.size() < 20) w.connect().send(some_bytes(random.below(3000)));
          break;
        case 2:
          if (any != nullptr) any->send(some_bytes(random.below(100'000), any->sent.size()));
          break;
        case 3:
          if (any != nullptr) any->end();
          break;
        case 4:
          w.client->host().freeze();
          if (any != nullptr) {
            std::erase_if(w.clients, [&](const auto& each) { return each.get() == any; });
          }
          w.client->host().schedule_wake();
          break;
        case 5:
          if (random.below(4) == 0) w.client->move();
          break;
        case 6:
          if (random.below(4) == 0) outage(w, Duration::millis(random.below(8000)));
          break;
        case 7:
          if (random.below(8) == 0) {
            w.server->host().freeze();
            w.echo->close_all();
            w.server->host().schedule_wake();
          }
          break;
        case 8:
          if (random.below(20) == 0) {
            w.server->host().freeze();
            w.echo.reset();
            w.world().run_for(100_ms);
            w.listen();
          }
          break;
        case 9:
          if (random.below(6) == 0) {
            w.client->host().sleep();
            w.world().run_for(Duration::millis(random.below(60'000)));
            w.client->host().wake();
          }
          break;
        default:
          w.world().run_for(Duration::millis(random.below(400)));
      }
      for (const auto& each : w.clients) {
        const std::size_t n = each->received.size();
        REQUIRE(n <= each->sent.size());
        REQUIRE(std::equal(each->received.begin(), each->received.end(), each->sent.begin()));
      }
    }
    w.world().run_for(60_s);
    std::size_t open = 0;
    for (const auto& each : w.clients) open += each->closed ? 0 : 1;
    CHECK(w.echo->connections() <= open);
  }
}

TEST_CASE("a client whose address changes in the middle of its dial has a session too") {
  for (const bool session : {false, true}) {
    int failed = 0;
    Duration worst;
    for (int at = 5; at <= 200; at += 5) {
      Options options;
      options.firewalled = false;
      SessionWorld w(371, open_seat(), open_seat(), options);
      w.world().run_for(3_s);
      EchoClient& one = w.connect("echo", session);
      one.send(some_bytes(3000));
      w.world().run_for(Duration::millis(at));
      w.client->host().set_address(w.world().core(), net::Ipv4::of(91, 9, 9, 9));
      const Instant since = w.world().now();
      if (!w.run_until_whole(one, 20_s)) {
        ++failed;
        INFO(session << " after " << at << " ms: " << one.closed.value_or("hangs") << ", back "
                     << one.received.size() << ", served " << w.echo->served());
      }
      worst = std::max(worst, w.world().now() - since);
    }
    INFO(session << ": " << failed << " of 40 failed, worst " << worst.to_millis() << " ms");
    if (session) CHECK(failed == 0);
  }
}

TEST_CASE("bulk is not starved by a session's many small streams") {
  std::size_t got[2] = {};
  for (const bool session : {false, true}) {
    const Seat slow{.nat = std::nullopt, .link = {.delay = 15_ms, .rate = 1'000'000}};
    SessionWorld w(381, open_seat(), slow);
    EchoClient& bulk = w.connect("echo", session);
    std::vector<EchoClient*> small;
    for (int i = 0; i < 300; ++i) small.push_back(&w.connect("echo", session));
    w.world().run_for(5_s);
    bulk.send(some_bytes(10'000'000));
    for (int i = 0; i < 200; ++i) {
      for (EchoClient* each : small) {
        if (each->whole()) each->send(some_bytes(1000, each->sent.size()));
      }
      w.world().run_for(50_ms);
    }
    got[session ? 1 : 0] = bulk.received.size();
    std::size_t of_small = 0;
    for (EchoClient* each : small) of_small += each->received.size();
    INFO(session << ": bulk " << bulk.received.size() << " small " << of_small);
  }
  CHECK(got[1] * 4 > got[0]);
}

TEST_CASE("a network change that harms nothing disturbs nothing") {
  for (const auto delay : {Duration::millis(2), Duration::millis(15), Duration::millis(60)}) {
    const Seat seat{.nat = hyperdht::kConsistentNat, .link = {.delay = delay, .jitter = 10_ms}};
    SessionWorld w(391, seat, seat);
    EchoClient& one = w.connect();
    w.chat(one, 3_s);
    one.begin_pauses();
    std::map<std::uint32_t, sim::Address> places;
    std::map<std::uint32_t, int> changes;
    w.world().set_tap([&](const sim::Packet& packet) {
      const auto parsed = udx::Packet::parse(packet.payload);
      if (!parsed || !parsed->header.has(udx::kData)) return;
      if (packet.to.host != w.client->nat().address()) return;
      auto& place = places[parsed->header.stream.value];
      if (!(place == packet.to)) ++changes[parsed->header.stream.value];
      place = packet.to;
    });
    for (int i = 0; i < 20; ++i) {
      w.client->host().freeze();
      w.client->node->on_network_change();
      w.client->host().schedule_wake();
      for (int k = 0; k < 20; ++k) {
        one.send(some_bytes(5000, one.sent.size()));
        w.world().run_for(50_ms);
      }
    }
    w.world().set_tap(nullptr);
    CHECK(w.run_until_whole(one));
    int most = 0;
    for (const auto& [id, n] : changes) most = std::max(most, n);
    INFO("delay " << delay.to_millis() << ": places " << most << ", longest pause "
                  << one.longest_pause.to_millis());
    CHECK(most <= 25);
    CHECK(one.longest_pause.to_millis() < 500);
    CHECK(!one.closed);
  }
}

}  // namespace attack
