// SPDX-License-Identifier: Apache-2.0
// Streams that share a path: one window, one pacer, one search for the size of packets, and turns.
#include <algorithm>
#include <array>
#include <map>

#include "pair.hpp"

using namespace hsfwd;
using namespace hsfwd::udx;

namespace {

/// A window that never changes, and what its owner was told.
class FixedWindow final : public CongestionController {
 public:
  struct Told {
    std::uint64_t acked = 0;
    std::uint64_t most_in_flight = 0;
    int recoveries = 0;
    int recoveries_ended = 0;
    int timeouts = 0;
    int changes = 0;
    std::size_t packet_size = 0;
  };
  FixedWindow(Told& told, std::uint64_t window, double rate)
      : told_(told), window_(window), rate_(rate) {}

  void on_ack(const AckSample& sample) override {
    told_.acked += sample.acked;
    told_.most_in_flight = std::max(told_.most_in_flight, sample.prior_in_flight);
  }
  void on_recovery_start(Instant, std::uint64_t) override { ++told_.recoveries; }
  void on_recovery_end(Instant) override { ++told_.recoveries_ended; }
  void on_timeout(Instant, std::uint64_t) override { ++told_.timeouts; }
  void on_restart(Instant) override {}
  void on_path_change(Instant) override { ++told_.changes; }
  void set_packet_size(std::size_t payload) override { told_.packet_size = payload; }
  std::uint64_t window() const override { return window_; }
  double pacing_rate() const override { return rate_; }

 private:
  Told& told_;
  const std::uint64_t window_;
  const double rate_;
};

constexpr std::uint64_t kPathWindow = 20'000;
constexpr double kNoPacing = 1e9;
constexpr std::uint64_t kEndless = 1'000'000'000;

/// Streams from one host to another, on one path at either end.
template <std::size_t kStreams>
struct Shared {
  explicit Shared(std::uint64_t seed, double rate = kNoPacing, const sim::LinkProfile& link = {},
                  std::uint64_t window = kPathWindow, bool peer_answers = true)
      : world(seed),
        a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1), link)),
        b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2), link)),
        a_path(a_node.mux_.create_path(std::make_unique<FixedWindow>(told, window, rate))),
        b_path(b_node.mux_.create_path()) {
    for (std::size_t i = 0; i < kStreams; ++i) {
      a[i].stream = a_node.mux_.create_stream(*a_path, a[i]);
      b[i].stream = b_node.mux_.create_stream(*b_path, b[i]);
      a[i].stream->connect(*a_node.socket_, b[i].stream->id(), b_node.address());
      if (peer_answers) connect_peer(i);
    }
    world.set_tap([this](const sim::Packet& packet) { look_at(packet); });
  }

  void connect_peer(std::size_t i) {
    b[i].stream->connect(*b_node.socket_, a[i].stream->id(), a_node.address());
  }
  void look_at(const sim::Packet& packet) {
    const auto parsed = Packet::parse(packet.payload);
    if (!parsed || packet.to.host != b_node.host_.address()) return;
    largest = std::max(largest, packet.wire_size());
    if (parsed->header.data_offset > 0 && !parsed->header.has(kSack)) ++probes;
  }
  std::uint64_t received() const {
    std::uint64_t sum = 0;
    for (const Recorder& end : b) sum += end.received;
    return sum;
  }

  sim::World world;
  Node a_node, b_node;
  FixedWindow::Told told;
  std::unique_ptr<Path> a_path, b_path;
  std::array<Recorder, kStreams> a, b;
  std::size_t largest = 0;
  int probes = 0;
};

}  // namespace

TEST_CASE("another congestion controller behind the seam decides how much is in flight") {
  sim::World world(70);
  Node a_node(world.add_host(net::Ipv4::of(52, 0, 0, 1)));
  Node b_node(world.add_host(net::Ipv4::of(52, 0, 0, 2)));
  FixedWindow::Told told;
  const auto path =
      a_node.mux_.create_path(std::make_unique<FixedWindow>(told, kPathWindow, kNoPacing));
  Recorder a, b;
  a.stream = a_node.mux_.create_stream(*path, a);
  b.stream = b_node.mux_.create_stream(b);
  a.stream->connect(*a_node.socket_, b.stream->id(), b_node.address());
  b.stream->connect(*b_node.socket_, a.stream->id(), a_node.address());
  a.send(kEndless, false);
  world.run_for(2_s);
  // A window, or one packet more, for each round trip of 20 ms.
  CHECK(told.most_in_flight >= kPathWindow);
  CHECK(told.most_in_flight < kPathWindow + 1500);
  CHECK(b.received > 95 * kPathWindow);
  CHECK(b.received < 101 * (kPathWindow + 1500));
  CHECK(told.acked <= b.received);
  CHECK(a.stream->stats().window == kPathWindow);
}

