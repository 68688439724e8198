// SPDX-License-Identifier: Apache-2.0
// Peers who know the protocol and use it against a server: floods of handshakes, hole punch
// requests and announcements from many addresses. What they cost is bounded, and whoever comes
// meanwhile in earnest is served.
#include <malloc.h>

#include <algorithm>

#include "homes.hpp"
#include "hyperdht/wire/secure_payload.hpp"
#include "hyperdht/wire/signatures.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

double megabytes(std::size_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0);
}

/// Many keys at one machine that hears what is answered to it, and pretends to be many more.
class Attackers final : public net::UdpObserver {
 public:
  Attackers(Swarm& swarm, const crypto::PublicKey& victim)
      : swarm_(swarm),
        victim_(victim),
        host_(swarm.world.add_host(Swarm::address_of(3000))),
        socket_(std::move(*host_.bind({net::Ipv4::any(), 4000}, *this))) {
    for (int i = 0; i < 32; ++i) keys_.push_back(crypto::KeyPair::generate(random_));
  }

  Address self() const { return {host_.address(), 4000}; }
  Address anywhere() {
    return {net::Ipv4{random_.u32()}, static_cast<std::uint16_t>(1 + random_.below(65535))};
  }

  /// A first message that opens, straight to the server or as a relay would pass it on.
  void handshake(const Address& to, const Address& from, Mode mode, Firewall firewall) {
    const auto& keys = keys_[random_.below(static_cast<std::uint32_t>(keys_.size()))];
    const std::uint16_t tid = next_tid_++;
    noise::Initiator initiator(keys, victim_, name_space_of(Command::kPeerHandshake).view());
    NoisePayload payload{
        .firewall = firewall, .udx = UdxInfo{.id = random_.u32()}, .secret_stream = 1};
    HandshakeMessage message{.mode = mode};
    message.noise = *initiator.write_message1(crypto::KeyPair::generate(random_), payload.encode());
    if (mode != Mode::kFromClient) message.peer_address = anywhere();
    initiators_.insert_or_assign(tid, std::move(initiator));
    send(to, from, tid, Command::kPeerHandshake, message.encode());
  }

  /// For a session that was opened to this machine: punch me there, and there, and there.
  void punch_request(const Address& relay, const std::vector<Address>& targets) {
    if (opened_.empty()) return;
    const Opened& session = opened_[random_.below(static_cast<std::uint32_t>(opened_.size()))];
    const SecurePayload secure(SecurePayload::shared_key(session.hash), random_);
    HolepunchPayload payload{.firewall = Firewall::kConsistent,
                             .round = random_.below(100),
                             .punching = true,
                             .addresses = targets};
    const HolepunchMessage message{
        .mode = Mode::kFromClient, .id = session.id, .payload = secure.seal(payload)};
    send(relay, self(), next_tid_++, Command::kPeerHolepunch, message.encode());
  }

  /// Garbage for any session there is.
  void forged_punch_request(const Address& relay) {
    Bytes payload(100);
    random_.fill(payload);
    const HolepunchMessage message{
        .mode = Mode::kFromClient, .id = random_.below(1024), .payload = payload};
    send(relay, anywhere(), next_tid_++, Command::kPeerHolepunch, message.encode());
  }

  /// With a token, which costs an address that hears, and with a signature or without a good one.
  void announce(Peer& node, bool valid) { announce(node, valid, random_.fixed<rpc::Target>()); }
  void announce(Peer& node, bool valid, const rpc::Target& target) {
    const Address from = anywhere();
    const auto keys = valid ? crypto::KeyPair::generate(random_) : keys_[0];
    const rpc::Token token = node.node().tokens().issue(from.host);
    AnnounceMessage message;
    message.peer = PeerRecord{keys.public_key, {anywhere(), anywhere(), anywhere()}};
    message.refresh = random_.fixed<crypto::Hash32>();
    message.signature =
        valid ? sign_announce(Command::kAnnounce, target, *node.node().id(), token, message, keys)
              : random_.fixed<crypto::Signature>();
    const Bytes value = message.encode();
    const rpc::RequestMessage request{.tid = next_tid_++,
                                      .to = node.address(),
                                      .token = token,
                                      .command = Command::kAnnounce,
                                      .target = target,
                                      .value = value};
    inject(node.address(), from, request.encode());
  }

