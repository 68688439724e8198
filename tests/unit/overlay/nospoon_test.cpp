// SPDX-License-Identifier: Apache-2.0
// Members of a network that speak nospoon with peers which know nothing else.
#include <catch2/catch.hpp>
#include <deque>

#include "overlay/nospoon_stream.hpp"
#include "unit/overlay/members.hpp"

using namespace hsfwd;
using namespace hsfwd::overlay;

namespace {

constexpr std::uint8_t kSpoon = 50;  // number of its keys

/// 10.0.0.HOST
ip::Ipv6 host(std::uint8_t number) {
  return ip::Ipv6::mapped(0x0a000000u | number);
}

/// UDP over IPv4 that may not be cut, of so many bytes in all.
Bytes packet_between(std::uint8_t from, std::uint8_t to, std::size_t size = 40) {
  Bytes out =
      ip_test::Fields{.protocol = ip::protocol::kUdp, .payload = Bytes(size - 28, from)}.build();
  ip::store_be32(&out[12], host(from).ipv4());
  ip::store_be32(&out[16], host(to).ipv4());
  return out;
}

Bytes framed(const Bytes& packet) {
  Bytes out(nospoon::frame_size(packet));
  nospoon::write_frame(packet, out);
  return out;
}

/// A stock peer: frames on the stream, either role, and a keepalive each 25 seconds.
class Spoon {
 public:
  explicit Spoon(hyperdht::Swarm& swarm)
      : swarm_(swarm),
        host_(swarm.world.add_host(net::Ipv4::of(60, 1, 2, 1))),
        keys_(swarm.keys(kSpoon)),
        timer_(host_.scheduler(), [this] { keep_alive(); }) {
    Options options;
    options.bootstrap = swarm.bootstrap;
    node_.emplace(host_.env(), std::move(options));
    REQUIRE(node_->start());
    timer_.start(25_s);
    host_.run();
  }
  ~Spoon() { timer_.stop(); }

  const PublicKey& key() const { return keys_.public_key; }
  NetworkPeer peer(Nospoon role) const {
    return {.key = key(),
            .name = "spoon",
            .addresses = {host(1)},
            .networks = {},
            .allow = {},
            .nospoon = role};
  }

  void listen() {
    host_.freeze();
    server_.emplace(node_->create_server([this](PeerSocket socket) { take(std::move(socket)); }));
    REQUIRE(server_->listen(keys_));
    host_.run();
  }
  void connect(const PublicKey& key) {
    host_.freeze();
    take(node_->connect(key, {.key_pair = keys_}));
    host_.run();
  }
  /// Over the newest connection.
  void send(const Bytes& bytes) {
    host_.freeze();
    sockets_.back().socket.write(bytes);
    host_.run();
  }
  void send_packet(const Bytes& packet) { send(framed(packet)); }
  /// From now on each packet is answered, over the connection that was made last unless any has ended
  /// since: upstream's server forgets where its client is, whichever of its connections it was.
  void answer() { answers_ = true; }
  void pause() { sockets_.back().socket.pause(); }
  void resume() {
    host_.freeze();
    sockets_.back().socket.resume();
    host_.run();
  }
  /// All connections end.
  void hang_up() {
    host_.freeze();
    for (Open& one : sockets_) one.socket.reset();
    host_.run();
  }
  /// As a process that is killed.
  void die() {
    host_.freeze();
    timer_.stop();
    sockets_.clear();
    server_.reset();
    node_.reset();
    host_.run();
  }

  std::size_t connections() const { return sockets_.size(); }
  std::size_t open() const {
    return static_cast<std::size_t>(std::count_if(sockets_.begin(), sockets_.end(),
                                                  [](const Open& one) { return !one.closed; }));
  }
  /// Of all connections.
  std::vector<Bytes> packets;

 private:
  struct Open {
    PeerSocket socket;
    Bytes buffer;
    bool closed = false;
  };

  void take(PeerSocket socket) {
    Open& one = sockets_.emplace_back(Open{.socket = std::move(socket), .buffer = {}});
    one.socket.on_data([this, &one](ByteView bytes) {
      append(one.buffer, bytes);
      while (one.buffer.size() >= 4) {
        const std::size_t size = ip::load_be32(one.buffer.data());
        if (one.buffer.size() < 4 + size) return;
        const auto begin = one.buffer.begin();
        const auto end = begin + 4 + static_cast<std::ptrdiff_t>(size);
        if (size > 0) packets.emplace_back(begin + 4, end);
        if (size > 0 && answers_ && way_ != nullptr)
          way_->socket.write(framed(packet_between(1, 2)));
        one.buffer.erase(begin, end);
      }
    });
    one.socket.on_close([this, &one](const std::string&) {
      one.closed = true;
      way_ = nullptr;
    });
    way_ = &one;
  }
  void keep_alive() {
    timer_.start(25_s);
    for (Open& one : sockets_) {
      if (!one.closed) one.socket.write(Bytes(4, 0));
    }
  }

