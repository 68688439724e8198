// SPDX-License-Identifier: Apache-2.0
// UDP through a peer, from a program to a service and back, over a simulated network: between hsfwd peers, with
// stock ones, and with peers that mean harm.
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dialled.hpp"
#include "forward/datagram_frames.hpp"
#include "forward/flow_datagram.hpp"
#include "forward/timed_lookup.hpp"
#include "forward/udp_clients.hpp"
#include "forward/udp_host.hpp"
#include "node/hsfwd.hpp"
#include "streams.hpp"
#include "unit/hyperdht/swarm.hpp"
#include "unit/sanitizer.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

constexpr Duration kUdpIdle = 5_min;
constexpr net::Address kUdpService{net::Ipv4::loopback(), 53};
constexpr net::Address kUdpLocal{net::Ipv4::loopback(), 5353};

Bytes datagram_of(std::size_t size, std::uint8_t number = 1) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(number + i * 31);
  return out;
}

/// A program that speaks UDP.
class UdpProgram final : net::UdpObserver {
 public:
  UdpProgram(sim::Host& host, net::Address at = {net::Ipv4::loopback(), 0}) : host_(host) {
    host.freeze();
    auto socket = host.bind_for_programs(at, *this, net::UdpLoad::kAll);
    REQUIRE(socket.ok());
    socket_ = std::move(*socket);
  }
  void say(const Bytes& bytes, net::Address to = kUdpLocal) {
    host_.freeze();
    socket_->send_one(to, bytes);
    host_.run();
  }
  net::Address address() const { return socket_->local_address(); }

  bool echoes = false;
  std::vector<Bytes> heard;
  std::vector<net::Address> from;

 private:
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    for (const net::InboundDatagram& datagram : batch) {
      heard.push_back(to_bytes(datagram.bytes));
      from.push_back(datagram.from);
      if (echoes) socket_->send_one(datagram.from, datagram.bytes);
    }
  }

  sim::Host& host_;
  std::unique_ptr<net::UdpSocket> socket_;
};

struct UdpTerms {
  FlowLimits limits = {};
  Duration idle = kUdpIdle;
  sim::LinkProfile link = {};
  bool stock_client = false;
  bool stock_server = false;
  std::string service_host = "127.0.0.1";
};

/// A host with a UDP service, and one whose programs reach it.
class Tunnelled {
 public:
  explicit Tunnelled(const UdpTerms& terms = {}) : swarm(31), terms_(terms) {
    swarm.grow_to(20);
    server_host = &swarm.world.add_host(net::Ipv4::of(60, 1, 1, 1));
    client_host = &swarm.world.add_host(net::Ipv4::of(60, 1, 1, 2), terms.link);
    service.emplace(*server_host, kUdpService);
    service->echoes = true;
    start_server();
    client_node_.emplace(client_host->env(), options(2));
    REQUIRE(client_node_->start());
    clients.emplace(client_host->env(), kUdpIdle,
                    UdpClients::Outside{
                        .dial = [this](std::uint64_t& id) { return dial(id); },
                        .on_open = [this](std::uint64_t, const PeerStream&) { return problem; },
                        .on_closed = [this](const ClosedConnection& one) { closed.push_back(one); },
                        .on_too_large = [this](const TooLarge& one) { too_large.push_back(one); }});
    REQUIRE(clients->listen(kUdpLocal).ok());
    client_host->run();
    swarm.world.run_for(10_s);
    sockets_at_rest = server_host->sockets();
  }
  ~Tunnelled() {
    swarm.world.set_tap(nullptr);
    client_host->freeze();
    clients.reset();
    client_node_.reset();
    client_host->run();
    stop_server();
  }

