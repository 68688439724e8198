// SPDX-License-Identifier: Apache-2.0
// What a node keeps and passes on for others: a host has its share, and nothing is sent to who did
// not ask, or to where the asker could not send himself.
#include <malloc.h>

#include <algorithm>

#include "hyperdht/wire/signatures.hpp"
#include "sim/random.hpp"
#include "swarm.hpp"
#include "unit/rpc/stranger.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;
using rpc::RequestMessage;
using rpc::Stranger;

namespace {

constexpr net::Ipv4 kGreedy = net::Ipv4::of(6, 6, 6, 6);

/// Puts and announces under any address, with the token that a round trip from there would bring.
class Writer {
 public:
  explicit Writer(Peer& node) : node_(node) {}

  rpc::Target put_immutable(net::Ipv4 from, const Bytes& value) {
    const rpc::Target target = rpc::target_of(crypto::blake2b_256(value));
    send(from, Command::kImmutablePut, target, value);
    return target;
  }
  void put_mutable(net::Ipv4 from, std::size_t size) {
    const auto keys = crypto::KeyPair::generate(random);
    MutablePut put;
    put.public_key = keys.public_key;
    put.content.seq = 1;
    put.content.value = Bytes(size, 1);
    put.content.signature = sign_mutable(1, put.content.value, keys);
    send(from, Command::kMutablePut, target_of_peer(keys.public_key), put.encode());
  }
  /// Without a target, its own: as a server does.
  crypto::PublicKey announce(net::Ipv4 from, std::optional<rpc::Target> target) {
    const auto keys = crypto::KeyPair::generate(random);
    if (!target) target = target_of_peer(keys.public_key);
    const rpc::Token token = node_.node().tokens().issue(from);
    const Address relay{from, 1};
    AnnounceMessage message;
    message.peer = PeerRecord{keys.public_key, {relay, relay, relay}};
    message.refresh = random.fixed<crypto::Hash32>();
    message.bump = 1;
    message.signature =
        sign_announce(Command::kAnnounce, *target, *node_.node().id(), token, message, keys);
    send(from, Command::kAnnounce, *target, message.encode());
    return keys.public_key;
  }
  Bytes value(std::size_t size) {
    Bytes out(size);
    random.fill(out);
    return out;
  }

  sim::SeededRandom random{7};

 private:
  void send(net::Ipv4 from, Command command, const rpc::Target& target, ByteView value) {
    RequestMessage request{.tid = 1,
                           .to = node_.address(),
                           .token = node_.node().tokens().issue(from),
                           .command = command,
                           .target = target,
                           .value = value};
    Bytes bytes = request.encode();
    // Each from another port: what is stored counts for the host.
    net::InboundDatagram datagram{{from, port_++}, bytes};
    node_.host().freeze();
    node_.dht().endpoint().on_datagrams(node_.dht().endpoint().server(), {&datagram, 1});
  }

  Peer& node_;
  std::uint16_t port_ = 1;
};

/// What a stranger is told about a target; he comes with a token.
std::optional<Bytes> look_up(Swarm& swarm, Peer& node, Stranger& reader, Command command,
                             const rpc::Target& target) {
  RequestMessage request{.token = node.node().tokens().issue(reader.address().host),
                         .command = command,
                         .target = target};
  reader.forget();
  reader.ask(node.address(), request);
  swarm.world.run_for(50_ms);
  const auto responses = reader.responses();
  if (responses.empty() || !responses[0].value) return std::nullopt;
  return to_bytes(*responses[0].value);
}

net::Ipv4 someone(std::uint32_t n) {
  return {0x0a000000u + 0x20000000u + n * 257u};
}

RequestMessage handshake(Mode mode, const rpc::Target& target, std::optional<Address> peer,
                         std::optional<Address> relay, Bytes& value) {
  HandshakeMessage message{.mode = mode, .noise = Bytes(100, 1)};
  message.peer_address = peer;
  message.relay_address = relay;
  value = message.encode();
  return {.command = Command::kPeerHandshake, .target = target, .value = value};
}

RequestMessage holepunch(Mode mode, const rpc::Target& target, std::optional<Address> peer,
                         Bytes& value) {
  HolepunchMessage message{.mode = mode, .id = 1, .payload = Bytes(100, 1)};
  message.peer_address = peer;
  value = message.encode();
  return {.command = Command::kPeerHolepunch, .target = target, .value = value};
}

}  // namespace