  hyperdht::Swarm& swarm_;
  sim::Host& host_;
  const KeyPair keys_;
  Timer timer_;
  std::optional<Node> node_;
  std::optional<Server> server_;
  std::deque<Open> sockets_;
  bool answers_ = false;
  Open* way_ = nullptr;
};

/// A member at 10.0.0.2 and a stock peer at 10.0.0.1.
struct Pair {
  explicit Pair(std::uint64_t seed) : net(seed, 1), a(net[0]), spoon(net.swarm) {}

  /// With the peer in that role.
  void open(Nospoon role) { a.open(settings(role)); }
  NetworkSettings settings(Nospoon role) const {
    NetworkSettings out;
    out.interface = "hsfwd0";
    out.addresses = {{host(2), 120}};
    out.peers = {spoon.peer(role)};
    return out;
  }
  /// The peer is a client, and connected.
  void let_in() {
    open(Nospoon::kClient);
    net.swarm.world.run_for(10_s);
    spoon.connect(a.key());
    REQUIRE(net.until([&] { return status().state == Link::State::kOpen; }));
  }
  PeerStatus status() const { return a.status_of(spoon.key()); }
  bool until(auto&& done, Duration at_most = 30_s) { return net.until(done, at_most); }
  void run_for(Duration time) { net.swarm.world.run_for(time); }

  Members net;
  Member& a;
  Spoon spoon;
};

}  // namespace

TEST_CASE(
    "a nospoon server is dialled before anything is sent, and kept through hours of silence") {
  Pair it(1);
  it.spoon.listen();
  it.run_for(10_s);
  it.open(Nospoon::kServer);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }));
  it.run_for(2_h);
  it.spoon.send_packet(packet_between(1, 2));
  REQUIRE(it.until([&] { return !it.a.received().empty(); }));
  CHECK(it.a.take() == std::vector<Bytes>{packet_between(1, 2)});
  it.a.send(packet_between(2, 1));
  REQUIRE(it.until([&] { return !it.spoon.packets.empty(); }));
  CHECK(it.spoon.packets == std::vector<Bytes>{packet_between(2, 1)});
  CHECK(it.a.dials() == 1);
  CHECK(it.status().addresses == std::vector<ip::Ipv6>{host(1)});
  CHECK(it.status().max_packet == NospoonStream::kMaxPacket);
  CHECK(it.status().nospoon == Nospoon::kServer);
}

TEST_CASE("a nospoon server that is not there is dialled until it is") {
  Pair it(2);
  it.open(Nospoon::kServer);
  it.run_for(5_min);
  CHECK(it.status().state != Link::State::kOpen);
  it.a.send(packet_between(2, 1));
  it.spoon.listen();
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }, 1_min));
  CHECK(it.status().error.empty());
}

TEST_CASE("a nospoon client is let in by its key, and never dialled") {
  Pair it(3);
  it.let_in();
  it.spoon.send_packet(packet_between(1, 2));
  REQUIRE(it.until([&] { return !it.a.received().empty(); }));
  CHECK(it.a.take() == std::vector<Bytes>{packet_between(1, 2)});
  it.a.send(packet_between(2, 1));
  REQUIRE(it.until([&] { return !it.spoon.packets.empty(); }));
  it.run_for(1_h);
  CHECK(it.spoon.open() == 1);
  it.spoon.die();
  REQUIRE(it.until([&] { return it.status().state == Link::State::kIdle; }, 5_min));
  it.a.take();
  it.a.send(packet_between(2, 1));
  CHECK(it.a.take().size() == 1);  // unreachable
  CHECK(it.status().drops[Drop::kUnreachable] >= 1);
  CHECK(it.a.dials() == 0);
}

TEST_CASE("a nospoon client that nobody named, and a server that comes by itself, are not let in") {
  Pair it(4);
  const auto stranger = GENERATE(true, false);
  NetworkSettings settings = it.settings(Nospoon::kServer);
  if (stranger) settings.peers = {};
  it.a.open(settings);
  it.run_for(10_s);
  it.spoon.connect(it.a.key());
  it.run_for(30_s);
  CHECK(!it.a.network().admits(it.spoon.key()));
  CHECK(it.spoon.open() == 0);
}