  std::size_t sessions_opened() const { return opened_.size(); }

  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    for (const auto& datagram : batch) {
      if (const auto response = rpc::decode_response(datagram.bytes); response && response->value) {
        on_answer(response->tid, *response->value);
      }
    }
  }

 private:
  struct Opened {
    crypto::Hash64 hash;
    std::uint64_t id;
  };

  void on_answer(std::uint16_t tid, ByteView value) {
    const auto initiator = initiators_.find(tid);
    const auto message = HandshakeMessage::decode(value);
    if (initiator == initiators_.end() || !message) return;
    const auto opened = initiator->second.read_message2(message->noise);
    const auto payload = opened ? NoisePayload::decode(opened->payload) : Err(Errc::kMalformed);
    if (payload && payload->holepunch) {
      opened_.push_back({opened->session.hash, payload->holepunch->id});
    }
    initiators_.erase(initiator);
  }

  void send(const Address& to, const Address& from, std::uint16_t tid, Command command,
            ByteView value) {
    const rpc::RequestMessage request{.tid = tid,
                                      .to = to,
                                      .command = command,
                                      .target = target_of_peer(victim_),
                                      .value = value};
    inject(to, from, request.encode());
  }
  /// Nobody checks where it came from.
  void inject(const Address& to, const Address& from, Bytes bytes) {
    swarm_.world.core().route({.from = from, .to = to, .payload = std::move(bytes)});
  }

  Swarm& swarm_;
  const crypto::PublicKey victim_;
  sim::SeededRandom random_{7};
  sim::Host& host_;
  std::unique_ptr<net::UdpSocket> socket_;
  std::vector<crypto::KeyPair> keys_;
  std::uint16_t next_tid_ = 0;
  std::map<std::uint16_t, noise::Initiator> initiators_;
  std::vector<Opened> opened_;
};

/// The server under attack, and a guest who comes in earnest.
struct Siege {
  Siege(Swarm& s, Peer& v) : swarm(s), victim(v), guest(s.add_peer(2)) {
    server = swarm.listen(victim, swarm.keys(10), {}, [this](auto socket) {
      most_at_once = std::max(most_at_once, victim.dht().open_sockets());
      auto& kept = accepted.emplace_back(std::make_unique<SocketRecorder>(std::move(socket)));
      kept->send(to_bytes(as_bytes("hello")), true);
      kept->end_with_peer = true;
    });
    swarm.world.run_for(3_s);
    before = memory();
    timers_before = timers();
  }

  static std::size_t memory() { return mallinfo2().uordblks; }
  std::size_t timers() const { return victim.host().scheduler().armed_timers(); }

  /// How long it took the guest to hear the server; nothing if it did not.
  std::optional<Duration> connect() {
    const Instant start = swarm.world.now();
    guest->host().freeze();
    // Every other time as if it had never been here.
    ConnectOptions options;
    options.reusable_socket = ++comes % 2 == 0;
    SocketRecorder client(guest->dht().connect(swarm.keys(10).public_key, std::move(options)));
    client.end_with_peer = true;
    swarm.world.run_until([&] { return client.reset || !client.received.empty(); }, 60_s);
    if (client.received.empty()) return std::nullopt;
    return swarm.world.now() - start;
  }

  /// Attacks for a while, at so many turns a second, and lets the guest come again and again.
  template <class F>
  void flood(int turns, int per_second, F&& attack) {
    const Duration interval = Duration::micros(1'000'000 / per_second);
    sim::Host& drum = swarm.world.add_host(Swarm::address_of(4000 + floods++));
    int left = hsfwd::flood(turns);
    Timer timer(drum.scheduler(), [&] {
      attack();
      sessions = std::max(sessions, server->sessions());
      peak = std::max(peak, memory() - before);
      most_timers = std::max(most_timers, timers());
      pool = std::max(pool, victim.dht().endpoint().pool_size());
      std::erase_if(accepted, [](const auto& a) { return a->reset || a->ended; });
      most_accepted = std::max(most_accepted, accepted.size());
      if (--left > 0) timer.start(interval);
    });
    drum.freeze();
    timer.start(interval);
    drum.schedule_wake();
    while (left > 0) {
      if (const auto time = connect()) {
        times.push_back(*time);
      } else {
        ++failures;
      }
      swarm.world.run_for(500_ms);
    }
  }

  void report(const char* what) {
    REQUIRE(!times.empty());
    std::sort(times.begin(), times.end());
    WARN(what << ": " << times.size() << " connects in earnest, " << failures << " failed, median "
              << times[times.size() / 2].to_millis() << " ms, worst " << times.back().to_millis()
              << " ms; at most " << sessions << " sessions, " << most_at_once << " connections ("
              << most_accepted << " handed over), " << pool << " sockets, " << most_timers
              << " timers, " << megabytes(peak) << " MB more memory");
    CHECK(failures == 0);
    CHECK(sessions <= 1024);
    // Everything goes by itself.
    swarm.world.run_for(3_min);
    accepted.clear();
    swarm.world.run_for(1_s);
    CHECK(server->sessions() == 0);
    CHECK(victim.dht().open_sockets() == 0);
    CHECK(victim.dht().endpoint().pool_size() <= 4);
    CHECK(timers() <= timers_before + 20);
    CHECK(connect());
  }