TEST_CASE("a host that puts seventy thousand values leaves everybody else's in place") {
  Swarm swarm(1);
  swarm.grow_to(20);
  Peer& node = *swarm.nodes[5];
  Writer writer(node);
  std::vector<rpc::Target> values;
  std::vector<crypto::PublicKey> servers;
  for (std::uint32_t i = 0; i < 100; ++i) {
    values.push_back(writer.put_immutable(someone(i), writer.value(1000)));
    servers.push_back(writer.announce(someone(i), std::nullopt));
    writer.announce(someone(i), writer.random.fixed<rpc::Target>());
  }
  const std::size_t before = mallinfo2().uordblks;
  const std::size_t counted_before = node.dht().storage()->bytes();
  const net::Ipv4 greedy = GENERATE(kGreedy, net::Ipv4::loopback());
  for (int i = 0; i < flood(70'000); ++i) {
    writer.put_immutable(greedy, writer.value(1000));
    if (i % 20 == 0) {
      writer.put_mutable(greedy, 800);
      writer.announce(greedy, std::nullopt);
      writer.announce(greedy, writer.random.fixed<rpc::Target>());
    }
    if (i % 5000 == 0) swarm.world.run_for(10_ms);
  }
  Stranger reader(swarm.world, net::Ipv4::of(82, 1, 1, 1));
  for (const rpc::Target& target : values) {
    CHECK(look_up(swarm, node, reader, Command::kImmutableGet, target));
  }
  for (const crypto::PublicKey& key : servers) {
    CHECK(look_up(swarm, node, reader, Command::kFindPeer, target_of_peer(key)));
  }
  // 20 MiB is a generation of everything.
  const std::size_t share =
      20 * kMiB / (greedy.is_loopback() ? Shares::kOfLocalHost : Shares::kOfHost);
  CHECK(node.dht().storage()->bytes() - counted_before <= share);
  if (kMemoryCanBeMeasured) CHECK(mallinfo2().uordblks - before < share * 3 / 2 + kMiB);
}

TEST_CASE("a /24 has its share, too, and sixteen of its hosts no more than that") {
  Swarm swarm(2);
  swarm.grow_to(20);
  Peer& node = *swarm.nodes[5];
  Writer writer(node);
  const rpc::Target kept = writer.put_immutable(someone(1), writer.value(1000));
  for (std::uint8_t host = 1; host <= 200; ++host) {
    for (int i = 0; i < 200; ++i) {
      writer.put_immutable(net::Ipv4::of(6, 6, 6, host), writer.value(1000));
    }
    swarm.world.run_for(10_ms);
  }
  CHECK(node.dht().storage()->bytes() <= 6 * kMiB / Shares::kOfNetwork + 2000);
  Stranger reader(swarm.world, net::Ipv4::of(82, 1, 1, 1));
  CHECK(look_up(swarm, node, reader, Command::kImmutableGet, kept));
}

TEST_CASE("all that a node stores for all hosts together has a bound in bytes") {
  Swarm swarm(3);
  swarm.grow_to(20);
  Peer& node = *swarm.nodes[5];
  Writer writer(node);
  const std::size_t before = mallinfo2().uordblks;
  std::size_t most = 0;
  std::size_t counted = 0;
  std::size_t put = 0;  // bytes of values alone
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(flood(16'000)); ++i) {
    const net::Ipv4 from = someone(i % 5000);
    writer.put_immutable(from, writer.value(1 + i % 7 * 300));
    if (i % 2 == 0) writer.put_mutable(from, 1 + i % 5 * 300);
    put += 1 + i % 7 * 300 + (i % 2 == 0 ? 1 + i % 5 * 300 : 0);
    writer.announce(from, std::nullopt);
    writer.announce(from, writer.random.fixed<rpc::Target>());
    if (i % 1000 == 0) {
      swarm.world.run_for(10_ms);
      most = std::max(most, mallinfo2().uordblks - before);
      counted = std::max(counted, node.dht().storage()->bytes());
    }
  }
  CHECK(counted > std::min(20 * kMiB, put));
  CHECK(counted <= 40 * kMiB);
  WARN("a full store: " << counted / 1024 << " KiB counted, " << most / 1024 << " KiB taken");
  if (kMemoryCanBeMeasured) CHECK(most < 48 * kMiB);
}

TEST_CASE("one host pushes nobody out of a topic that is full of its own records") {
  Swarm swarm(4);
  swarm.grow_to(20);
  Peer& node = *swarm.nodes[5];
  Writer writer(node);
  rpc::Target topic;
  topic.bytes[0] = 1;
  const net::Ipv4 greedy = net::Ipv4::of(127, 0, 0, 6);  // may store thousands
  for (int i = 0; i < 1500; ++i) writer.announce(greedy, topic);
  REQUIRE(node.dht().storage()->records() == 1024);
  std::set<crypto::PublicKey> honest;
  for (std::uint32_t i = 0; i < 20; ++i) honest.insert(writer.announce(someone(i), topic));
  for (int i = 0; i < 1500; ++i) writer.announce(greedy, topic);
  // A lookup draws twenty of 1024, so that in a thousand of them each is drawn many times.
  Stranger reader(swarm.world, net::Ipv4::of(82, 1, 1, 1));
  std::set<crypto::PublicKey> found;
  for (int i = 0; i < 1000; ++i) {
    const auto value = look_up(swarm, node, reader, Command::kLookup, topic);
    if (!value) continue;
    const auto reply = LookupReply::decode(*value);
    REQUIRE(reply.ok());
    for (const PeerRecord& peer : reply->peers) {
      if (honest.contains(peer.public_key)) found.insert(peer.public_key);
    }
  }
  // Those who came first may have been replaced by those who came after, but by no one else.
  CHECK(found.size() >= 19);
}

TEST_CASE("a node answers every value that it has stored, up to the longest that comes") {
  Swarm swarm(5);
  swarm.grow_to(40);
  Peer& node = *swarm.nodes[5];
  Writer writer(node);
  Stranger reader(swarm.world, net::Ipv4::of(82, 1, 1, 1));
  // 2048 bytes, less the header, token, command, target and length of a request to store.
  constexpr std::size_t kLongest = net::kMaxDatagram - 10 - 32 - 1 - 32 - 3;
  for (std::size_t size = kLongest - 200; size <= kLongest; ++size) {
    const Bytes value = writer.value(size);
    const rpc::Target target =
        writer.put_immutable(someone(static_cast<std::uint32_t>(size)), value);
    const auto read = look_up(swarm, node, reader, Command::kImmutableGet, target);
    INFO("size " << size);
    REQUIRE(read);
    REQUIRE(*read == value);
    REQUIRE(reader.got[0].bytes.size() <= net::kMaxDatagram);
    swarm.world.run_for(100_ms);
  }
}

TEST_CASE("a relay passes answers back to who has asked, and not for ever") {
  Swarm swarm(6);
  swarm.grow_to(20);
  Peer& relay = *swarm.nodes[5];
  Writer writer(relay);
  Stranger server(swarm.world, net::Ipv4::of(81, 1, 1, 1));
  Stranger client(swarm.world, net::Ipv4::of(82, 2, 2, 2));
  const rpc::Target target = target_of_peer(writer.announce(server.address().host, std::nullopt));
  Bytes value;
  const auto answer = [&] {
    server.ask(relay.address(),
               handshake(Mode::kFromServer, target, client.address(), std::nullopt, value));
    server.ask(relay.address(), holepunch(Mode::kFromServer, target, client.address(), value));
    swarm.world.run_for(100_ms);
  };
  answer();
  CHECK(client.got.empty());

  client.ask(relay.address(),
             handshake(Mode::kFromClient, target, std::nullopt, std::nullopt, value));
  swarm.world.run_for(100_ms);
  for (int i = 0; i < 10; ++i) answer();
  CHECK(client.responses().size() == 4);

  client.forget();
  client.ask(relay.address(),
             handshake(Mode::kFromClient, target, std::nullopt, std::nullopt, value));
  swarm.world.run_for(21_s);
  answer();
  CHECK(client.got.empty());
}

TEST_CASE("a relay sends nothing to private, loopback or reserved addresses for who is outside") {
  Swarm swarm(7);
  swarm.grow_to(20);
  Peer& relay = *swarm.nodes[5];
  Writer writer(relay);
  Stranger stranger(swarm.world, net::Ipv4::of(82, 2, 2, 2));
  swarm.world.run_for(1_s);
  const rpc::Target unknown = writer.random.fixed<rpc::Target>();
  for (const char* text : {"127.0.0.1:5", "10.0.0.1:5", "192.168.1.1:5", "169.254.169.254:80",
                           "203.0.113.7:5", "224.0.0.1:5", "255.255.255.255:5", "0.0.0.0:5"}) {
    const Address to = *Address::parse(text);
    const rpc::Target target = target_of_peer(writer.announce(to.host, std::nullopt));
    Bytes value;
    const auto passed = relay.host().sent();
    for (const rpc::Target& about : {target, unknown}) {
      for (const Mode mode :
           {Mode::kFromClient, Mode::kFromServer, Mode::kFromRelay, Mode::kFromSecondRelay}) {
        stranger.ask(relay.address(), handshake(mode, about, to, to, value));
        stranger.ask(relay.address(), holepunch(mode, about, to, value));
      }
    }
    swarm.world.run_for(50_ms);
    INFO(text);
    CHECK(relay.host().sent() - passed <= 1);  // a ping of its own may be due
  }
}

TEST_CASE("an address that only a stranger names gets few datagrams, however many name it") {
  Swarm swarm(8);
  swarm.grow_to(20);
  Peer& relay = *swarm.nodes[5];
  Writer writer(relay);
  Stranger victim(swarm.world, net::Ipv4::of(81, 1, 1, 1));
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (std::uint8_t i = 0; i < 10; ++i) {
    strangers.push_back(std::make_unique<Stranger>(swarm.world, net::Ipv4::of(82, 2, i, 2)));
  }
  Bytes value;
  for (int i = 0; i < 100; ++i) {
    for (const auto& stranger : strangers) {
      const rpc::Target target = writer.random.fixed<rpc::Target>();
      stranger->ask(relay.address(),
                    handshake(Mode::kFromClient, target, std::nullopt, victim.address(), value));
      stranger->ask(relay.address(), holepunch(Mode::kFromClient, target, victim.address(), value));
    }
    swarm.world.run_for(10_ms);
  }
  swarm.world.run_for(1_s);
  CHECK(victim.got.size() >= 32);
  CHECK(victim.got.size() <= 32 + 8 * 2 + 1);
}