TEST_CASE("streams on one path keep to one window together, and all get through") {
  Shared<2> net(71);
  for (Recorder& end : net.a) end.send(kEndless, false);
  net.world.run_for(2_s);
  CHECK(net.told.most_in_flight >= kPathWindow);
  CHECK(net.told.most_in_flight < kPathWindow + 1500);
  CHECK(net.received() > 95 * kPathWindow);
  CHECK(net.received() < 101 * (kPathWindow + 1500));
  for (const Recorder& end : net.b) {
    CHECK(end.intact);
    CHECK(end.received > net.received() * 45 / 100);
  }
}

TEST_CASE("streams on one path take turns at its pacer, whoever began") {
  constexpr double kRate = 1e6;
  Shared<5> net(72, kRate, {}, 1'000'000);
  net.a[0].send(kEndless, false);
  net.world.run_for(500_ms);
  for (Recorder& end : net.a) end.send(kEndless, false);
  net.world.run_for(100_ms);
  std::array<std::uint64_t, 5> before{};
  for (std::size_t i = 0; i < net.b.size(); ++i) before[i] = net.b[i].received;
  const std::uint64_t all_before = net.received();
  net.world.run_for(4_s);
  const auto all = static_cast<double>(net.received() - all_before);
  CHECK(all < 4.1 * kRate);
  CHECK(all > 3.6 * kRate);
  for (std::size_t i = 0; i < net.b.size(); ++i) {
    CAPTURE(i);
    CHECK(static_cast<double>(net.b[i].received - before[i]) > all / 5 * 0.95);
  }
}

TEST_CASE("a stream with little to say is not held up by those that fill the path") {
  Shared<2> net(73, 1e6, {}, 1'000'000);
  net.a[0].send(kEndless, false);
  net.world.run_for(1_s);
  net.a[1].send(1000, true);
  // A hop of 5 ms each, and its turn.
  net.world.run_for(20_ms);
  CHECK(net.b[1].received == 1000);
}

TEST_CASE("streams on one path search once for the size of packets") {
  Shared<1> alone(74);
  alone.a[0].send(2'000'000, false);
  alone.world.run_for(5_s);
  REQUIRE(alone.largest == 1500);
  Shared<3> net(74);
  for (Recorder& end : net.a) end.send(2'000'000, false);
  net.world.run_for(10_s);
  CHECK(net.received() == 6'000'000);
  CHECK(net.largest == 1500);
  CHECK(net.probes == alone.probes);
  for (const Recorder& end : net.a) {
    CHECK(end.stream->max_message() == 1500 - kOverhead);
    CHECK(end.stream->stats().rtt == net.a_path->rtt().smoothed());
  }
  CHECK(net.told.packet_size == 1500 - kOverhead);
}

