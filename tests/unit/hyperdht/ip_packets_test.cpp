// SPDX-License-Identifier: Apache-2.0
// IP packets between two peers: of today, of before there were any, and stock; over paths that carry them
// whole, in parts, and no longer as large as they did.
#include <catch2/catch.hpp>
#include <map>
#include <numeric>

#include "hyperdht/peer/packet_lane.hpp"
#include "net/packet_tunnel.hpp"
#include "sim/nat.hpp"
#include "swarm.hpp"
#include "util/metrics.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr std::uint64_t kBeforePackets = Extension::kSealedEnd | Extension::kSecretKeys;
// Of an IP packet, what a datagram of 1,500 and of 1,200 bytes carries.
constexpr std::size_t kOfFull = 1500 - 48 - 25;
constexpr std::size_t kOfLeast = 1200 - 48 - 25;

Bytes packet_content(std::size_t size, std::uint32_t number) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(number * 7 + i * 31);
  return out;
}

/// A packet and the room around it, as a tunnel gives it.
struct RoomyPacket {
  explicit RoomyPacket(ByteView bytes)
      : memory(net::kTunnelHeadroom + bytes.size() + net::kTunnelTailroom, 0xee),
        size(bytes.size()) {
    copy_bytes(bytes, view());
  }
  MutableBytes view() { return MutableBytes(memory).subspan(net::kTunnelHeadroom, size); }
  Bytes memory;
  std::size_t size;
};

/// Writes down what comes, and spoils it, as it may.
struct PacketRecorder : LaneObserver {
  void on_packets(std::span<const MutableBytes> batch) override {
    ++batches;
    for (const MutableBytes packet : batch) {
      packets.push_back(to_bytes(packet));
      const MutableBytes all(packet.data() - net::kTunnelWriteHeadroom,
                             packet.size() + net::kTunnelWriteHeadroom);
      std::fill(all.begin(), all.end(), std::uint8_t{0});
    }
  }
  void on_packets_writable() override { ++writable; }
  void on_max_packet() override { ++max_changes; }
  std::vector<Bytes> packets;
  int batches = 0;
  int writable = 0;
  int max_changes = 0;
};

std::map<std::string, std::uint64_t> drops_of(const Dht& dht) {
  struct Sink : MetricSink {
    void add(const Metric& metric) override {
      if (metric.name == "hsfwd_packets_dropped") {
        values[metric.labels.at(0).second] = metric.value;
      }
    }
    std::map<std::string, std::uint64_t> values;
  } sink;
  dht.collect(sink);
  return sink.values;
}

struct PacketSide : SocketRecorder {
  explicit PacketSide(std::unique_ptr<PeerSocket> s) : SocketRecorder(std::move(s)) {
    socket->set_packet_observer(&seen);
  }
  std::size_t send_packets(const std::vector<Bytes>& packets) {
    std::vector<RoomyPacket> roomy(packets.begin(), packets.end());
    std::vector<MutableBytes> views;
    for (RoomyPacket& one : roomy) views.push_back(one.view());
    return socket->send_packets(views);
  }
  PacketRecorder seen;
};

struct PacketTerms {
  std::uint64_t of_client = Extension::kNoService | Extension::kIpPackets;
  std::uint64_t of_server = Extension::kIpPackets;
  std::uint64_t client_connections = Extension::kOfConnections;
  bool stock_client = false;
  bool stock_server = false;
  sim::LinkProfile link = {};
};

/// Two peers, one connected to the other.
struct JoinedByPackets {
  explicit JoinedByPackets(const PacketTerms& terms = {}) : swarm(77) {
    swarm.grow_to(20);
    host = swarm.add_peer(1);
    DhtOptions dht;
    dht.connection_features = terms.client_connections;
    guest = swarm.add_peer(2, terms.link, dht);
    ServerOptions server_options;
    server_options.extension = [=](const auto&, const auto& theirs) -> std::optional<Extension> {
      if (!theirs || terms.stock_server) return std::nullopt;
      return Extension{.features = terms.of_server};
    };
    server = swarm.listen(*host, swarm.keys(10), server_options, [this](auto socket) {
      accepted = std::make_unique<PacketSide>(std::move(socket));
      if (on_accepted) on_accepted();
    });
    ConnectOptions options;
    if (!terms.stock_client) options.extension = Extension{.features = terms.of_client};
    guest->host().freeze();
    client = std::make_unique<PacketSide>(
        guest->dht().connect(swarm.keys(10).public_key, std::move(options)));
  }
  void open() {
    REQUIRE(swarm.world.run_until([&] { return client->opened && accepted; }, 10_s));
  }
  void run_for(Duration duration) { swarm.world.run_for(duration); }
  std::size_t send(PacketSide& side, const std::vector<Bytes>& packets) {
    (&side == client.get() ? guest : host)->host().freeze();
    const std::size_t taken = side.send_packets(packets);
    run_for(200_ms);
    return taken;
  }

