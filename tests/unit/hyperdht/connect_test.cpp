// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "homes.hpp"
#include "swarm.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  return out;
}

/// A server that keeps its connections.
struct Listening {
  Listening(Swarm& swarm, Peer& peer, const crypto::KeyPair& keys, ServerOptions options = {}) {
    server = swarm.listen(peer, keys, std::move(options), [this](auto socket) {
      sockets.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
    });
  }
  std::vector<std::unique_ptr<SocketRecorder>> sockets;
  std::unique_ptr<Server> server;
};

/// A server, a guest, and a network of `size` nodes between them.
struct Meeting {
  Meeting(std::uint64_t seed, std::size_t size, ServerOptions options = {})
      : swarm(seed),
        host(grown(swarm, size).add_peer(1)),
        guest(swarm.add_peer(2)),
        listening(swarm, *host, swarm.keys(10), std::move(options)) {}

  SocketRecorder connect(ConnectOptions options = {}) {
    return SocketRecorder(guest->dht().connect(swarm.keys(10).public_key, std::move(options)));
  }
  bool run_until(const std::function<bool()>& holds, Duration at_most) {
    return swarm.world.run_until(holds, at_most);
  }
  /// The only connection, as the server has it.
  SocketRecorder& accepted(const SocketRecorder& client) {
    REQUIRE(run_until([&] { return client.opened && !listening.sockets.empty(); }, 5_s));
    return *listening.sockets[0];
  }

  Swarm swarm;
  std::unique_ptr<Peer> host;
  std::unique_ptr<Peer> guest;
  Listening listening;

 private:
  static Swarm& grown(Swarm& swarm, std::size_t size) {
    swarm.grow_to(size);
    return swarm;
  }
};

}  // namespace