  Swarm& swarm;
  Peer& victim;
  std::unique_ptr<Peer> guest;
  std::vector<std::unique_ptr<SocketRecorder>> accepted;
  std::unique_ptr<Server> server;
  std::size_t before = 0;
  std::size_t timers_before = 0;
  std::size_t floods = 0;
  std::vector<Duration> times;
  int comes = 0;
  int failures = 0;
  std::size_t sessions = 0;
  std::size_t peak = 0;
  std::size_t most_at_once = 0;
  std::size_t most_accepted = 0;
  std::size_t most_timers = 0;
  std::size_t pool = 0;
};

/// A peer behind a NAT that keeps ports.
struct FloodedHome {
  explicit FloodedHome(Swarm& swarm)
      : inside(swarm.world.add_segment(1)),
        nat(swarm.world, inside, swarm.world.core(), {net::Ipv4::of(81, 9, 1, 1)},
            {.ports = sim::PortAssignment::kPreserving}, {}, 1),
        peer(swarm.world.add_host(inside, net::Ipv4::of(192, 168, 9, 2)), options(swarm)) {
    REQUIRE(swarm.world.run_until([&] { return peer.dht().bootstrapped(); }, 30_s));
  }
  static DhtOptions options(const Swarm& swarm) {
    DhtOptions out;
    out.node.bootstrap = swarm.bootstrap;
    return out;
  }
  sim::Segment& inside;
  sim::Nat nat;
  Peer peer;
};

/// Has nothing to do with it all, at two hundred addresses.
struct Bystander final : net::UdpObserver {
  explicit Bystander(Swarm& swarm) {
    sim::Host& host = swarm.world.add_host(Swarm::address_of(5000));
    for (std::uint16_t port = 1; port <= 200; ++port) {
      sockets.push_back(std::move(*host.bind({net::Ipv4::any(), port}, *this)));
      addresses.push_back({host.address(), port});
    }
  }
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    heard += batch.size();
  }
  std::vector<std::unique_ptr<net::UdpSocket>> sockets;
  std::vector<Address> addresses;
  std::size_t heard = 0;
};

}  // namespace

TEST_CASE("a flood of handshakes to an open server, from addresses that are not theirs") {
  Swarm swarm(1);
  swarm.grow_to(20);
  auto host = swarm.add_peer(1);
  Siege siege(swarm, *host);
  REQUIRE(siege.connect());
  Attackers attackers(swarm, swarm.keys(10).public_key);
  siege.flood(5'000, 500, [&] {
    attackers.handshake(host->address(), attackers.anywhere(), Mode::kFromClient,
                        Firewall::kUnknown);
    attackers.handshake(host->address(), attackers.anywhere(), Mode::kFromRelay, Firewall::kOpen);
  });
  CHECK(siege.most_at_once <= 1024 + 300);
  // Nobody has shown to be there, so few of them reach the service.
  CHECK(siege.most_accepted <= 150);
  if (kMemoryCanBeMeasured) CHECK(siege.peak < 24 * 1024 * 1024);
  siege.report("10000 handshakes at 1000 a second");
}

TEST_CASE("a flood of handshakes and punch requests to a server behind a NAT, through its relays") {
  Swarm swarm(2);
  swarm.grow_to(20);
  FloodedHome home(swarm);
  Siege siege(swarm, home.peer);
  REQUIRE(siege.connect());
  Attackers attackers(swarm, swarm.keys(10).public_key);
  std::vector<Address> relays;
  for (const RelayInfo& relay : siege.server->announcer()->relays()) {
    relays.push_back(relay.relay_address);
  }
  REQUIRE(!relays.empty());
  std::size_t turn = 0;
  std::vector<Address> third_parties;
  for (int i = 0; i < 200; ++i) third_parties.push_back(attackers.anywhere());
  siege.flood(3'000, 250, [&] {
    const Address& relay = relays[turn++ % relays.size()];
    const Address from = turn % 2 == 0 ? attackers.self() : attackers.anywhere();
    attackers.handshake(relay, from, Mode::kFromClient, Firewall::kConsistent);
    attackers.forged_punch_request(relay);
    attackers.punch_request(relay, third_parties);
  });
  CHECK(attackers.sessions_opened() > 100);
  if (kMemoryCanBeMeasured) CHECK(siege.peak < 64 * 1024 * 1024);
  siege.report("3000 handshakes, 6000 punch requests at 750 a second");
}

