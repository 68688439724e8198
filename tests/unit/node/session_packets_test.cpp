// SPDX-License-Identifier: Apache-2.0
// Packets beside the streams of a session: docs/protocol/forward.md, section 11.
#include <catch2/catch.hpp>
#include <set>

#include "hyperdht/peer/session_packets.hpp"
#include "net/packet_tunnel.hpp"
#include "node/internals.hpp"
#include "unit/node/session_rogue.hpp"
#include "unit/node/session_world.hpp"

namespace hsfwd {

namespace {

/// With the room around it that sealing takes.
class Roomy {
 public:
  explicit Roomy(ByteView bytes)
      : memory_(net::kTunnelHeadroom + bytes.size() + net::kTunnelTailroom), size_(bytes.size()) {
    copy_bytes(bytes, view());
  }
  MutableBytes view() { return MutableBytes(memory_).subspan(net::kTunnelHeadroom, size_); }

 private:
  Bytes memory_;
  std::size_t size_;
};

/// What came beside a stream, which may be sent back.
struct Ear final : PacketObserver {
  void on_packets(std::span<const MutableBytes> packets) override {
    for (const MutableBytes packet : packets) {
      // Whoever is told may write ahead of it.
      std::fill_n(packet.data() - net::kTunnelWriteHeadroom, net::kTunnelWriteHeadroom, 0xee);
      heard.push_back(to_bytes(packet));
      if (!answers) continue;
      Roomy answer(packet);
      const MutableBytes view = answer.view();
      stream->send_packets({&view, 1});
    }
  }
  void on_packets_writable() override { ++writable; }
  void on_max_packet() override { ++sizes; }

  PeerStream* stream = nullptr;
  bool answers = false;
  std::vector<Bytes> heard;
  std::size_t writable = 0;
  std::size_t sizes = 0;
};

/// Sends back what comes beside streams that want it: IP packets, and datagrams of the service `udp`.
class PacketServer {
 public:
  PacketServer(SessionWorld& w, Participant& at, const KeyPair& keys) : at_(at) {
    at.host().freeze();
    ServerOptions options;
    options.sessions = true;
    options.extension = [this](const PublicKey&, const std::optional<Extension>& client) {
      Extension out;
      if (!client) return std::optional<Extension>();
      resumes += (client->features & Extension::kResume) != 0 ? 1 : 0;
      if (client->wants_packets()) out.features |= Extension::kIpPackets;
      if (client->wants_service()) out.service = client->service;
      if (client->service == "udp") out.features |= Extension::kUdpFlows;
      return std::optional<Extension>(out);
    };
    server_.emplace(at.node->create_server(
        [this](PeerSocket socket) {
          streams.push_back(socket.release());
          if (!listens) return;
          ears.push_back(std::make_unique<Ear>());
          ears.back()->stream = streams.back().get();
          ears.back()->answers = true;
          streams.back()->set_packet_observer(ears.back().get());
        },
        std::move(options)));
    server_->on_announced([this](std::size_t n) { announced_ |= n > 0; });
    REQUIRE(server_->listen(keys).ok());
    REQUIRE(w.world().run_until([this] { return announced_; }, 30_s));
  }

  bool listens = true;
  std::size_t resumes = 0;  // dials for another link
  std::vector<std::unique_ptr<PeerStream>> streams;
  std::vector<std::unique_ptr<Ear>> ears;

 private:
  Participant& at_;
  std::optional<Server> server_;
  bool announced_ = false;
};

class PacketClient {
 public:
  PacketClient(Participant& at, const PublicKey& key, std::uint64_t features,
               const std::string& service = "")
      : at_(at) {
    at.host().freeze();
    ConnectOptions options;
    options.session = true;
    options.extension = Extension{.features = features, .service = service};
    stream = at.node->connect_stream(key, std::move(options));
    stream->set_on_open([this] { opened = true; });
    stream->set_packet_observer(&ear);
    at.host().schedule_wake();
  }
  ~PacketClient() {
    at_.host().freeze();
    stream->set_packet_observer(nullptr);
    stream.reset();
  }
  std::size_t send(ByteView bytes) {
    at_.host().freeze();
    Roomy packet(bytes);
    const MutableBytes view = packet.view();
    const std::size_t taken = stream->send_packets({&view, 1});
    at_.host().schedule_wake();
    return taken;
  }

  Ear ear;
  std::unique_ptr<PeerStream> stream;
  bool opened = false;