TEST_CASE("a client connects to a key, both say something and end") {
  Meeting meeting(1, 30);

  SocketRecorder client = meeting.connect();
  SocketRecorder& server = meeting.accepted(client);
  CHECK(server.socket->remote_key() == meeting.swarm.keys(2).public_key);
  CHECK(client.socket->remote_key() == meeting.swarm.keys(10).public_key);
  CHECK(server.socket->handshake_hash() == client.socket->handshake_hash());
  CHECK(client.socket->path() == PathKind::kDirect);

  client.send(pattern(300'000), true);
  server.send(pattern(77'777), true);
  REQUIRE(meeting.run_until([&] { return client.ended && server.ended; }, 10_s));
  CHECK(server.received == pattern(300'000));
  CHECK(client.received == pattern(77'777));
  REQUIRE(meeting.run_until([&] { return client.socket->flushed() && server.socket->flushed(); },
                            10_s));
  CHECK(!client.reset);
  CHECK(!server.reset);
  meeting.listening.sockets.clear();
  client.socket.reset();
}

TEST_CASE("a server that speaks first needs nothing from the client") {
  Swarm swarm(2);
  swarm.grow_to(20);
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);
  std::vector<std::unique_ptr<SocketRecorder>> sockets;
  auto server = swarm.listen(*host, swarm.keys(10), {}, [&](auto socket) {
    sockets.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
    sockets.back()->send(to_bytes(as_bytes("Hello world!")), true);
  });
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
  REQUIRE(swarm.world.run_until([&] { return client.ended; }, 5_s));
  CHECK(as_text(client.received) == "Hello world!");
}

TEST_CASE("an unknown key is not found, and no network is told apart from that") {
  Swarm swarm(3);
  swarm.grow_to(20);
  auto guest = swarm.add_peer(2);
  SocketRecorder client(guest->dht().connect(swarm.keys(99).public_key));
  REQUIRE(swarm.world.run_until([&] { return client.reset.has_value(); }, 30_s));
  CHECK(client.socket->error() == ConnectError::kPeerNotFound);

  crypto::PublicKey no_point;
  no_point.bytes[0] = 2;
  SocketRecorder nobody(guest->dht().connect(no_point));
  REQUIRE(swarm.world.run_until([&] { return nobody.reset.has_value(); }, 30_s));
  CHECK(nobody.socket->error() == ConnectError::kPeerNotFound);

  DhtOptions options;
  options.node.bootstrap = {{"9.9.9.9", std::nullopt, 49737}};
  Peer lost(swarm.world.add_host(net::Ipv4::of(60, 1, 1, 1)), options);
  SocketRecorder alone(lost.dht().connect(swarm.keys(10).public_key));
  REQUIRE(swarm.world.run_until([&] { return alone.reset.has_value(); }, 60_s));
  CHECK(alone.socket->error() == ConnectError::kNoNetwork);
}

TEST_CASE("who may: refused clients hear nothing, others are let in") {
  Swarm swarm(4);
  swarm.grow_to(20);
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);
  auto stranger = swarm.add_peer(3);
  ServerOptions options;
  options.allow = [&](const Visitor& visitor) { return visitor.key == swarm.keys(2).public_key; };
  Listening listening(swarm, *host, swarm.keys(10), options);
  SocketRecorder refused(stranger->dht().connect(swarm.keys(10).public_key));
  REQUIRE(swarm.world.run_until([&] { return refused.reset.has_value(); }, 60_s));
  CHECK(refused.socket->error() == ConnectError::kPeerConnectionFailed);
  CHECK(listening.server->stats().refused > 0);
  CHECK(listening.sockets.empty());
  SocketRecorder welcome(guest->dht().connect(swarm.keys(10).public_key));
  REQUIRE(swarm.world.run_until([&] { return welcome.opened; }, 10_s));
}

TEST_CASE("many connections at once, each by itself") {
  Meeting meeting(5, 30);
  std::vector<std::unique_ptr<SocketRecorder>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<SocketRecorder>(
        meeting.guest->dht().connect(meeting.swarm.keys(10).public_key)));
    clients.back()->send({}, false);
  }
  REQUIRE(meeting.run_until(
      [&] {
        return std::all_of(clients.begin(), clients.end(), [](auto& c) { return c->opened; });
      },
      60_s));
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->send(pattern(1000 + i), true);
  REQUIRE(meeting.run_until(
      [&] {
        return meeting.listening.sockets.size() == 200 &&
               std::all_of(meeting.listening.sockets.begin(), meeting.listening.sockets.end(),
                           [](auto& s) { return s->ended; });
      },
      60_s));
  std::vector<std::size_t> sizes;
  for (const auto& socket : meeting.listening.sockets) {
    CHECK(socket->received == pattern(socket->received.size()));
    sizes.push_back(socket->received.size());
  }
  std::sort(sizes.begin(), sizes.end());
  for (std::size_t i = 0; i < 200; ++i) CHECK(sizes[i] == 1000 + i);
}

TEST_CASE("reset at one end is a reset at the other, not an end") {
  Meeting meeting(6, 20);
  SocketRecorder client = meeting.connect();
  SocketRecorder& server = meeting.accepted(client);
  client.send(pattern(500'000), false);
  meeting.swarm.world.run_for(20_ms);
  client.socket->reset();
  REQUIRE(meeting.run_until([&] { return server.reset.has_value(); }, 5_s));
  CHECK(!server.ended);
  CHECK(server.socket->error() == ConnectError::kReset);
}

TEST_CASE("why a connection is reset is told between hsfwd peers, and to no stock one") {
  const bool stock = GENERATE(false, true);
  CAPTURE(stock);
  ServerOptions options;
  options.extension = [](const auto&, const std::optional<Extension>& theirs) { return theirs; };
  Meeting meeting(16, 20, options);
  ConnectOptions connect;
  if (!stock) connect.extension = Extension{};
  SocketRecorder client = meeting.connect(connect);
  SocketRecorder& server = meeting.accepted(client);
  server.socket->reset_because("service web: Connection refused");
  REQUIRE(meeting.run_until([&] { return client.reset.has_value(); }, 5_s));
  CHECK(client.socket->error() == ConnectError::kReset);
  CHECK(*client.reset ==
        describe(ConnectError::kReset, stock ? "" : "service web: Connection refused"));
  CHECK(client.messages.empty());
}

TEST_CASE("a peer that vanishes is noticed by the keepalive") {
  Meeting meeting(7, 20);
  SocketRecorder client = meeting.connect();
  SocketRecorder& server = meeting.accepted(client);
  meeting.swarm.world.run_for(10_min);
  CHECK(!client.reset);
  meeting.guest->host().link().set_connected(false);
  REQUIRE(meeting.run_until([&] { return server.reset.has_value(); }, 60_s));
  CHECK(server.socket->error() == ConnectError::kTimedOut);
}

TEST_CASE("a peer that vanishes is noticed behind the own end, and one that is silent is not") {
  const bool hsfwd = GENERATE(true, false);
  CAPTURE(hsfwd);
  Meeting meeting(7, 20, as_hsfwd());
  ConnectOptions options;
  if (hsfwd) options.extension = Extension{};
  SocketRecorder client = meeting.connect(std::move(options));
  SocketRecorder& server = meeting.accepted(client);
  server.socket->end();
  REQUIRE(meeting.run_until([&] { return client.ended; }, 10_s));
  meeting.swarm.world.run_for(10_min);
  CHECK(!server.reset);
  CHECK(!client.reset);
  meeting.guest->host().link().set_connected(false);
  REQUIRE(meeting.run_until([&] { return server.reset.has_value(); }, 60_s));
  CHECK(server.socket->error() == ConnectError::kTimedOut);
}

TEST_CASE("unordered messages go beside the stream") {
  Meeting meeting(8, 20);
  SocketRecorder client = meeting.connect();
  SocketRecorder& server = meeting.accepted(client);
  meeting.swarm.world.run_for(100_ms);
  client.socket->send_unordered(Bytes{1, 2, 3});
  client.socket->send_unordered({});
  client.socket->send_unordered(pattern(client.socket->max_unordered()));
  meeting.swarm.world.run_for(100_ms);
  const auto& messages = server.messages;
  REQUIRE(messages.size() == 3);
  CHECK(messages[0] == Bytes{1, 2, 3});
  CHECK(messages[1].empty());
  CHECK(messages[2].size() == client.socket->max_unordered());
}

TEST_CASE("a message stays whole, whatever its size") {
  Meeting meeting(9, 20);
  SocketRecorder client = meeting.connect();
  SocketRecorder& server = meeting.accepted(client);
  for (const std::size_t size : {1u, 1000u, 65'536u, 200'000u, 9'000'000u}) {
    CAPTURE(size);
    server.records = 0;
    server.received.clear();
    client.socket->send_message(pattern(size));
    REQUIRE(meeting.run_until([&] { return server.received.size() == size; }, 120_s));
    CHECK(server.records == 1);
    CHECK(server.received == pattern(size));
  }
}

TEST_CASE("a reader that pauses stops its sender, end to end") {
  Meeting meeting(10, 20);
  SocketRecorder client = meeting.connect();
  SocketRecorder& server = meeting.accepted(client);
  server.paused = true;
  client.send(pattern(32'000'000), true);
  meeting.swarm.world.run_for(30_s);
  const std::size_t window = meeting.host->dht().options().stream.receive_window;
  CHECK(client.sent < window + 1'000'000);
  CHECK(meeting.host->dht().record_pool().in_use() * 65'600 < window * 11 / 10);
  server.paused = false;
  server.on_readable();
  REQUIRE(meeting.run_until([&] { return server.ended; }, 60_s));
  CHECK(server.received == pattern(32'000'000));
}

TEST_CASE("the second connection to a peer needs no query, and a moved peer is found again") {
  Swarm swarm(11);
  swarm.grow_to(30);
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);
  auto first = std::make_unique<Listening>(swarm, *host, swarm.keys(10));
  const auto connect = [&] {
    const Instant begin = swarm.world.now();
    SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
    REQUIRE(swarm.world.run_until([&] { return client.opened || client.reset; }, 60_s));
    CHECK(client.opened);
    return swarm.world.now() - begin;
  };
  const Duration cold = connect();
  const Duration warm = connect();
  CHECK(warm < cold);
  CHECK(warm <= 25_ms);  // one round trip of 20 ms, straight to the peer

  // The server process is gone; another one somewhere else takes over the key.
  first.reset();
  host->host().sleep();
  auto other = swarm.add_peer(4);
  Listening second(swarm, *other, swarm.keys(10));
  connect();
  CHECK(swarm.world.run_until([&] { return second.sockets.size() == 1; }, 1_s));
}

TEST_CASE("two servers on one node, and no second on the same key") {
  Swarm swarm(12);
  swarm.grow_to(20);
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);
  Listening a(swarm, *host, swarm.keys(10));
  Listening b(swarm, *host, swarm.keys(11));
  auto c = host->dht().create_server({}, [](auto) {});
  CHECK(!c->listen(swarm.keys(11), [](std::size_t) {}));
  SocketRecorder to_b(guest->dht().connect(swarm.keys(11).public_key));
  REQUIRE(swarm.world.run_until([&] { return to_b.opened && b.sockets.size() == 1; }, 5_s));
  CHECK(a.sockets.empty());
}

TEST_CASE("closing a server takes its announcement back") {
  Meeting meeting(13, 20);
  bool closed = false;
  meeting.listening.server->close([&] { closed = true; });
  REQUIRE(meeting.run_until([&] { return closed; }, 10_s));
  SocketRecorder late = meeting.connect();
  REQUIRE(meeting.run_until([&] { return late.reset.has_value(); }, 30_s));
  CHECK(late.socket->error() == ConnectError::kPeerNotFound);
}

TEST_CASE("extension blocks reach hsfwd peers") {
  ServerOptions options;
  options.extension = [](const auto&,
                         const std::optional<Extension>& theirs) -> std::optional<Extension> {
    if (!theirs) return std::nullopt;
    return Extension{.features = 0, .service = "served " + theirs->service};
  };
  Meeting meeting(14, 20, options);
  ConnectOptions with;
  with.extension = Extension{.features = 5, .service = "web"};
  SocketRecorder client = meeting.connect(with);
  SocketRecorder& server = meeting.accepted(client);
  REQUIRE(server.socket->extension());
  CHECK(server.socket->extension()->service == "web");
  REQUIRE(client.socket->extension());
  CHECK(client.socket->extension()->service == "served web");
  SocketRecorder plain = meeting.connect();
  REQUIRE(meeting.run_until([&] { return plain.opened; }, 5_s));
  CHECK(!plain.socket->extension());
}

TEST_CASE("who only asks leaves a plain peer alone, and others that look for that peer go on") {
  Swarm swarm(32);
  swarm.grow_to(20);
  Home server_home(swarm, 1, kConsistentNat);
  Home client_home(swarm, 2, kConsistentNat);
  Listening plain(swarm, server_home.peer, swarm.keys(10));
  Dht& dht = client_home.peer.dht();
  const ConnectOptions asking{.extension = Extension{}, .leave_plain = true};
  SocketRecorder question(dht.connect(swarm.keys(10).public_key, asking));
  SocketRecorder meant(dht.connect(swarm.keys(10).public_key));
  REQUIRE(swarm.world.run_until([&] { return question.reset && meant.opened; }, 30_s));
  CHECK(question.socket->error() == ConnectError::kPlainPeer);
  CHECK(!question.opened);
  swarm.world.run_for(20_s);
  CHECK(plain.sockets.size() == 1);

  ServerOptions options;
  options.extension = [](const auto&, const auto& theirs) { return theirs; };
  Listening hsfwd(swarm, server_home.peer, swarm.keys(11), options);
  SocketRecorder answered(dht.connect(swarm.keys(11).public_key, asking));
  REQUIRE(swarm.world.run_until([&] { return answered.opened; }, 30_s));
  CHECK(answered.socket->extension());
}

TEST_CASE(
    "who only asks leaves a plain peer alone where everybody reaches both, and an hsfwd opens") {
  Meeting plain(33, 20);
  const ConnectOptions asking{.extension = Extension{}, .leave_plain = true};
  SocketRecorder question = plain.connect(asking);
  REQUIRE(plain.run_until([&] { return question.reset.has_value(); }, 30_s));
  CHECK(question.socket->error() == ConnectError::kPlainPeer);
  plain.swarm.world.run_for(20_s);
  CHECK(plain.listening.sockets.empty());

  ServerOptions options;
  options.extension = [](const auto&, const auto& theirs) { return theirs; };
  Meeting hsfwd(34, 20, options);
  SocketRecorder answered = hsfwd.connect(asking);
  SocketRecorder& server = hsfwd.accepted(answered);
  CHECK(answered.socket->extension());
  answered.send(pattern(1000), true);
  CHECK(hsfwd.run_until([&] { return server.ended; }, 10_s));
}

TEST_CASE(
    "a reason that a peer gives for closing is what is said, and only without one it was abrupt") {
  CHECK(describe(ConnectError::kReset, "hsfwd is shutting down") ==
        "the peer closed the connection: hsfwd is shutting down");
  CHECK(describe(ConnectError::kReset, "") == "the peer closed the connection abruptly");
  CHECK(describe(ConnectError::kTimedOut, "silent for 300 s") ==
        "the peer stopped answering: silent for 300 s");
}

TEST_CASE("many connections to one peer at once cost one search") {
  Meeting meeting(31, 30);
  const auto requests_before = meeting.guest->node().call_stats().sent;
  const Instant start = meeting.swarm.world.now();

  std::vector<std::unique_ptr<SocketRecorder>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<SocketRecorder>(
        meeting.guest->dht().connect(meeting.swarm.keys(10).public_key)));
  }
  REQUIRE(meeting.run_until(
      [&] {
        return std::all_of(clients.begin(), clients.end(), [](auto& c) { return c->opened; });
      },
      5_s));
  CHECK(meeting.guest->node().call_stats().sent - requests_before <
        260);  // 200 handshakes and a query
  CHECK(meeting.swarm.world.now() - start < 1_s);
}

TEST_CASE(
    "attempts that wait for another's search share its failure, and live on if it is called off") {
  Swarm swarm(32);
  swarm.grow_to(30);
  auto host = swarm.add_peer(1);
  auto guest = swarm.add_peer(2);

  SECTION("nobody is there") {
    SocketRecorder first(guest->dht().connect(swarm.keys(99).public_key));
    SocketRecorder second(guest->dht().connect(swarm.keys(99).public_key));
    REQUIRE(swarm.world.run_until([&] { return first.reset && second.reset; }, 30_s));
    CHECK(second.socket->error() == ConnectError::kPeerNotFound);
  }
  SECTION("the first is dropped in mid-search") {
    Listening listening(swarm, *host, swarm.keys(10));
    auto first = std::make_unique<SocketRecorder>(guest->dht().connect(swarm.keys(10).public_key));
    SocketRecorder second(guest->dht().connect(swarm.keys(10).public_key));
    SocketRecorder third(guest->dht().connect(swarm.keys(10).public_key));
    swarm.world.run_for(1_ms);
    first.reset();
    CHECK(swarm.world.run_until([&] { return second.opened && third.opened; }, 5_s));
  }
}

TEST_CASE(
    "a reset that overtakes the handshake's answer opens the connection and keeps its reason") {
  ServerOptions options;
  options.extension = [](const auto&, const std::optional<Extension>& theirs) { return theirs; };
  Swarm swarm(71);
  swarm.grow_to(20);
  const auto host = swarm.add_peer(1);
  const auto guest = swarm.add_peer(2, {.reorder = 0.5, .reorder_delay = 80_ms});
  std::vector<std::unique_ptr<PeerSocket>> refused;
  const auto server = swarm.listen(*host, swarm.keys(10), std::move(options), [&](auto socket) {
    socket->send_unordered(Bytes{5});
    socket->reset_because("service web: Connection refused");
    refused.push_back(std::move(socket));
  });
  for (int i = 0; i < 60; ++i) {
    CAPTURE(i);
    ConnectOptions connect;
    connect.extension = Extension{};
    SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key, std::move(connect)));
    REQUIRE(swarm.world.run_until([&] { return client.reset.has_value(); }, 30_s));
    CHECK(client.opened);
    CHECK(client.socket->error() == ConnectError::kReset);
    CHECK(*client.reset == describe(ConnectError::kReset, "service web: Connection refused"));
    CHECK(client.messages.size() <= 1);
  }
}

TEST_CASE("what came in before a reset is read before the reset is told") {
  Meeting meeting(72, 20);
  SocketRecorder client = meeting.connect();
  SocketRecorder& server = meeting.accepted(client);
  server.paused = true;
  client.send(pattern(200'000), false);
  meeting.swarm.world.run_for(2_s);
  client.socket->reset();
  meeting.swarm.world.run_for(2_s);
  CHECK(server.socket->closed());
  CHECK(!server.reset);
  server.paused = false;
  server.on_readable();
  meeting.swarm.world.run_for(1_ms);
  CHECK(server.received == pattern(200'000));
  CHECK(server.reset.has_value());
  CHECK(!server.ended);
}

TEST_CASE("a reset behind what was sent waits for it, also over a lossy path") {
  const bool ended = GENERATE(false, true);
  CAPTURE(ended);
  ServerOptions options;
  options.extension = [](const auto&, const std::optional<Extension>& theirs) { return theirs; };
  Swarm swarm(73);
  swarm.grow_to(20);
  const auto host = swarm.add_peer(1);
  const auto guest = swarm.add_peer(2, {.loss = 0.05});
  Listening listening(swarm, *host, swarm.keys(10), std::move(options));
  ConnectOptions connect;
  connect.extension = Extension{};
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key, std::move(connect)));
  REQUIRE(swarm.world.run_until([&] { return client.opened && !listening.sockets.empty(); }, 30_s));
  SocketRecorder& server = *listening.sockets[0];
  server.send(pattern(200'000), ended);
  server.socket->reset_behind("local connection: Connection reset by peer");
  CHECK(server.socket->reserve().empty());
  REQUIRE(swarm.world.run_until([&] { return client.reset.has_value(); }, 30_s));
  CHECK(client.received == pattern(200'000));
  CHECK(client.ended == ended);
  CHECK(*client.reset ==
        describe(ConnectError::kReset, "local connection: Connection reset by peer"));
  CHECK(server.reset.has_value());
}