  Swarm swarm;
  std::unique_ptr<Peer> host;
  std::unique_ptr<Peer> guest;
  std::unique_ptr<PacketSide> accepted;
  std::unique_ptr<PacketSide> client;
  std::unique_ptr<Server> server;
  std::function<void()> on_accepted;
};

std::vector<Bytes> many_contents(std::size_t count, std::size_t size) {
  std::vector<Bytes> out;
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(packet_content(size, i));
  return out;
}

}  // namespace

TEST_CASE("IP packets of all sizes travel both ways, in batches and unchanged") {
  JoinedByPackets two;
  two.open();
  two.run_for(2_s);
  REQUIRE(two.client->socket->takes_packets());
  REQUIRE(two.accepted->socket->takes_packets());
  CHECK(two.client->socket->max_packet() == kOfFull);
  CHECK(two.accepted->socket->max_packet() == kOfFull);
  CHECK(two.client->seen.max_changes > 0);
  std::vector<Bytes> packets = many_contents(130, kOfFull);
  for (const std::size_t size : {1u, 20u, 40u, 576u, 1280u, 1426u}) {
    packets.push_back(packet_content(size, 1));
  }
  for (PacketSide* side : {two.client.get(), two.accepted.get()}) {
    PacketSide& other = side == two.client.get() ? *two.accepted : *two.client;
    CHECK(two.send(*side, packets) == packets.size());
    CHECK(other.seen.packets == packets);
    // The host's batch, not a call for each.
    CHECK(other.seen.batches <= 3);
  }
}

TEST_CASE("a packet that is sent as soon as the connection opens is there when its user is") {
  JoinedByPackets two;
  bool sent = false;
  two.client->socket->set_on_open([&] {
    two.client->opened = true;
    sent = two.client->send_packets({packet_content(60, 1)}) == 1;
  });
  two.open();
  two.run_for(1_s);
  CHECK(sent);
  CHECK(two.accepted->seen.packets == std::vector<Bytes>{packet_content(60, 1)});
}

TEST_CASE("nothing is taken before the connection is open, and after it is closed") {
  JoinedByPackets two;
  CHECK(!two.client->socket->takes_packets());
  CHECK(two.client->socket->max_packet() == 0);
  CHECK(two.client->send_packets({packet_content(60, 1)}) == 0);
  two.open();
  two.guest->host().freeze();
  two.client->socket->reset();
  CHECK(!two.client->socket->takes_packets());
  CHECK(two.client->send_packets({packet_content(60, 1)}) == 0);
}

TEST_CASE("UDP flows go in channels of their own, where IP packets are not agreed on") {
  PacketTerms terms;
  SECTION("flows alone") {
    terms.of_client = terms.of_server = Extension::kUdpFlows;
  }
  SECTION("both: IP packets are what travels") {
    terms.of_client = terms.of_server = Extension::kIpPackets | Extension::kUdpFlows;
  }
  const bool flows = terms.of_client == Extension::kUdpFlows;
  JoinedByPackets two(terms);
  two.open();
  two.run_for(2_s);
  for (PacketSide* side : {two.client.get(), two.accepted.get()}) {
    CHECK(side->socket->takes_datagrams() == flows);
    CHECK(side->socket->takes_packets() == !flows);
    CHECK(side->socket->max_packet() == kOfFull);
    CHECK(side->socket->max_in_parts() == 2 * (kOfFull - 3));
  }
  const std::vector<Bytes> packets = {packet_content(2, 1), packet_content(2 * (kOfFull - 3), 2)};
  CHECK(two.send(*two.client, packets) == 2);
  CHECK(two.accepted->seen.packets == packets);
  // What belongs to the other kind has no meaning here.
  using Channel = secret_stream::PacketChannel;
  const auto before = drops_of(two.host->dht()).at("channel");
  two.guest->host().freeze();
  two.client->socket->send_packet(flows ? Channel::kIp : Channel::kUdp, packets[0]);
  two.client->socket->send_packet(flows ? Channel::kIpParts : Channel::kUdpParts, packets[0]);
  two.run_for(1_s);
  CHECK(drops_of(two.host->dht()).at("channel") == before + 2);
  CHECK(two.accepted->seen.packets.size() == 2);
}

