// SPDX-License-Identifier: Apache-2.0
// What is held for a session, and by whom.
#include <catch2/catch.hpp>

#include "hyperdht/server/server.hpp"
#include "node/internals.hpp"
#include "session_rogue.hpp"
#include "udx/packet.hpp"

using namespace hsfwd;
using Channel = secret_stream::PacketChannel;
using hyperdht::Session;

namespace {

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

}  // namespace

TEST_CASE("many streams' packets in two parts at once arrive whole") {
  RelayWorld r(321, home(), home());
  SessionWorld& w = r.w;
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
  RelayWorld r(322, hard_home(), hard_home());
  SessionWorld& w = r.w;
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
  Rogue rogue(w, other, {.resume = {}, .deaf = true});
  REQUIRE(rogue.session);
  // Names that are not there are accepted with a list of all that there are.
  std::uint64_t number = 4;
  double most = 0;
  for (int i = 0; i < 60; ++i) {
    other.host().freeze();
    for (int k = 0; k < 2000; ++k)
      rogue.session->send_control(Rogue::open_of(number += 2).encode());
    other.host().schedule_wake();
    w.world().run_for(200_ms);
    most = std::max(most, gauge(*w.server->node, "hsfwd_buffered_bytes"));
  }
  INFO("held by the server: " << most);
  // What as many streams hold as there may be, and a window of what is said of them.
  CHECK(most < Session::kMaxStreams * 2300 + 1024 * 1024);
}
