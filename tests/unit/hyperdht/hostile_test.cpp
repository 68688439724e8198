// SPDX-License-Identifier: Apache-2.0
// A node that is sent a million datagrams of every kind goes on serving, and is no larger after.
#include <malloc.h>

#include "fuzz/mutator.hpp"
#include "fuzz/seeds.hpp"
#include "swarm.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

constexpr int kDatagrams = flood(1'000'000);
constexpr int kBatch = 50;

/// Datagrams as strangers send them: noise, vectors with changes, and those made to fit this node.
class Strangers {
 public:
  Strangers(Dht& victim, const crypto::PublicKey& listening)
      : victim_(victim), target_(target_of_peer(listening)) {
    for (Bytes& seed : fuzz::seeds("blobs")) {
      const bool known = seed.size() > 2 && (seed[0] == 0x03 || seed[0] == 0x13 || seed[0] == 0xff);
      (known ? datagrams_ : bodies_).push_back(std::move(seed));
    }
    HSFWD_CHECK(datagrams_.size() > 50 && bodies_.size() > 50);
  }

  void send_batch() {
    std::vector<Bytes> bytes(kBatch);
    std::vector<net::InboundDatagram> batch;
    for (Bytes& datagram : bytes) {
      const Address from = someone();
      datagram = make(from);
      batch.push_back({from, datagram});
    }
    Endpoint& endpoint = victim_.endpoint();
    endpoint.on_datagrams(random_.below(4) == 0 ? endpoint.client() : endpoint.server(), batch);
  }

 private:
  Address someone() {
    return {net::Ipv4{random_.u32()}, static_cast<std::uint16_t>(random_.below(65536))};
  }
  Bytes noise() {
    Bytes out(random_.below(200));
    random_.fill(out);
    return out;
  }
  Bytes make(const Address& from) {
    switch (random_.below(8)) {
      case 0:
        return noise();
      case 1:
        return datagrams_[random_.below(static_cast<std::uint32_t>(datagrams_.size()))];
      case 2:
      case 3:
      case 4:
        return fitting_request(from);
      default:
        return fuzz::mutate(datagrams_, random_, net::kMaxDatagram);
    }
  }
  /// Of any command, from a member of the DHT that has a token, about the key listened on or not.
  Bytes fitting_request(const Address& from) {
    const Bytes body = fuzz::mutate(bodies_, random_, 1000);
    const auto tid = static_cast<std::uint16_t>(random_.u32());
    const bool internal = random_.below(3) == 0;
    rpc::RequestMessage message{.tid = tid,
                                .to = victim_.endpoint().server().local_address(),
                                .command = rpc::CommandCode(random_.below(12), internal),
                                .value = ByteView(body)};
    if (random_.below(2) == 0) message.id = rpc::node_id_of(from);
    if (random_.below(2) == 0) message.token = victim_.node().tokens().issue(from.host);
    message.target = random_.below(8) == 0 ? target_ : random_.fixed<rpc::Target>();
    // An immutable value is anybody's to store.
    if (message.command.as<Command>() == Command::kImmutablePut) {
      message.target = rpc::target_of(crypto::blake2b_256(body));
    }
    return message.encode();
  }

  Dht& victim_;
  const rpc::Target target_;
  sim::SeededRandom random_{1};
  std::vector<Bytes> datagrams_;
  std::vector<Bytes> bodies_;
};

std::size_t memory_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::size_t grown_since(std::size_t before) {
  const std::size_t now = memory_in_use();
  return now > before ? now - before : 0;
}

}  // namespace