  void start_server() {
    server_host->freeze();
    host.emplace(
        server_host->env(), terms_.idle,
        [this](const ClosedConnection& one) { ended.push_back(one); }, terms_.limits);
    host->set_on_too_large([this](const TooLarge& one) { too_large.push_back(one); });
    server_node_.emplace(server_host->env(), options(1));
    REQUIRE(server_node_->start());
    ServerOptions server_options;
    server_options.extension = [this](const auto&, const auto& client) -> std::optional<Extension> {
      if (!client || terms_.stock_server) return std::nullopt;
      return Extension{.features = Extension::kUdpFlows, .service = "dns", .services = {"dns"}};
    };
    server_.emplace(server_node_->create_server(
        [this](PeerSocket socket) {
          Service dns{"dns", {.host = terms_.service_host, .port = kUdpService.port, .udp = true}};
          host->serve(++ids_, socket.release(), dns);
        },
        std::move(server_options)));
    REQUIRE(server_->listen(swarm.keys(1)));
    server_host->run();
  }
  void stop_server() {
    server_host->freeze();
    server_.reset();
    host.reset();
    server_node_.reset();
    service.reset();
    server_host->run();
  }
  std::unique_ptr<PeerStream> dial(std::uint64_t& id) {
    id = ++ids_;
    ++dials;
    return connect(*client_node_, 2);
  }
  /// As somebody else, to do what no UdpClients would.
  std::unique_ptr<PeerStream> connect(Node& node, std::uint8_t key) {
    ConnectOptions connect;
    connect.key_pair = swarm.keys(key);
    if (!terms_.stock_client) {
      connect.extension = Extension{.features = Extension::kUdpFlows, .service = "dns"};
    }
    return node.connect_stream(swarm.keys(1).public_key, std::move(connect));
  }
  Node& client_node() { return *client_node_; }
  void run_for(Duration duration) { swarm.world.run_for(duration); }
  /// The answer to one more datagram comes.
  bool echo(UdpProgram& program, const Bytes& bytes) {
    const std::size_t before = program.heard.size();
    program.say(bytes);
    swarm.world.run_until([&] { return program.heard.size() > before; }, 5_s);
    return program.heard.size() == before + 1 && program.heard.back() == bytes &&
           program.from.back() == kUdpLocal;
  }
  std::size_t flow_sockets() const { return server_host->sockets() - sockets_at_rest; }

  hyperdht::Swarm swarm;
  sim::Host* server_host;
  sim::Host* client_host;
  std::optional<UdpProgram> service;
  std::optional<UdpHost> host;
  std::optional<UdpClients> clients;
  std::string problem;
  std::vector<ClosedConnection> closed;
  std::vector<ClosedConnection> ended;
  std::vector<TooLarge> too_large;
  std::size_t sockets_at_rest = 0;
  int dials = 0;

 private:
  Options options(std::uint8_t number) {
    Options out;
    out.bootstrap = swarm.bootstrap;
    out.key_pair = swarm.keys(number);
    return out;
  }

  const UdpTerms terms_;
  std::uint64_t ids_ = 0;
  std::optional<Node> server_node_;
  std::optional<Node> client_node_;
  std::optional<Server> server_;
};

}  // namespace

TEST_CASE(
    "datagrams of all sizes go to a service and back, those that are too large alone are lost") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  for (const std::size_t size : {5u, 0u, 1u, 1400u, 1425u, 1426u, 2000u, 2846u}) {
    CAPTURE(size);
    CHECK(two.echo(program, datagram_of(size)));
    // Until the path is known only the smallest fits.
    two.run_for(2_s);
  }
  for (const std::size_t size : {2847u, 8000u, 65507u}) program.say(datagram_of(size));
  two.run_for(1_s);
  CHECK(two.clients->drops().too_large == 3);
  CHECK(two.echo(program, datagram_of(100)));
  CHECK(two.dials == 1);
  CHECK(two.clients->total().from_peer == 5 + 1 + 1400 + 1425 + 1426 + 2000 + 2846 + 100);
  CHECK(two.clients->total().to_peer == two.clients->total().from_peer);
  std::uint64_t told = 0;
  for (const TooLarge& one : two.too_large) {
    told += one.datagrams;
    CHECK(one.most == 2846);
    CHECK(one.service == "dns");
  }
  CHECK(told == 3);
  CHECK(two.host->total().from_peer == two.clients->total().from_peer);
}

TEST_CASE("a path of 1,200 bytes carries a datagram of 1,400 in two parts") {
  Tunnelled two({.link = {.mtu = 1200}});
  UdpProgram program(*two.client_host);
  for (const std::size_t size : {1400u, 2246u}) CHECK(two.echo(program, datagram_of(size)));
  program.say(datagram_of(2247));
  two.run_for(1_s);
  CHECK(two.clients->drops().too_large == 1);
}