 private:
  Participant& at_;
};

struct PacketWorld {
  explicit PacketWorld(std::uint64_t seed, const Seat& server = home(), const Seat& client = home())
      : w(seed, server, client) {
    w.echo.reset();
    w.world().run_for(10_ms);
    at.emplace(w, *w.server, w.swarm.keys(1));
  }
  ~PacketWorld() {
    clients.clear();
    at.reset();
    w.world().run_for(10_ms);
  }
  PacketClient& connect(std::uint64_t features, const std::string& service = "") {
    clients.push_back(std::make_unique<PacketClient>(*w.client, w.key(), features, service));
    PacketClient& one = *clients.back();
    REQUIRE(w.world().run_until([&] { return one.opened; }, 30_s));
    return one;
  }
  /// It goes there, and comes back.
  bool passes(PacketClient& client, ByteView bytes, Duration within = 5_s) {
    client.ear.heard.clear();
    client.send(bytes);
    return w.world().run_until([&] { return !client.ear.heard.empty(); }, within) &&
           client.ear.heard.front() == to_bytes(bytes);
  }
  /// Sent again and again, as programs do, until it is back.
  bool comes_to_pass(PacketClient& client, Duration within) {
    const Instant until = w.world().now() + within;
    while (w.world().now() < until) {
      if (passes(client, as_bytes("again"), 100_ms)) return true;
    }
    return false;
  }
  std::size_t sessions() const { return w.client->node->sessions().size(); }