TEST_CASE(
    "a nospoon peer sends under its own addresses only, and no more than the interface takes") {
  Pair it(5);
  it.let_in();
  it.spoon.send_packet(packet_between(3, 2));
  it.spoon.send_packet(packet_between(1, 4));
  it.spoon.send_packet(packet_between(1, 2, kDefaultMtu + 1));
  it.spoon.send_packet(Bytes(60, 0xaa));
  // An address that it has with peers of ours, and that nospoon knows nothing of.
  Bytes v6 = ip_test::Fields{.v6 = true, .payload = {}}.build();
  const ip::Ipv6 forged = key_address(it.spoon.key());
  const ip::Ipv6 own = it.a.address();
  std::copy(forged.bytes.begin(), forged.bytes.end(), &v6[8]);
  std::copy(own.bytes.begin(), own.bytes.end(), &v6[24]);
  it.spoon.send_packet(v6);
  it.spoon.send_packet(packet_between(1, 2, kDefaultMtu));
  REQUIRE(it.until([&] { return !it.a.received().empty(); }));
  CHECK(it.a.take() == std::vector<Bytes>{packet_between(1, 2, kDefaultMtu)});
  const Drops drops = it.status().drops;
  CHECK(drops[Drop::kSpoofed] == 2);
  CHECK(drops[Drop::kNotForUs] == 1);
  CHECK(drops[Drop::kTooBig] == 1);
  CHECK(drops[Drop::kMalformed] == 1);
}

TEST_CASE("the address of a nospoon peer's key is nobody's") {
  Pair it(6);
  it.let_in();
  Bytes packet = ip_test::Fields{.v6 = true, .payload = {}}.build();
  const ip::Ipv6 own = it.a.address();
  const ip::Ipv6 to = key_address(it.spoon.key());
  std::copy(own.bytes.begin(), own.bytes.end(), &packet[8]);
  std::copy(to.bytes.begin(), to.bytes.end(), &packet[24]);
  it.a.send(packet);
  CHECK(it.a.network().drops()[Drop::kNoRoute] == 1);
}

TEST_CASE("what is too large for nospoon's interface is answered with the size that is not") {
  Pair it(7);
  it.let_in();
  it.a.send(packet_between(2, 1, NospoonStream::kMaxPacket + 1));
  const std::vector<Bytes> answers = it.a.take();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0][20] == 3);  // ICMP: unreachable, to be cut
  CHECK(answers[0][21] == 4);
  CHECK(ip::load_be16(&answers[0][26]) == NospoonStream::kMaxPacket);
  CHECK(it.status().drops[Drop::kTooBig] == 1);
  it.a.send(packet_between(2, 1, NospoonStream::kMaxPacket));
  REQUIRE(it.until([&] { return !it.spoon.packets.empty(); }));
  CHECK(it.spoon.packets == std::vector<Bytes>{packet_between(2, 1, NospoonStream::kMaxPacket)});
}

TEST_CASE(
    "garbage from a nospoon client ends its connection, and does not keep it from coming again") {
  Pair it(8);
  it.let_in();
  sim::SeededRandom random(7);
  for (int i = 0; i < 50; ++i) {
    Bytes garbage(random.u64() % 3000 + 1);
    random.fill(garbage);
    it.spoon.send(garbage);
    it.run_for(100_ms);
    if (it.spoon.open() > 0) continue;
    it.spoon.connect(it.a.key());
    it.run_for(5_s);
  }
  CHECK(it.spoon.connections() > 10);
  it.spoon.connect(it.a.key());
  it.run_for(5_s);
  it.a.take();
  it.spoon.send_packet(packet_between(1, 2));
  REQUIRE(it.until([&] { return !it.a.received().empty(); }));
  CHECK(it.a.dials() == 0);
}

TEST_CASE("frames of one byte, a hundred thousand of them, are counted and do no harm") {
  Pair it(9);
  it.let_in();
  Bytes frames;
  for (int i = 0; i < flood(100000); ++i) append(frames, Bytes{0, 0, 0, 1, 0x45});
  it.spoon.send(frames);
  REQUIRE(it.until(
      [&] { return it.status().drops[Drop::kMalformed] == std::uint64_t(flood(100000)); }));
  it.spoon.send_packet(packet_between(1, 2));
  REQUIRE(it.until([&] { return !it.a.received().empty(); }));
}