TEST_CASE("a service that sends more than two packets of the path carry loses that, and no more") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  two.service->say(datagram_of(8000), two.service->from.at(0));
  two.run_for(1_s);
  CHECK(two.host->drops().too_large == 1);
  CHECK(two.host->total().to_peer == 10);
  REQUIRE(two.too_large.size() == 1);
  CHECK(two.too_large[0].service == "dns");
  CHECK(two.echo(program, datagram_of(10)));
}

TEST_CASE("each program that sends has a flow, and hears what was said to it") {
  Tunnelled two;
  std::vector<std::unique_ptr<UdpProgram>> programs;
  for (int i = 0; i < 5; ++i) programs.push_back(std::make_unique<UdpProgram>(*two.client_host));
  for (std::uint8_t i = 0; i < 5; ++i) programs[i]->say(datagram_of(20, i));
  two.run_for(5_s);
  for (std::uint8_t i = 0; i < 5; ++i) {
    CHECK(programs[i]->heard == std::vector<Bytes>{datagram_of(20, i)});
  }
  const std::set<net::Address> seen(two.service->from.begin(), two.service->from.end());
  CHECK(seen.size() == 5);
  CHECK(two.dials == 1);
  CHECK(two.flow_sockets() == 5);
  CHECK(two.host->flows() == 5);
}

TEST_CASE("what comes from elsewhere than the service was asked at reaches nobody") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  UdpProgram stranger(*two.server_host);
  stranger.say(datagram_of(30), two.service->from.at(0));
  two.run_for(1_s);
  CHECK(two.host->drops().strangers == 1);
  CHECK(program.heard.size() == 1);
}

TEST_CASE(
    "a service that speaks after minutes of silence is heard, as long as the idle time is not "
    "over") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  const net::Address flow = two.service->from.at(0);
  for (int i = 0; i < 3; ++i) {
    two.run_for(kUdpIdle - 10_s);
    two.service->say(datagram_of(20), flow);
    two.run_for(1_s);
    CHECK(program.heard.back() == datagram_of(20));
  }
  CHECK(program.heard.size() == 4);
  two.run_for(kUdpIdle + 1_s);
  CHECK(two.host->flows() == 0);
  CHECK(two.clients->flows() == 0);
  CHECK(two.flow_sockets() == 0);
  two.service->say(datagram_of(30), flow);
  two.run_for(1_s);
  CHECK(program.heard.size() == 4);
  // The next datagram begins anew.
  CHECK(two.echo(program, datagram_of(10)));
}

TEST_CASE("the idle time is as set, also for flows that there are") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  two.server_host->freeze();
  two.host->set_idle(1_h);
  two.client_host->freeze();
  two.clients->set_idle(1_h);
  two.run_for(50_min);
  two.service->say(datagram_of(20), two.service->from.at(0));
  two.run_for(1_s);
  CHECK(program.heard.size() == 2);
  two.server_host->freeze();
  two.host->set_idle(10_s);
  two.server_host->run();
  two.run_for(11_s);
  CHECK(two.host->flows() == 0);
  CHECK(two.flow_sockets() == 0);
}

TEST_CASE("a connection without flows goes after a while, and comes back when it is wanted") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  two.run_for(kUdpIdle + 10_s);
  CHECK(two.clients->connections() == 1);
  two.run_for(UdpClients::kLinger);
  CHECK(two.clients->connections() == 0);
  CHECK(two.host->connections() == 0);
  CHECK(two.echo(program, datagram_of(10)));
  CHECK(two.dials == 2);
}

TEST_CASE(
    "flows above the cap take the place of those that were idle longest, and nothing is left of "
    "any") {
  Tunnelled two({.limits = {.flows = 100, .per_key = 8}});
  std::vector<std::unique_ptr<UdpProgram>> programs;
  for (int i = 0; i < 40; ++i) {
    programs.push_back(std::make_unique<UdpProgram>(*two.client_host));
    CHECK(two.echo(*programs.back(), datagram_of(10)));
    // In use all the time.
    CHECK(two.echo(*programs.front(), datagram_of(11)));
    CHECK(two.host->flows() <= 8);
    CHECK(two.flow_sockets() <= 8);
  }
  CHECK(two.host->drops().displaced == 32);
  const net::Address first = two.service->from.at(0);
  CHECK(two.service->from.back() == first);
  two.run_for(kUdpIdle + 1_min + 10_s);
  CHECK(two.host->flows() == 0);
  CHECK(two.flow_sockets() == 0);
  CHECK(two.clients->flows() == 0);
  CHECK(two.client_host->scheduler().armed_timers() < 100);
}