  SessionWorld w;
  std::optional<PacketServer> at;
  std::vector<std::unique_ptr<PacketClient>> clients;
};

constexpr std::uint64_t kIp = Extension::kNoService | Extension::kIpPackets;
constexpr std::uint64_t kUdp = Extension::kUdpFlows;

}  // namespace

TEST_CASE("packets of all kinds and streams share one session, whichever came first") {
  PacketWorld p(701);
  const bool ip_first = GENERATE(true, false);
  PacketClient& first = ip_first ? p.connect(kIp) : p.connect(kUdp, "udp");
  PacketClient& second = ip_first ? p.connect(kUdp, "udp") : p.connect(kIp);
  PacketClient& third = p.connect(0, "echo");
  CHECK(p.sessions() == 1);
  CHECK(first.stream->in_session());
  CHECK((first.stream->takes_packets() && !first.stream->takes_datagrams()) == ip_first);
  CHECK(first.stream->takes_datagrams() == !ip_first);
  CHECK(second.stream->takes_packets() == !ip_first);
  CHECK_FALSE((third.stream->takes_packets() || third.stream->takes_datagrams()));
  CHECK(third.stream->max_packet() == 0);
  CHECK(third.send(as_bytes("nobody's")) == 0);
  for (PacketClient* const one : {&first, &second}) {
    CHECK(p.passes(*one, as_bytes("whole")));
    CHECK(p.passes(*one, some_bytes(one->stream->max_packet())));
    CHECK(p.passes(*one, some_bytes(one->stream->max_packet() + 1)));
    CHECK(p.passes(*one, some_bytes(one->stream->max_in_parts())));
    CHECK_FALSE(p.passes(*one, some_bytes(one->stream->max_in_parts() + 1), 1_s));
  }
  // Each gets its own, and nothing else.
  first.ear.heard.clear();
  CHECK(p.passes(second, as_bytes("for the second")));
  CHECK(first.ear.heard.empty());
}

TEST_CASE("what the path carries is found out for packets beside streams") {
  PacketWorld p(702);
  PacketClient& one = p.connect(kIp);
  const std::size_t before = one.stream->max_packet();
  for (int i = 0; i < 300 && one.stream->max_packet() < 1400; ++i) {
    p.passes(one, some_bytes(500), 100_ms);
  }
  CHECK(one.stream->max_packet() > before);
  CHECK(one.ear.sizes > 0);
  CHECK(one.stream->max_packet() >= 1400);
  CHECK(p.passes(one, some_bytes(one.stream->max_packet())));
  // Hosts believe a smaller size for minutes: another link is no reason to tell one.
  const std::size_t size = one.stream->max_packet();
  p.w.client->move();
  p.w.server->move();
  for (int i = 0; i < 200; ++i) {
    one.send(some_bytes(size));
    p.w.world().run_for(50_ms);
    CHECK(one.stream->max_packet() >= size);
  }
  CHECK(p.passes(one, some_bytes(size)));
}

TEST_CASE("who only sends, over a path that loses packets, has no new link made again and again") {
  PacketWorld p(720, open_seat(), open_seat());
  PacketClient& one = p.connect(kUdp, "udp");
  REQUIRE(p.passes(one, as_bytes("before")));
  p.at->ears.front()->answers = false;
  p.w.world().core().set_loss(0.03);
  for (int i = 0; i < 1200; ++i) {
    one.send(as_bytes("telemetry"));
    p.w.world().run_for(50_ms);
  }
  CHECK(p.at->ears.front()->heard.size() > 1000);
  CHECK(p.at->resumes <= 1);
}

TEST_CASE("a stream has packets of one kind, and one back has none") {
  PacketWorld p(721);
  Rogue rogue(p.w, *p.w.client,
              {.resume = {}, .deaf = false, .features = Extension::kSessionPackets});
  REQUIRE(rogue.session);
  const auto open = [&](std::uint64_t number, std::uint64_t features) {
    Rogue::Message message = Rogue::open_of(number, "udp");
    message.features = features;
    rogue.say(message);
    p.w.world().run_for(1_s);
    return p.at->streams.size();
  };
  p.w.world().run_for(1_s);
  const std::size_t before = p.at->streams.size();
  CHECK(open(4, Extension::kKindsOfPackets) == before);
  CHECK(open(6, Extension::kUdpFlows) == before + 1);
  CHECK(p.at->streams.back()->takes_datagrams());
  CHECK_FALSE(p.at->streams.back()->takes_packets());
  CHECK_FALSE(rogue.over);
}

TEST_CASE("a server that answers for packets with a session without them gives no session") {
  PacketWorld p(722);
  p.at.reset();
  p.w.world().run_for(10_ms);
  p.w.server->host().freeze();
  ServerOptions options;
  options.extension = [](const PublicKey&, const std::optional<Extension>&) {
    return std::optional(Extension{.features = Extension::kIpPackets | Extension::kSessions});
  };
  std::vector<PeerSocket> sockets;
  bool announced = false;
  Server server = p.w.server->node->create_server(
      [&](PeerSocket socket) { sockets.push_back(std::move(socket)); }, std::move(options));
  server.on_announced([&](std::size_t n) { announced |= n > 0; });
  REQUIRE(server.listen(p.w.swarm.keys(1)).ok());
  REQUIRE(p.w.world().run_until([&] { return announced; }, 30_s));
  for (int i = 0; i < 3; ++i) {
    PacketClient& one = p.connect(kIp);
    CHECK_FALSE(one.stream->takes_packets());
    CHECK(p.sessions() == 0);
  }
  p.clients.clear();
  p.w.world().run_for(1_s);
  p.w.server->host().freeze();
  sockets.clear();
}

TEST_CASE("packets go on in the same stream when either side moves - or both") {
  const int who = GENERATE(0, 1, 2);
  PacketWorld p(703 + static_cast<std::uint64_t>(who));
  PacketClient& one = p.connect(kUdp, "udp");
  REQUIRE(p.passes(one, as_bytes("before")));
  if (who != 1) p.w.client->move();
  if (who != 0) p.w.server->move();
  CHECK(p.comes_to_pass(one, 5_s));
  CHECK(p.at->streams.size() == 1);
  CHECK(one.stream->info().open);
}

TEST_CASE("packets go on when a session goes on over another link, and are not taken without one") {
  PacketWorld p(707);
  PacketClient& one = p.connect(kIp);
  REQUIRE(p.passes(one, as_bytes("before")));
  // Long enough for the link to be given up.
  p.w.world().core().set_loss(1);
  std::size_t taken = 1;
  for (int i = 0; i < 600 && taken > 0; ++i) {
    taken = one.send(as_bytes("into the dark"));
    p.w.world().run_for(200_ms);
  }
  CHECK(taken == 0);
  CHECK(one.stream->max_packet() > 1000);
  p.w.world().core().set_loss(0);
  const std::size_t before = one.ear.writable;
  REQUIRE(p.w.world().run_until([&] { return one.ear.writable > before; }, 30_s));
  CHECK(p.comes_to_pass(one, 2_s));
  CHECK(p.at->streams.size() == 1);
}

TEST_CASE("packets beside streams go over a relay") {
  RelayWorld r(708, hard_home(), hard_home());
  r.w.echo.reset();
  r.w.world().run_for(10_ms);
  PacketServer at(r.w, *r.w.server, r.w.swarm.keys(11));
  {
    PacketClient one(*r.w.client, r.w.swarm.keys(11).public_key, kUdp, "udp");
    REQUIRE(r.w.world().run_until([&] { return one.opened; }, 60_s));
    const std::uint64_t before = r.carried();
    for (const std::size_t size : {std::size_t{10}, std::size_t{1000}, std::size_t{2000}}) {
      one.ear.heard.clear();
      one.send(some_bytes(size));
      CHECK(r.w.world().run_until([&] { return !one.ear.heard.empty(); }, 5_s));
      CHECK(one.ear.heard == std::vector<Bytes>{some_bytes(size)});
    }
    CHECK(r.carried() > before + 2 * 3000);
  }
  r.w.world().run_for(1_s);
}

TEST_CASE("who knows of no packets in sessions gets a connection for them") {
  PacketWorld p(709);
  const std::uint64_t kind = GENERATE(Extension::kUdpFlows, Extension::kIpPackets);
  p.w.client->host().freeze();
  hyperdht::ConnectOptions options;
  options.extension = Extension{.features = kind | Extension::kSessions, .service = "udp"};
  if (kind == Extension::kIpPackets) {
    options.extension->features |= Extension::kNoService;
    options.extension->service.clear();
  }
  auto link = Internals::dht(*p.w.client->node).connect(p.w.key(), std::move(options));
  bool opened = false;
  link->set_on_open([&] { opened = true; });
  p.w.client->host().schedule_wake();
  REQUIRE(p.w.world().run_until([&] { return opened; }, 30_s));
  CHECK(link->take_session() == nullptr);
  CHECK(link->takes_datagrams() == (kind == Extension::kUdpFlows));
  CHECK(link->takes_packets() == (kind == Extension::kIpPackets));
  p.w.client->host().freeze();
  link.reset();
}

TEST_CASE("what comes ahead of who takes it waits, and is bounded") {
  PacketWorld p(710);
  p.at->listens = false;
  PacketClient& one = p.connect(kUdp, "udp");
  PacketClient& two = p.connect(kUdp, "udp");
  for (int i = 0; i < 60; ++i) one.send(as_bytes("one " + std::to_string(i)));
  p.w.world().run_for(1_s);
  for (int i = 0; i < 60; ++i) two.send(as_bytes("two " + std::to_string(i)));
  p.w.world().run_for(1_s);
  Ear ears[2];
  p.w.server->host().freeze();
  for (std::size_t i = 0; i < 2; ++i) p.at->streams.at(i)->set_packet_observer(&ears[i]);
  p.w.server->host().schedule_wake();
  p.w.world().run_for(1_s);
  CHECK(ears[0].heard.size() == 60);
  CHECK(ears[0].heard.front() == to_bytes(as_bytes("one 0")));
  CHECK(ears[1].heard.size() == hyperdht::SessionPackets::kMaxEarly - 60);
  for (auto& stream : p.at->streams) stream->set_packet_observer(nullptr);
}

TEST_CASE(
    "a peer that lies about whose packets these are, or sends what is none, changes nothing") {
  PacketWorld p(711);
  PacketClient& one = p.connect(kUdp, "udp");
  PacketClient& plain = p.connect(0, "echo");
  REQUIRE(p.passes(one, as_bytes("before")));
  // Beside it, a client that seals what it likes.
  Rogue rogue(p.w, *p.w.client,
              {.resume = {}, .deaf = false, .features = Extension::kSessionPackets});
  REQUIRE(rogue.session);
  REQUIRE(rogue.session->passes_packets());
  using Channel = secret_stream::PacketChannel;
  const Bytes malformed[] = {{},        {2},       {0, 1, 2},       {1, 9, 9},        {2, 1, 2},
                             {4, 1, 2}, {0xff, 1}, {0xfd, 4, 0, 7}, Bytes(1100, 0xff)};
  for (int round = 0; round < 100; ++round) {
    for (const Bytes& packet : malformed) {
      for (const auto channel :
           {Channel::kBesideStream, Channel::kBesideStreamParts, Channel::kIp, Channel::kUdp}) {
        p.w.client->host().freeze();
        rogue.session->link()->send_packet(channel, packet);
        p.w.client->host().schedule_wake();
      }
    }
    p.w.world().run_for(10_ms);
  }
  std::size_t heard = 0;
  for (const auto& ear : p.at->ears) heard += ear->heard.size();
  CHECK(heard == 1);
  CHECK_FALSE(rogue.over);
  CHECK(p.passes(one, as_bytes("after")));
  CHECK(plain.stream->info().open);
}

TEST_CASE("a stream that is gone hears nothing more, and others go on") {
  PacketWorld p(712);
  PacketClient& one = p.connect(kUdp, "udp");
  PacketClient& two = p.connect(kIp);
  REQUIRE(p.passes(one, as_bytes("one")));
  p.w.server->host().freeze();
  p.at->streams.front()->set_packet_observer(nullptr);
  p.at->streams.erase(p.at->streams.begin());
  p.w.server->host().schedule_wake();
  p.w.world().run_for(1_s);
  CHECK_FALSE(one.stream->info().open);
  CHECK(one.send(as_bytes("nobody")) == 0);
  CHECK(p.passes(two, as_bytes("two")));
}

}  // namespace hsfwd