TEST_CASE(
    "thirty of thirty come in earnest: a million datagrams, connections that stall and messages "
    "that never end, all at once") {
  Swarm swarm(2);
  swarm.grow_to(20);
  Peer& victim = *swarm.nodes[5];
  auto attacker = swarm.add_peer(3);
  auto guest = swarm.add_peer(2);
  std::vector<std::unique_ptr<SocketRecorder>> sockets;
  auto server = swarm.listen(victim, swarm.keys(10), {}, [&](auto socket) {
    const bool stalls = socket->remote_key() == swarm.keys(3).public_key;
    sockets.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
    sockets.back()->paused = stalls;
    if (!stalls) sockets.back()->send(to_bytes(as_bytes("Hello world!")), true);
  });
  const std::size_t before = memory_in_use();
  std::vector<std::unique_ptr<SocketRecorder>> hostile;
  for (int i = 0; i < 68; ++i) {
    auto& client = hostile.emplace_back(
        std::make_unique<SocketRecorder>(attacker->dht().connect(swarm.keys(10).public_key)));
    swarm.world.run_until([&] { return client->opened; }, 10_s);
    // The last eight announce sixteen megabytes each.
    Bytes bytes(600'000);
    bytes[0] = bytes[1] = bytes[2] = 0xff;
    i < 60 ? client->send(std::move(bytes), false) : client->socket->raw().write(bytes);
  }
  Strangers strangers(victim.dht(), swarm.keys(10).public_key);
  int served = 0;
  std::size_t peak = 0;
  for (int round = 0; round < 30; ++round) {
    for (int sent = 0; sent < kDatagrams / 30; sent += kBatch) {
      victim.host().freeze();
      strangers.send_batch();
      swarm.world.run_for(1_ms);
    }
    SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
    swarm.world.run_until([&] { return client.ended || client.reset; }, 60_s);
    served += as_text(client.received) == "Hello world!";
    peak = std::max(peak, grown_since(before));
  }
  CHECK(served == 30);
  CHECK(victim.dht().mux().budget().held() <= 68 * 400 * 1024);
  // The attacker's side is in this process as well: what it has to say, at least.
  constexpr std::size_t kAttackersSide = 68 * 600'000;
  WARN("memory grew by at most " << static_cast<double>(peak) / 1e6 << " MB, with the attacker's "
                                 << static_cast<double>(kAttackersSide) / 1e6 << " MB");
  if (kMemoryCanBeMeasured) CHECK(peak < 64 * 1024 * 1024 + kAttackersSide);
}

TEST_CASE("a node fed a million random and mutated datagrams keeps serving") {
  Swarm swarm(1);
  swarm.grow_to(20);
  Peer& victim = *swarm.nodes[5];
  auto guest = swarm.add_peer(2);
  std::vector<std::unique_ptr<SocketRecorder>> sockets;
  auto server = swarm.listen(victim, swarm.keys(10), {}, [&](auto socket) {
    sockets.push_back(std::make_unique<SocketRecorder>(std::move(socket)));
    sockets.back()->send(to_bytes(as_bytes("Hello world!")), true);
  });
  const auto connects = [&] {
    SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
    swarm.world.run_until([&] { return client.ended || client.reset; }, 60_s);
    return as_text(client.received) == "Hello world!";
  };
  REQUIRE(connects());

  Strangers strangers(victim.dht(), swarm.keys(10).public_key);
  const std::uint64_t datagrams_before = victim.dht().endpoint().stats().datagrams;
  const std::size_t timers_before = victim.host().scheduler().armed_timers();
  const std::size_t before = memory_in_use();
  std::size_t peak = 0;
  for (int sent = 0; sent < kDatagrams; sent += kBatch) {
    victim.host().freeze();
    strangers.send_batch();
    // A thousand batches a second of virtual time.
    swarm.world.run_for(1_ms);
    if (sent % 50'000 == 0) {
      peak = std::max(peak, grown_since(before));
      sockets.clear();
    }
  }
  CHECK(victim.dht().endpoint().stats().datagrams >= datagrams_before + kDatagrams);
  CHECK(connects());

  rpc::Node& node = victim.node();
  CHECK(node.table().size() <= 20 * 256);
  CHECK(victim.dht().storage()->values() <= 4 * 32768);
  CHECK(server->sessions() <= 1024);
  CHECK(victim.dht().endpoint().pool_size() <= 4);
  swarm.world.run_for(2_min);
  CHECK(connects());
  CHECK(node.calls().in_flight() < 100);
  CHECK(victim.host().scheduler().armed_timers() < timers_before + 100);
  const std::size_t after = grown_since(before);
  const double megabytes = 1024.0 * 1024.0;
  if (kMemoryCanBeMeasured) {
    WARN(kDatagrams << " datagrams: memory grew by at most "
                    << static_cast<double>(peak) / megabytes << " MB, and by "
                    << static_cast<double>(after) / megabytes << " MB in the end, "
                    << victim.dht().storage()->values() << " stored values included");
    CHECK(peak < 96 * 1024 * 1024);
  }
}

TEST_CASE("messages for a connection that has no keys yet are kept, and no more than sixteen") {
  Swarm swarm(3);
  swarm.grow_to(20);
  auto guest = swarm.add_peer(2);
  auto host = swarm.add_peer(1);
  const auto server = swarm.listen(*host, swarm.keys(10), {}, [](auto) {});
  host->host().link().set_connected(false);
  SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key));
  Bytes packet(1400, 0x5a);
  udx::Header{.flags = udx::kMessage, .stream = client.socket->raw().id(), .window = 1 << 22}.write(
      packet.data());
  const auto say = [&](int times) {
    for (int i = 0; i < times; ++i) {
      swarm.world.core().route(
          {.from = swarm.nodes[3]->address(), .to = guest->address(), .payload = packet});
      if (i % 100 == 99) swarm.world.run_for(1_ms);
    }
    swarm.world.run_for(100_ms);
  };
  const std::size_t nothing = memory_in_use();
  say(16);
  const std::size_t before = memory_in_use();
  if (kMemoryCanBeMeasured) CHECK(before >= nothing + 16 * packet.size());
  say(5000);
  REQUIRE(!client.reset);
  if (kMemoryCanBeMeasured) CHECK(grown_since(before) < 1024 * 1024);
}