TEST_CASE("local programs above the cap displace each other, and numbers of flows come round") {
  Tunnelled two;
  UdpProgram regular(*two.client_host);
  for (int i = 0; i < flood(3000); ++i) {
    UdpProgram once(*two.client_host);
    once.say(datagram_of(10));
    if (i % 100 == 0) CHECK(two.echo(regular, datagram_of(11)));
    CHECK(two.clients->flows() <= UdpClients::kMaxFlows);
  }
  two.run_for(1_s);
  CHECK(two.host->flows() <= FlowLimits().per_key);
  CHECK(two.echo(regular, datagram_of(12)));
}

TEST_CASE("of two peers the one with many flows gives way, not the one with few") {
  Tunnelled two({.limits = {.flows = 20, .per_key = 20}});
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  auto other = two.connect(two.client_node(), 3);
  REQUIRE(two.swarm.world.run_until([&] { return other->takes_datagrams(); }, 10_s));
  FlowPackets packets;
  for (std::uint16_t flow = 0; flow < 500; ++flow) {
    two.client_host->freeze();
    packets.add(*other, flow, datagram_of(30));
    if (flow % 20 != 19) continue;
    packets.flush(*other);
    two.run_for(10_ms);
  }
  two.run_for(2_s);
  CHECK(two.host->flows() == 20);
  CHECK(two.host->drops().displaced >= 400);
  two.service->say(datagram_of(20), two.service->from.at(0));
  two.run_for(1_s);
  CHECK(program.heard.back() == datagram_of(20));
  two.client_host->freeze();
  other.reset();
  two.run_for(5_s);
  CHECK(two.host->flows() == 1);
}

TEST_CASE("a peer above the cap gets a socket at a rate, and not with each packet") {
  Tunnelled two(
      {.limits = {.flows = 100, .per_key = 8, .displacing = {.per_second = 1, .capacity = 20}}});
  auto other = two.connect(two.client_node(), 3);
  REQUIRE(two.swarm.world.run_until([&] { return other->takes_datagrams(); }, 10_s));
  FlowPackets packets;
  std::uint16_t flow = 0;
  const auto make_flows = [&](int count) {
    two.client_host->freeze();
    for (int i = 0; i < count; ++i) packets.add(*other, flow++, datagram_of(30));
    packets.flush(*other);
    two.run_for(100_ms);
  };
  for (int i = 0; i < 20; ++i) make_flows(20);
  CHECK(two.host->flows() == 8);
  CHECK(two.host->drops().displaced >= 20);
  CHECK(two.host->drops().displaced <= 23);
  CHECK(two.host->drops().no_flow + two.host->drops().displaced + 8 == 400);
  two.run_for(10_s);
  const auto before = two.host->drops().displaced;
  make_flows(5);
  CHECK(two.host->drops().displaced == before + 5);
  two.client_host->freeze();
}

TEST_CASE("the host of a service is looked up for ten seconds, and twenty-four times for a key") {
  Admission admission;
  sim::World world(1);
  const net::Env env = world.add_host(net::Ipv4::of(60, 1, 1, 1)).env();
  Scheduler scheduler;
  scheduler.freeze(Instant::from_micros(1'000'000));
  Names names(scheduler);
  names.silent = true;
  std::vector<ClosedConnection> closed;
  UdpHost host({scheduler, env.udp, env.random, env.interfaces, names, env.wall_clock, env.log},
               kUdpIdle, [&](const ClosedConnection& one) { closed.push_back(one); });
  std::deque<Script> peers;
  const Service dns{"dns", {.host = "slow.lan", .port = 53, .udp = true}};
  const auto serve = [&](std::uint8_t key) {
    Script& script = peers.emplace_back();
    script.key = key;
    auto peer = std::make_unique<ScriptedPeer>(script);
    auto ticket = admission.admit(peer->remote_key());
    host.serve(peers.size(), std::move(peer), dns, std::move(*ticket));
  };
  for (int i = 0; i < 24; ++i) serve(1);
  CHECK(host.connections() == 24);
  CHECK(admission.dialling() == 24);
  serve(1);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].reason == "too many names from this key are being looked up (24)");
  CHECK(closed[0].cause == Cause::kHsfwd);
  serve(2);
  CHECK(host.connections() == 25);
  CHECK(names.asked == 25);
  scheduler.advance_to(scheduler.now() + TimedLookup::kTime);
  CHECK(host.connections() == 0);
  CHECK(admission.dialling() == 0);
  REQUIRE(closed.size() == 26);
  CHECK(closed.back().reason == "service dns: cannot be resolved");
  CHECK(closed.back().cause == Cause::kService);
}