TEST_CASE("no IP packets to and from a peer that does not have them") {
  PacketTerms terms;
  SECTION("the server does not want them") {
    terms.of_server = 0;
  }
  SECTION("the client did not ask") {
    terms.of_client = 0;
  }
  SECTION("an hsfwd of before packets, whatever it says") {
    terms.client_connections = kBeforePackets;
  }
  SECTION("a stock client") {
    terms.stock_client = true;
  }
  SECTION("a stock server") {
    terms.stock_server = true;
  }
  JoinedByPackets two(terms);
  two.open();
  two.run_for(1_s);
  CHECK(!two.client->socket->takes_packets());
  CHECK(!two.accepted->socket->takes_packets());
  CHECK(two.send(*two.client, {packet_content(60, 1)}) == 0);
  two.client->send(Bytes{1, 2, 3}, false);
  two.guest->host().freeze();
  two.client->socket->send_unordered(as_bytes("hello"));
  two.run_for(1_s);
  CHECK(two.accepted->messages.size() == 1);
  CHECK(two.accepted->received == Bytes{1, 2, 3});
  CHECK(two.accepted->seen.packets.empty());
}

TEST_CASE(
    "a path of 1,200 bytes: larger packets go in two parts, and what even two do not carry is "
    "dropped") {
  JoinedByPackets two({.link = {.mtu = 1200}});
  two.open();
  two.run_for(10_s);
  CHECK(two.client->socket->max_packet() == kOfLeast);
  CHECK(two.accepted->socket->max_packet() == kOfLeast);
  const std::vector<Bytes> packets = {packet_content(1280, 1), packet_content(kOfLeast, 2),
                                      packet_content(kOfLeast + 1, 3), packet_content(1281, 4),
                                      packet_content(2 * (kOfLeast - 3), 5)};
  CHECK(two.send(*two.client, packets) == packets.size());
  CHECK(two.accepted->seen.packets == packets);
  CHECK(two.send(*two.accepted, packets) == packets.size());
  CHECK(two.client->seen.packets == packets);
  CHECK(drops_of(two.guest->dht())["too_large"] == 0);
  CHECK(two.send(*two.client, {packet_content(2 * (kOfLeast - 3) + 1, 6), packet_content(40, 7)}) ==
        2);
  CHECK(two.accepted->seen.packets.back() == packet_content(40, 7));
  CHECK(drops_of(two.guest->dht())["too_large"] == 1);
}

TEST_CASE("packets find the size of any path within two seconds, without any data on the stream") {
  for (const std::size_t mtu : {1280u, 1400u, 1492u, 1500u}) {
    CAPTURE(mtu);
    JoinedByPackets two({.link = {.mtu = mtu}});
    two.open();
    two.run_for(2_s);
    for (PacketSide* side : {two.client.get(), two.accepted.get()}) {
      const std::size_t size = side->socket->max_packet() + 48 + 25;
      CHECK(size <= mtu);
      CHECK(size + 16 > mtu);
      // Now and then, not all the time.
      CHECK(side->socket->stats().packets_sent < 60);
    }
  }
}

TEST_CASE(
    "a path that begins to swallow large packets is noticed while nothing but packets travels") {
  JoinedByPackets two;
  two.open();
  two.run_for(2_s);
  REQUIRE(two.client->socket->max_packet() == kOfFull);
  sim::LinkProfile narrow = two.guest->host().link().profile();
  narrow.mtu = 1300;
  two.guest->host().link().set_profile(narrow);
  const int before = two.client->seen.max_changes;
  std::uint32_t number = 0;
  const auto fits = [&] { return two.client->socket->max_packet() + 73 <= 1300; };
  for (int i = 0; i < 50 && !fits(); ++i)
    two.send(*two.client, {packet_content(kOfFull, ++number)});
  CHECK(fits());
  CHECK(number <= 25);  // five seconds
  CHECK(two.client->seen.max_changes > before);
  two.run_for(3_s);
  CHECK(two.client->socket->max_packet() + 73 > 1300 - 16);
  const Bytes packet = packet_content(two.client->socket->max_packet(), 1);
  two.accepted->seen.packets.clear();
  CHECK(two.send(*two.client, {packet}) == 1);
  CHECK(two.accepted->seen.packets == std::vector<Bytes>{packet});
  // Who sends none asks for nothing.
  const auto sent = two.accepted->socket->stats().packets_sent;
  two.run_for(20_s);
  CHECK(two.accepted->socket->stats().packets_sent - sent < 30);
}

TEST_CASE("ordinary loss is not taken for a path that has shrunk") {
  JoinedByPackets two({.link = {.loss = 0.1}});
  two.open();
  two.run_for(3_s);
  for (std::uint32_t i = 0; i < 100; ++i)
    two.send(*two.client, {packet_content(1000, i), packet_content(1420, i)});
  CHECK(two.client->socket->max_packet() > 1400);
}