TEST_CASE(
    "a nospoon client that never reads holds a queue and a window, and gets what is new once it "
    "does") {
  Pair it(10);
  it.let_in();
  it.spoon.pause();
  for (int i = 0; i < flood(20000); ++i) {
    it.a.send(packet_between(2, 1, 1400));
    if (i % 10 == 0) it.run_for(1_ms);
  }
  it.run_for(10_s);
  const Drops drops = it.status().drops;
  CHECK(drops[Drop::kQueueFull] + drops[Drop::kLate] > std::uint64_t(flood(20000)) / 3);
  it.spoon.resume();
  it.run_for(10_s);
  // The peer's window, and what was unsent.
  CHECK(it.spoon.packets.size() * 1404 < 6 * 1024 * 1024);
  it.spoon.packets.clear();
  it.a.send(packet_between(2, 1));
  REQUIRE(it.until([&] { return it.spoon.packets == std::vector<Bytes>{packet_between(2, 1)}; }));
}

TEST_CASE("packets wait for a slow path in the queue that drops the late, and not in the stream") {
  Pair it(11);
  sim::LinkProfile slow;
  slow.rate = 250'000;  // 2 Mbit/s
  slow.queue = 32 * 1024;
  it.a.host().link().set_profile(slow);
  it.let_in();
  for (int i = 0; i < 3000; ++i) {
    it.a.send(packet_between(2, 1, 1400));
    it.run_for(5_ms);  // 2.24 Mbit/s
  }
  CHECK(it.status().drops[Drop::kLate] > 100);
  const Instant before = it.net.swarm.world.now();
  it.spoon.packets.clear();
  it.a.send(packet_between(2, 1, 50));
  REQUIRE(
      it.until([&] { return !it.spoon.packets.empty() && it.spoon.packets.back().size() == 50; }));
  CHECK((it.net.swarm.world.now() - before).to_millis() < 800);
}

TEST_CASE(
    "a second connection of a nospoon client while the first lives gets what is sent, and both are "
    "heard") {
  Pair it(12);
  it.let_in();
  it.run_for(1_min);
  it.spoon.connect(it.a.key());
  it.run_for(5_s);
  CHECK(it.spoon.open() == 2);
  it.spoon.send_packet(packet_between(1, 2));
  REQUIRE(it.until([&] { return !it.a.received().empty(); }));
  it.a.send(packet_between(2, 1));
  REQUIRE(it.until([&] { return !it.spoon.packets.empty(); }));
  for (int i = 0; i < 20; ++i) {
    it.spoon.connect(it.a.key());
    it.run_for(1_s);
  }
  CHECK(it.spoon.open() <= Link::kMaxConnections);
}

TEST_CASE(
    "a nospoon server that falls silent has its connection given up, and no second one beside it") {
  Pair it(13);
  it.spoon.listen();
  it.run_for(10_s);
  it.open(Nospoon::kServer);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }));
  it.run_for(10_s);
  it.net.swarm.world.core().set_loss(1);
  CHECK(it.a.dials() == 1);
  const Instant lost = it.net.swarm.world.now();
  while (it.net.swarm.world.now() - lost < Link::kGivenUp / 2) {
    it.a.send(packet_between(2, 1));
    it.run_for(500_ms);
  }
  CHECK(it.a.dials() == 1);
  while (it.net.swarm.world.now() - lost < Link::kGivenUp * 2) {
    it.a.send(packet_between(2, 1));
    it.run_for(500_ms);
  }
  CHECK(it.status().state != Link::State::kOpen);
  it.net.swarm.world.core().set_loss(0);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }, 1_min));
  it.spoon.packets.clear();
  it.a.send(packet_between(2, 1));
  REQUIRE(it.until([&] { return !it.spoon.packets.empty(); }));
}

TEST_CASE("a host that moves is with its nospoon server again within seconds") {
  Pair it(14);
  it.spoon.listen();
  it.run_for(10_s);
  it.open(Nospoon::kServer);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }));
  it.run_for(1_min);
  it.a.move_to(net::Ipv4::of(61, 2, 2, 2));
  REQUIRE(it.until(
      [&] {
        it.a.send(packet_between(2, 1));
        it.run_for(100_ms);
        return !it.spoon.packets.empty();
      },
      5_s));
  CHECK(it.a.dials() == 2);
}