TEST_CASE("a punch that takes seconds is not pushed out by a flood of handshakes") {
  const bool made_up = GENERATE(true, false);  // are the addresses
  CAPTURE(made_up);
  Swarm swarm(5);
  swarm.grow_to(20);
  FloodedHome home(swarm);
  Siege siege(swarm, home.peer);
  // Its line is so slow that the oldest of the crowd is older than its session before it can be
  // heard of.
  Home guest(swarm, 7, kRandomNat, {.delay = 300_ms});
  Attackers attackers(swarm, swarm.keys(10).public_key);
  std::vector<Address> relays;
  for (const RelayInfo& relay : siege.server->announcer()->relays()) {
    relays.push_back(relay.relay_address);
  }
  sim::Host& drum = swarm.world.add_host(Swarm::address_of(4000));
  std::size_t turn = 0;
  Timer timer(drum.scheduler(), [&] {
    const Address from = made_up ? attackers.anywhere() : attackers.self();
    attackers.handshake(relays[turn++ % relays.size()], from, Mode::kFromClient,
                        Firewall::kConsistent);
    timer.start(1_ms);
  });
  drum.freeze();
  timer.start(1_ms);
  drum.schedule_wake();
  swarm.world.run_for(2_s);
  // Each of them takes seconds, in which a thousand a second come.
  const int punches = kSanitized ? 1 : 3;
  for (int i = 0; i < punches; ++i) {
    guest.peer.host().freeze();
    ConnectOptions options;
    options.reusable_socket = false;
    SocketRecorder client(guest.peer.dht().connect(swarm.keys(10).public_key, std::move(options)));
    const Instant start = swarm.world.now();
    swarm.world.run_until([&] { return client.reset || !client.received.empty(); }, 60_s);
    CHECK(!client.received.empty());
    WARN("a punch of " << (swarm.world.now() - start).to_millis() << " ms beside a flood, "
                       << siege.server->stats().dropped << " sessions pushed out so far");
  }
  // One host is held back before it can push out anything.
  CHECK((made_up ? siege.server->stats().dropped : siege.server->stats().turned_away) > 1000);
  CHECK(siege.server->sessions() <= 1024);
}

TEST_CASE("a punch request sends nothing to hosts that its introducer does not see") {
  Swarm swarm(3);
  swarm.grow_to(20);
  FloodedHome home(swarm);
  Siege siege(swarm, home.peer);
  Attackers attackers(swarm, swarm.keys(10).public_key);
  const Address relay = siege.server->announcer()->relays().at(0).relay_address;
  attackers.handshake(relay, attackers.self(), Mode::kFromClient, Firewall::kConsistent);
  swarm.world.run_for(1_s);
  REQUIRE(attackers.sessions_opened() == 1);
  Bystander bystander(swarm);
  attackers.punch_request(relay, bystander.addresses);
  swarm.world.run_for(20_s);
  CHECK(bystander.heard == 0);
}

TEST_CASE("a flood of announcements: bad signatures store nothing, good ones no more than fits") {
  Swarm swarm(4);
  swarm.grow_to(20);
  Peer& victim = *swarm.nodes[5];
  Siege siege(swarm, victim);
  Attackers attackers(swarm, swarm.keys(10).public_key);
  siege.flood(20'000, 2000, [&] { attackers.announce(victim, false); });
  WARN("20000 announcements with bad signatures: " << megabytes(siege.peak) << " MB");
  if (kMemoryCanBeMeasured) CHECK(siege.peak < 8 * 1024 * 1024);
  siege.flood(10'000, 2000, [&] { attackers.announce(victim, true); });
  if (kMemoryCanBeMeasured) CHECK(siege.peak < 32 * 1024 * 1024);
  siege.report("10000 announcements with good signatures at 2000 a second");
}

TEST_CASE("a topic that everybody announces costs a node so much and no more, and is served") {
  Swarm swarm(5);
  swarm.grow_to(20);
  Peer& victim = *swarm.nodes[5];
  Attackers attackers(swarm, swarm.keys(10).public_key);
  rpc::Target topic;
  topic.bytes[0] = 1;
  for (int i = 0; i < 3000; ++i) {
    attackers.announce(victim, true, topic);
    if (i % 100 == 0) swarm.world.run_for(20_ms);
  }
  swarm.world.run_for(1_s);
  CHECK(victim.dht().storage()->records() == 1024);
  auto guest = swarm.add_peer(2);
  std::size_t most = 0;
  bool done = false;
  LookupTopic lookup(
      guest->node(), topic,
      [&](const LookupReply& reply) { most = std::max(most, reply.peers.size()); },
      [&] { done = true; });
  lookup.start();
  REQUIRE(swarm.world.run_until([&] { return done; }, 10_s));
  CHECK(most == 20);
}