TEST_CASE("garbage in the channels of flows makes no flow and costs nothing but itself") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  auto other = two.connect(two.client_node(), 3);
  REQUIRE(two.swarm.world.run_until([&] { return other->takes_datagrams(); }, 10_s));
  sim::SeededRandom random(5);
  for (int i = 0; i < flood(20'000); ++i) {
    two.client_host->freeze();
    Bytes memory(net::kTunnelHeadroom + 4096 + net::kTunnelTailroom);
    const std::size_t size = 1 + random.below(i % 10 == 0 ? 4000 : 4);
    const MutableBytes packet = MutableBytes(memory).subspan(net::kTunnelHeadroom, size);
    random.fill(packet);
    other->send_packets(std::span(&packet, 1));
    if (i % 64 == 0) two.run_for(1_ms);
    CHECK(two.host->flows() <= FlowLimits().per_key);
  }
  CHECK(two.host->drops().no_flow > 100);
  CHECK(two.echo(program, datagram_of(10)));
  two.client_host->freeze();
  other.reset();
  two.run_for(5_s);
  CHECK(two.host->flows() == 1);
  CHECK(two.flow_sockets() == 1);
}

TEST_CASE("a server that makes up flows reaches no program") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  two.server_host->freeze();
  FlowPackets packets;
  auto& peer = const_cast<PeerStream&>(*two.host->list().at(0).peer);
  for (std::uint16_t flow = 1; flow < 1000; ++flow) packets.add(peer, flow, datagram_of(10));
  packets.flush(peer);
  two.run_for(1_s);
  CHECK(two.clients->drops().no_flow == 999);
  CHECK(program.heard.size() == 1);
}

TEST_CASE("a server that is killed and started again serves the same programs") {
  Tunnelled two;
  UdpProgram program(*two.client_host);
  CHECK(two.echo(program, datagram_of(10)));
  two.stop_server();
  two.run_for(3_s);
  two.service.emplace(*two.server_host, kUdpService);
  two.service->echoes = true;
  two.start_server();
  bool back = false;
  for (int i = 0; i < 20 && !back; ++i) {
    program.say(datagram_of(12));
    two.run_for(1_s);
    back = program.heard.size() > 1;
  }
  CHECK(back);
  CHECK(two.echo(program, datagram_of(13)));
}

TEST_CASE("a peer that has no such service is not asked with every datagram") {
  Tunnelled two;
  two.problem = "no such service";
  UdpProgram program(*two.client_host);
  for (int i = 0; i < 600; ++i) {
    program.say(datagram_of(10));
    two.run_for(100_ms);
  }
  CHECK(two.dials >= 3);
  CHECK(two.dials <= 8);
  CHECK(two.clients->drops().no_peer > 500);
  two.problem.clear();
  two.run_for(UdpClients::kLongestRest);
  CHECK(two.echo(program, datagram_of(10)));
}

TEST_CASE("a service whose host nobody knows is not asked for with every datagram") {
  UdpTerms terms;
  terms.service_host = "nowhere.lan";
  Tunnelled two(terms);
  UdpProgram program(*two.client_host);
  for (int i = 0; i < 600; ++i) {
    program.say(datagram_of(10));
    two.run_for(100_ms);
  }
  CHECK(two.dials >= 3);
  CHECK(two.dials <= 8);
}