TEST_CASE("losses of streams on one path are one recovery, and what is lost is repeated by each") {
  sim::LinkProfile link;
  link.loss = 0.02;
  Shared<3> net(75, kNoPacing, link);
  for (Recorder& end : net.a) end.send(500'000, true);
  for (Recorder& end : net.b) end.send(0, true);
  REQUIRE(net.world.run_until(
      [&] { return std::all_of(net.a.begin(), net.a.end(), [](auto& end) { return end.closed; }); },
      60_s));
  for (const Recorder& end : net.b) {
    CHECK(end.received == 500'000);
    CHECK(end.intact);
  }
  CHECK(net.told.recoveries > 0);
  CHECK(net.told.recoveries == net.told.recoveries_ended);
}

TEST_CASE("a stream that ends gives back the window and the turn that it had") {
  Shared<2> net(76);
  for (Recorder& end : net.a) end.send(kEndless, false);
  net.world.run_for(500_ms);
  net.a[0].stream->destroy();
  const std::uint64_t before = net.b[1].received;
  net.world.run_for(2_s);
  CHECK(net.b[0].closed == CloseReason::kReset);
  CHECK(net.b[1].received - before > 95 * kPathWindow);
  CHECK(net.told.most_in_flight < kPathWindow + 1500);
}

TEST_CASE(
    "a stream whose peer answers nothing holds the window until it is given up, but for a packet") {
  Shared<2> net(82, kNoPacing, {}, kPathWindow, false);
  net.connect_peer(1);
  net.a[0].send(kEndless, false);
  net.world.run_for(20_ms);
  net.a[1].send(1000, false);
  net.world.run_for(100_ms);
  CHECK(net.b[1].received == 1000);
  net.a[1].send(100'000, false);
  net.world.run_for(100_ms);
  CHECK(net.b[1].received == 1000);
  net.a[0].stream->destroy();
  net.world.run_for(2_s);
  CHECK(net.b[1].received == 100'000);
}

TEST_CASE("small streams go ahead of bulk, and all of them no further than their allowance") {
  constexpr std::size_t kSmall = 400;
  Shared<kSmall + 1> net(83, kNoPacing, {}, kPathWindow, false);
  for (std::size_t i = 1; i <= kSmall; ++i) net.connect_peer(i);
  net.a[0].send(kEndless, false);
  net.world.run_for(20_ms);
  for (std::size_t i = 1; i <= kSmall; ++i) net.a[i].send(1000, false);
  net.world.run_for(15_ms);
  std::size_t arrived = 0;
  for (std::size_t i = 1; i <= kSmall; ++i) arrived += net.b[i].received == 1000 ? 1 : 0;
  CHECK(arrived > 200);
  CHECK(arrived < 300);
}

TEST_CASE("the search for the size of packets goes on when the stream that probed is gone") {
  for (int after_ms = 21; after_ms < 45; after_ms += 2) {
    Shared<2> net(77);
    for (Recorder& end : net.a) end.send(1'000'000, false);
    net.world.run_for(Duration::millis(after_ms));
    net.a[0].stream->destroy();
    net.world.run_for(10_s);
    CAPTURE(after_ms);
    CHECK(net.largest == 1500);
    CHECK(net.b[1].received == 1'000'000);
  }
}

TEST_CASE("a timeout of one stream is none of the path while others are answered") {
  // The second one's peer does not know yet where to send.
  Shared<2> net(78, kNoPacing, {}, kPathWindow, false);
  net.connect_peer(0);
  net.a[0].send(kEndless, false);
  net.world.run_for(100_ms);
  net.a[1].send(1000, false);
  net.world.run_for(2_s);
  CHECK(net.a[1].stream->stats().timeouts > 0);
  CHECK(net.told.timeouts == 0);
  // When nobody is answered it is.
  net.b_node.host_.link().set_connected(false);
  net.world.run_for(2_s);
  CHECK(net.told.timeouts > 0);
}

TEST_CASE("a shared path moves once, with all its streams") {
  Shared<2> net(79);
  for (Recorder& end : net.a) end.send(300'000, false);
  net.world.run_for(60_ms);
  const auto second = net.a_node.open();
  net.a[0].stream->change_remote(*second, net.b[0].stream->id(), net.b_node.address());
  CHECK(net.told.changes == 1);
  for (const Recorder& end : net.a) CHECK(end.stream->socket() == second.get());
  net.world.run_for(5_s);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(net.a[i].remote_changes == 1);
    CHECK(net.b[i].received == 300'000);
    CHECK(net.b[i].intact);
    CHECK(net.b[i].last_socket == net.b_node.socket_.get());
    net.a[i].stream.reset();
  }
  net.a_node.mux_.end_batch();
  net.a_node.mux_.forget_socket(*second);
}

TEST_CASE("what a peer that has not shown itself may be sent is shared by its streams") {
  Shared<2> net(80, kNoPacing, {}, kPathWindow, false);
  std::uint64_t sent = 0;
  net.world.set_tap([&](const sim::Packet& packet) { sent += packet.payload.size() + 28; });
  net.a[0].stream->limit_unproven(4000);
  CHECK(net.a[1].stream->limited());
  for (Recorder& end : net.a) end.send(100'000, false);
  net.world.run_for(5_s);
  CHECK(net.a_path->limited());
  CHECK(sent <= 4000);
  // All of it can be used, whoever comes first.
  CHECK(sent > 4000 - 1200);
  for (std::size_t i = 0; i < net.b.size(); ++i) net.connect_peer(i);
  net.a[1].stream->lift_limit();
  net.a_node.mux_.end_batch();
  net.world.run_for(10_s);
  CHECK(net.received() == 200'000);
}

TEST_CASE("a stream may join a path that leads somewhere already") {
  Shared<1> net(81);
  net.a[0].send(10'000, false);
  net.world.run_for(200_ms);
  Recorder late, its_peer;
  late.stream = net.a_node.mux_.create_stream(*net.a_path, late);
  its_peer.stream = net.b_node.mux_.create_stream(*net.b_path, its_peer);
  CHECK(!late.stream->connected());
  late.stream->connect(its_peer.stream->id());
  its_peer.stream->connect(late.stream->id());
  CHECK(late.stream->remote() == net.b_node.address());
  late.send(10'000, true);
  its_peer.send(0, true);
  REQUIRE(net.world.run_until([&] { return late.closed && its_peer.closed; }, 2_s));
  CHECK(its_peer.received == 10'000);
  // The round trip was known: nothing had to be guessed.
  CHECK(late.stream->stats().packets_repeated == 0);
}

TEST_CASE("a probe that is acknowledged after a path was left says nothing of the new one") {
  // A link so slow that the first packets and the probe behind them are acknowledged one by one.
  sim::LinkProfile link;
  link.rate = 200'000;
  Pair pair(83, link);
  pair.connect();
  const auto second = pair.a_node.open();
  pair.a.send(100'000, false);
  pair.world.run_for(50_ms);
  pair.a.stream->change_remote(*second, pair.b.stream->id(), pair.b_node.address());
  // New probes leave once everything sent before is acknowledged.
  std::size_t largest = 0;
  REQUIRE(pair.world.run_until(
      [&] {
        if (pair.a.remote_changes > 0) return true;
        largest = std::max(largest, pair.a.stream->stats().mtu);
        return false;
      },
      5_s));
  CHECK(largest == PathMtu::kBase);
  pair.world.run_for(5_s);
  CHECK(pair.b.received == 100'000);
  CHECK(pair.b.intact);
  pair.a.stream.reset();
  pair.a_node.mux_.end_batch();
  pair.a_node.mux_.forget_socket(*second);
}