TEST_CASE(
    "a nospoon server that forgets us when it finds the former connection dead is dialled again") {
  Pair it(17);
  it.spoon.listen();
  it.spoon.answer();
  it.run_for(10_s);
  it.open(Nospoon::kServer);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }));
  it.run_for(10_s);
  // Nobody tells the server that the first connection is over.
  it.a.move_to(net::Ipv4::of(61, 2, 2, 2));
  it.net.swarm.world.core().set_loss(1);
  REQUIRE(it.until([&] { return it.status().state != Link::State::kOpen; }, 5_s));
  it.run_for(10_ms);
  it.net.swarm.world.core().set_loss(0);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }, 1_min));
  const auto answered = [&] {
    it.a.take();
    it.a.send(packet_between(2, 1));
    it.run_for(1_s);
    return !it.a.received().empty();
  };
  REQUIRE(answered());
  REQUIRE(it.until([&] { return !answered(); }, 2_min));
  REQUIRE(it.until(answered, 30_s));
  CHECK(it.a.dials() == 3);
  for (int i = 0; i < 60; ++i) CHECK(answered());
  CHECK(it.a.dials() == 3);
}

TEST_CASE(
    "a nospoon server that sends nothing back is dialled again after an end for a while only") {
  Pair it(18);
  it.spoon.listen();
  it.run_for(10_s);
  it.open(Nospoon::kServer);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kOpen; }));
  const auto send_for = [&](Duration time) {
    const Instant end = it.net.swarm.world.now() + time;
    while (it.net.swarm.world.now() < end) {
      it.a.send(packet_between(2, 1));
      it.run_for(1_s);
    }
  };
  send_for(5_min);
  CHECK(it.a.dials() == 1);
  it.spoon.hang_up();
  send_for(Link::kInDoubt);
  const int dials = it.a.dials();
  CHECK(dials > 2);
  CHECK(dials <= 2 + Link::kInDoubt.to_seconds() / Link::kGivenUp.to_seconds());
  send_for(5_min);
  CHECK(it.a.dials() == dials);
}

TEST_CASE(
    "a host that is in a network again is with its nospoon server at once, and not after a rest") {
  Pair it(19);
  it.spoon.listen();
  it.run_for(10_s);
  it.a.host().link().set_connected(false);
  it.open(Nospoon::kServer);
  it.run_for(5_min);
  REQUIRE(it.until([&] { return it.status().state == Link::State::kResting; }, 1_min));
  it.run_for(5_s);
  it.a.host().link().set_connected(true);
  it.a.move_to(net::Ipv4::of(61, 2, 2, 2));
  const int dials = it.a.dials();
  // Though its addresses come and go, no more often than every 2 s.
  for (int i = 0; i < 20; ++i) it.a.move_to(net::Ipv4::of(61, 2, 2, static_cast<std::uint8_t>(i)));
  CHECK(it.a.dials() == dials);
  CHECK(it.until([&] { return it.status().state == Link::State::kOpen; }, 10_s));
}

TEST_CASE("a peer that is nospoon's no more, after a reload, is dialled as ours are") {
  Pair it(15);
  it.let_in();
  NetworkSettings settings = it.settings(Nospoon::kClient);
  settings.peers[0].nospoon.reset();
  it.a.open(settings);
  REQUIRE(it.until([&] { return it.spoon.open() == 0; }));
  CHECK(it.status().addresses == std::vector<ip::Ipv6>{key_address(it.spoon.key()), host(1)});
  it.a.send(packet_between(2, 1));
  CHECK(it.a.dials() == 1);
}

TEST_CASE("two of ours speak nospoon with each other, the one as server, the other as client") {
  Members net(16);
  const auto settings = [&](std::uint8_t own, Member& other, std::uint8_t its, Nospoon role) {
    NetworkSettings out;
    out.interface = "hsfwd0";
    out.addresses = {{host(own), 120}};
    out.peers = {{.key = other.key(),
                  .name = {},
                  .addresses = {host(its)},
                  .networks = {},
                  .allow = {},
                  .nospoon = role}};
    return out;
  };
  net[0].open(settings(1, net[1], 2, Nospoon::kClient));
  net.swarm.world.run_for(10_s);
  net[1].open(settings(2, net[0], 1, Nospoon::kServer));
  REQUIRE(net.until([&] { return net[0].status_of(net[1].key()).state == Link::State::kOpen; }));
  net[0].send(packet_between(1, 2));
  net[1].send(packet_between(2, 1));
  REQUIRE(net.until([&] { return !net[0].received().empty() && !net[1].received().empty(); }));
  CHECK(net[0].take() == std::vector<Bytes>{packet_between(2, 1)});
  CHECK(net[1].take() == std::vector<Bytes>{packet_between(1, 2)});
}