TEST_CASE("a peer that ends while the host of its service is looked up is let go") {
  UdpTerms terms;
  terms.service_host = GENERATE("127.0.0.1", "dns.lan");
  CAPTURE(terms.service_host);
  Tunnelled two(terms);
  two.swarm.world.add_name("dns.lan", net::Ipv4::loopback());
  two.client_host->freeze();
  const auto peer = two.connect(two.client_node(), 2);
  peer->set_on_open([&] { peer->end(); });
  two.client_host->run();
  two.run_for(10_s);
  CHECK(two.host->connections() == 0);
  two.client_host->freeze();
}

TEST_CASE("nobody is there: what waits is bounded, and dropped") {
  Tunnelled two;
  two.stop_server();
  UdpProgram program(*two.client_host);
  for (int i = 0; i < 1000; ++i) program.say(datagram_of(1000));
  two.run_for(1_ms);
  CHECK(two.clients->drops().busy >= 1000 - UdpClients::kMaxWaiting);
  two.run_for(1_min);
  CHECK(two.clients->connections() == 0);
  CHECK(two.clients->drops().no_peer >= UdpClients::kMaxWaiting);
}

TEST_CASE("with a stock peer each program has a connection of its own, with frames on the stream") {
  const bool stock_server = GENERATE(true, false);
  Tunnelled two({.stock_client = !stock_server, .stock_server = stock_server});
  std::vector<std::unique_ptr<UdpProgram>> programs;
  for (int i = 0; i < 5; ++i) programs.push_back(std::make_unique<UdpProgram>(*two.client_host));
  for (std::uint8_t i = 0; i < 5; ++i) {
    programs[i]->say(datagram_of(20, i));
    programs[i]->say(datagram_of(1400, i));
  }
  two.run_for(10_s);
  for (std::uint8_t i = 0; i < 5; ++i) {
    CHECK(programs[i]->heard == std::vector<Bytes>{datagram_of(20, i), datagram_of(1400, i)});
  }
  for (const std::size_t size : {0u, 1u, 8000u, 65507u}) {
    CAPTURE(size);
    CHECK(two.echo(*programs[1], datagram_of(size)));
  }
  CHECK(two.clients->connections() == 5);
  CHECK(two.flow_sockets() == 5);
  two.run_for(kUdpIdle + 10_s);
  CHECK(two.clients->connections() == 0);
  CHECK(two.host->connections() == 0);
  CHECK(two.flow_sockets() == 0);
  CHECK(two.echo(*programs[1], datagram_of(20)));
}

TEST_CASE("a stock peer whose bytes are no datagrams is told off") {
  Tunnelled two({.stock_client = true});
  auto other = two.connect(two.client_node(), 3);
  struct Reset final : net::ByteStreamObserver {
    void on_readable() override {}
    void on_writable() override {}
    void on_reset(const std::string&) override { over = true; }
    bool over = false;
  } observer;
  other->set_observer(&observer);
  REQUIRE(two.swarm.world.run_until([&] { return other->info().open; }, 10_s));
  two.client_host->freeze();
  other->write(as_bytes("GET / HTTP/1.1\r\n"));
  two.run_for(5_s);
  CHECK(observer.over);
  CHECK(two.flow_sockets() == 0);
  two.client_host->freeze();
  other.reset();
  two.client_host->run();
}

TEST_CASE("frames are found however they are cut") {
  Bytes stream;
  std::vector<Bytes> all;
  for (const std::size_t size : {0u, 1u, 2u, 300u, 0u, 65507u, 5u}) {
    all.push_back(datagram_of(size));
    for (int shift = 24; shift >= 0; shift -= 8) {
      stream.push_back(static_cast<std::uint8_t>(size >> shift));
    }
    append(stream, all.back());
  }
  for (const std::size_t piece : {1u, 3u, 4u, 7u, 1000u, 100'000u}) {
    FrameReader reader;
    std::vector<Bytes> found;
    for (ByteView rest = stream; !rest.empty();) {
      const ByteView next = rest.first(std::min(piece, rest.size()));
      CHECK(reader.feed(next, [&](ByteView bytes) { found.push_back(to_bytes(bytes)); }));
      CHECK(reader.held() <= kFrameHeader + net::kMaxUdpPayload);
      rest = rest.subspan(next.size());
    }
    CHECK(found == all);
    CHECK(reader.held() == 0);
  }
  FrameReader reader;
  CHECK(!reader.feed(Bytes{0, 0, 0xff, 0xe4, 1}, [](ByteView) {}));
}