TEST_CASE(
    "a server sends a client that has proven nothing no packets beyond what it has paid for") {
  JoinedByPackets two;
  std::size_t taken = 0;
  std::uint64_t from_server = 0;
  std::uint64_t from_client = 0;
  two.swarm.world.set_tap([&](const sim::Packet& packet) {
    if (packet.from == two.guest->address()) from_client += packet.wire_size();
    if (packet.to == two.guest->address()) from_server += packet.wire_size();
  });
  two.on_accepted = [&] {
    if (!two.accepted->socket->proven()) {
      taken = two.accepted->send_packets(many_contents(64, 1000));
      CHECK(taken < 64);
    }
  };
  two.open();
  two.run_for(1_s);
  CHECK(from_server > 0);
  CHECK(two.client->seen.packets.size() >= taken);
}

TEST_CASE("bulk packets neither hold up the stream beside them nor count as its loss") {
  JoinedByPackets two;
  two.open();
  two.run_for(2_s);
  two.guest->host().freeze();
  two.client->send(Bytes(3'000'000, 0x42), false);
  for (std::uint32_t i = 0; i < 200; ++i) {
    two.guest->host().freeze();
    two.client->send_packets(many_contents(20, 1400));
    two.run_for(10_ms);
  }
  REQUIRE(
      two.swarm.world.run_until([&] { return two.accepted->received.size() == 3'000'000; }, 10_s));
  CHECK(two.accepted->seen.packets.size() == 4000);
  CHECK(two.client->socket->stats().packets_repeated == 0);
  CHECK(two.client->socket->stats().timeouts == 0);
}

TEST_CASE("what somebody repeats or makes up is dropped, counted, and delivered to nobody") {
  JoinedByPackets two;
  two.open();
  two.run_for(2_s);
  std::vector<sim::Packet> seen;
  two.swarm.world.set_tap([&](const sim::Packet& packet) {
    const auto udx = udx::Packet::parse(packet.payload);
    if (udx && udx->header.has(udx::kMessage) && packet.to.host == two.host->host().address()) {
      seen.push_back(packet);
    }
  });
  two.send(*two.client, many_contents(5, 100));
  two.swarm.world.set_tap(nullptr);
  REQUIRE(seen.size() >= 5);
  const auto before = drops_of(two.host->dht());
  for (const sim::Packet& packet : seen) two.swarm.world.core().route(packet);
  two.run_for(1_s);
  CHECK(two.accepted->seen.packets.size() == 5);
  for (sim::Packet packet : seen) {
    packet.payload.back() ^= 1;
    packet.payload[udx::kHeaderSize] ^= 0x40;  // another counter
    two.swarm.world.core().route(packet);
  }
  two.run_for(1_s);
  CHECK(two.accepted->seen.packets.size() == 5);
  auto after = drops_of(two.host->dht());
  CHECK(after["repeated"] >= before.at("repeated") + 5);
  CHECK(after["not_opened"] >= before.at("not_opened") + 5);
  CHECK(two.accepted->socket->is_open());
}

TEST_CASE(
    "a peer that sends 100,000 packets of anything in any channel breaks nothing and fills "
    "nothing") {
  PacketTerms terms;
  if (GENERATE(false, true)) terms.of_client = terms.of_server = Extension::kUdpFlows;
  JoinedByPackets two(terms);
  two.open();
  two.run_for(2_s);
  sim::SeededRandom random(9);
  two.client->socket->set_packet_observer(nullptr);
  std::size_t sent = 0;
  for (int batch = 0; batch < 2000; ++batch) {
    two.guest->host().freeze();
    for (int i = 0; i < 50; ++i, ++sent) {
      Bytes payload(random.below(1200));
      random.fill(payload);
      if (payload.size() > 2 && random.below(2) > 0) payload[2] &= 1;
      const auto channel = static_cast<secret_stream::PacketChannel>(random.below(8));
      two.client->socket->send_packet(channel, payload);
    }
    two.run_for(1_ms);
    two.accepted->seen.packets.clear();
    two.accepted->messages.clear();
  }
  two.run_for(1_s);
  CHECK(sent == 100'000);
  CHECK(two.accepted->socket->is_open());
  auto drops = drops_of(two.host->dht());
  CHECK(drops["channel"] > 10'000);
  CHECK(drops["parts"] > 1'000);
  two.accepted->seen.packets.clear();
  CHECK(two.send(*two.client, {packet_content(60, 1)}) == 1);
  CHECK(two.accepted->seen.packets == std::vector<Bytes>{packet_content(60, 1)});
}
