// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "network.hpp"
#include "unit/sanitizer.hpp"

using namespace hsfwd;
using namespace hsfwd::rpc;
using Catch::Matchers::Contains;

namespace {

Target some_target(std::uint8_t n) {
  const std::uint8_t byte[] = {n};
  return target_of(crypto::blake2b_256(byte));
}

/// The ids of the `count` members really closest to the target.
std::vector<NodeId> true_closest(const Network& network, const Target& target, std::size_t count) {
  std::vector<NodeId> ids;
  for (const auto& member : network.members) {
    if (const auto id = member->node().id()) ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end(),
            [&](const NodeId& a, const NodeId& b) { return closer(target, a, b); });
  ids.resize(std::min(ids.size(), count));
  return ids;
}

struct LogLines final : LogSink {
  void write(LogLevel, std::string_view, std::string_view message) override {
    (text += message) += '\n';
  }
  std::string text;
};

struct QueryRun {
  QueryRun(Node& node, const Target& target)
      : query(
            node,
            QueryOptions{.target = target,
                         .command = InternalCommand::kFindNode,
                         .value = std::nullopt,
                         .start_nodes = {}},
            [this](const Reply&) { ++replies; },
            [this](const Result<void, QueryError>& r) {
              done = true;
              ok = r.ok();
            }) {
    query.start();
  }
  int replies = 0;
  bool done = false;
  bool ok = false;
  Query query;
};

}  // namespace

TEST_CASE("a network boots, and queries find the nodes closest to a target") {
  Network network(1);
  network.grow_to(150);
  for (const auto& member : network.members) CHECK(member->bootstrapped);
  for (std::uint8_t i = 0; i < 5; ++i) {
    const Target target = some_target(i);
    QueryRun run(network.members[i * 20 + 3]->node(), target);
    REQUIRE(network.world.run_until([&] { return run.done; }, 20_s));
    CHECK(run.ok);
    REQUIRE(run.query.closest().size() == kBucketSize);
    std::set<NodeId> found;
    for (const ClosestReply& reply : run.query.closest()) found.insert(reply.id);
    const auto expected = true_closest(network, target, kBucketSize);
    // The asking node itself is never in its own result.
    std::size_t hits = 0;
    for (const NodeId& id : expected) hits += found.count(id);
    CHECK(hits >= kBucketSize - 1);
    CHECK(std::is_sorted(run.query.closest().begin(), run.query.closest().end(),
                         [&](const auto& a, const auto& b) { return closer(target, a.id, b.id); }));
  }
}

TEST_CASE("the same seed gives the same network, packet by packet") {
  const auto trace = [](std::uint64_t seed) {
    Network network(seed);
    sim::LinkProfile link;
    link.loss = 0.02;
    link.jitter = 4_ms;
    network.grow_to(40, link);
    return network.world.trace_hash();
  };
  CHECK(trace(5) == trace(5));
  CHECK(trace(5) != trace(6));
}

TEST_CASE("queries survive loss and dead nodes, and dead nodes leave the tables") {
  Network network(2);
  sim::LinkProfile link;
  link.loss = 0.05;
  network.grow_to(80, link);
  for (std::size_t i = 10; i < 30; ++i) network.members[i]->host().sleep();
  const Target target = some_target(9);
  QueryRun run(network.members[50]->node(), target);
  REQUIRE(network.world.run_until([&] { return run.done; }, 30_s));
  CHECK(run.ok);
  CHECK(run.query.closest().size() == kBucketSize);
  network.world.run_for(900_s);
  std::size_t dead_entries = 0;
  for (const auto& member : network.members) {
    if (member->host().asleep()) continue;
    for (std::size_t i = 10; i < 30; ++i) {
      dead_entries +=
          member->node().table().find(node_id_of(network.members[i]->address())) != nullptr;
    }
  }
  CHECK(dead_entries == 0);
}

// A node behind a broken line used to throw out everybody it knew, and had only the bootstrap nodes
// left when the line came back.
TEST_CASE("an outage of the own line does not empty the table") {
  Network network(21);
  network.grow_to(40);
  NodeOptions options = network.member_options();
  options.ephemeral = true;
  Member& member = network.add(options);
  REQUIRE(network.world.run_until([&] { return member.bootstrapped; }, 10_s));
  const std::size_t known = member.node().table().size();
  member.host().link().set_connected(false);
  network.world.run_for(1_s);
  for (std::uint8_t i = 0; i < 5; ++i) {
    QueryRun in_vain(member.node(), some_target(i));
    network.world.run_for(5_min);
    CHECK(in_vain.done);
    CHECK(in_vain.replies == 0);
  }
  CHECK(member.node().table().size() == known);

  network.members[0]->host().sleep();  // the bootstrap node
  member.host().link().set_connected(true);
  QueryRun run(member.node(), some_target(7));
  REQUIRE(network.world.run_until([&] { return run.done; }, 20_s));
  CHECK(run.query.closest().size() == kBucketSize);
}

TEST_CASE("when everybody it knew is gone, a node asks the bootstrap nodes") {
  Network network(22);
  network.grow_to(60);
  NodeOptions options = network.member_options();
  options.ephemeral = true;
  Member& member = network.add(options);
  REQUIRE(network.world.run_until([&] { return member.bootstrapped; }, 10_s));
  member.host().sleep();
  const auto gone = member.node().known_nodes(1000);
  for (const auto& other : network.members) {
    const bool known = std::find(gone.begin(), gone.end(), other->address()) != gone.end();
    if (known && other != network.members[0]) other->host().sleep();
  }
  network.world.run_for(30_min);
  // New ones have come meanwhile.
  for (int i = 0; i < 30; ++i) network.add(network.member_options());
  network.world.run_for(60_s);
  member.host().wake();
  QueryRun run(member.node(), some_target(7));
  REQUIRE(network.world.run_until([&] { return run.done; }, 60_s));
  CHECK(run.query.closest().size() == kBucketSize);
}

TEST_CASE("an open adaptive node is not firewalled at once and persistent after twenty minutes") {
  Network network(3);
  network.grow_to(30);
  NodeOptions options = network.member_options();
  options.ephemeral = std::nullopt;
  options.firewalled = true;
  Member& member = network.add(options);
  REQUIRE(network.world.run_until([&] { return member.bootstrapped; }, 10_s));
  CHECK(!member.node().firewalled());
  CHECK(member.node().ephemeral());
  CHECK(!member.node().id());
  REQUIRE(member.node().remote_address());
  CHECK(*member.node().remote_address() == member.address());
  CHECK(member.node().table_id() == node_id_of(member.address()));

  network.world.run_for(19_min);
  CHECK(member.persistent == 0);
  network.world.run_for(3_min);
  CHECK(member.persistent == 1);
  CHECK(member.node().id() == node_id_of(member.address()));
  // Others have learnt it by now.
  network.world.run_for(5_min);
  int known = 0;
  for (const auto& other : network.members) {
    known += other->node().table().find(*member.node().id()) != nullptr;
  }
  CHECK(known > 3);
}

TEST_CASE("a node that is told to stay ephemeral does") {
  Network network(4);
  network.grow_to(10);
  NodeOptions options = network.member_options();
  options.ephemeral = true;
  options.firewalled = true;
  Member& member = network.add(options);
  network.world.run_for(90_min);
  CHECK(member.persistent == 0);
  CHECK(!member.node().firewalled());
}

TEST_CASE("sleep makes an adaptive node ephemeral again, and it recovers") {
  Network network(5);
  network.grow_to(30);
  NodeOptions options = network.member_options();
  options.ephemeral = std::nullopt;
  options.firewalled = true;
  Member& member = network.add(options);
  network.world.run_for(25_min);
  REQUIRE(member.persistent == 1);
  member.host().sleep();
  network.world.run_for(60_min);
  member.host().wake();
  CHECK(member.wake_ups == 1);
  CHECK(member.ephemeral == 1);
  CHECK(!member.node().id());
  network.world.run_for(65_min);
  CHECK(member.persistent == 2);
}

namespace {

/// A member that finds out about itself, in a network.
struct Doubtful {
  explicit Doubtful(std::uint64_t seed, std::size_t others = 30) : network(seed) {
    network.grow_to(others);
    NodeOptions options = network.member_options();
    options.ephemeral = std::nullopt;
    options.firewalled = true;
    member = &network.add(options);
    network.world.run_for(25_min);
    REQUIRE(member->persistent == 1);
    member->host().freeze();
  }
  bool open() const { return member->node().remote_address() == member->address(); }
  void doubt() {
    member->host().freeze();
    member->node().doubt_address();
    member->host().run();
  }
  Network network;
  Member* member = nullptr;
};

}  // namespace

TEST_CASE("a persistent node whose address is doubted is itself again when it proves the same") {
  Doubtful run(16);
  const std::uint64_t before = run.member->node().call_stats().sent;
  run.doubt();
  CHECK(run.member->node().firewalled());
  CHECK(!run.member->node().remote_address());
  CHECK(!run.member->node().id());
  REQUIRE(run.network.world.run_until([&] { return run.open(); }, 3_s));
  CHECK(run.member->node().id() == node_id_of(run.member->address()));
  CHECK(run.member->persistent == 2);
  CHECK(run.member->node().call_stats().sent - before < 60);
}

TEST_CASE("a persistent node that has moved is ephemeral, and open where it is now") {
  Doubtful run(17);
  run.member->host().set_address(run.network.world.core(), net::Ipv4::of(60, 9, 9, 9));
  run.doubt();
  REQUIRE(run.network.world.run_until([&] { return run.open(); }, 3_s));
  CHECK(!run.member->node().id());
  CHECK(run.member->node().table_id() == node_id_of(run.member->address()));
  CHECK(run.member->persistent == 1);
  // For good only after the time that it takes.
  run.network.world.run_for(65_min);
  CHECK(run.member->node().id() == node_id_of(run.member->address()));
}

TEST_CASE("strangers who speak to another socket do not blur what a node finds out") {
  Doubtful run(19, 8);
  std::vector<Member*> strangers;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 8; ++i) {
    Member& stranger = run.network.add(NodeOptions{});
    stranger.node().force_persistent(stranger.address());
    calls.push_back(std::make_unique<Call>(stranger.node().calls(), [](const CallResult&) {}));
    strangers.push_back(&stranger);
  }
  run.doubt();
  for (std::size_t i = 0; i < strangers.size(); ++i) {
    strangers[i]->node().ping(*calls[i], run.member->address());
  }
  CHECK(run.network.world.run_until([&] { return run.open(); }, 3_s));
}

TEST_CASE("a node whose address is doubted while the line is dead looks again when it is back") {
  Doubtful run(18);
  run.member->host().link().set_connected(false);
  run.doubt();
  run.network.world.run_for(3_min);
  CHECK(run.member->node().firewalled());
  run.member->host().link().set_connected(true);
  CHECK(run.network.world.run_until([&] { return run.open(); }, 1_min));
}

TEST_CASE("requests: answers, repeats, time-outs, unknown commands, tokens") {
  Network network(6);
  network.grow_to(2);
  Member& a = *network.members[0];
  Member& b = *network.members[1];
  std::optional<CallResult> result;
  std::optional<std::uint64_t> error;
  std::optional<Token> token;
  Call call(a.node().calls(), [&](const CallResult& r) {
    result = r.ok() ? CallResult(r.value()) : CallResult(Err(r.error()));
    if (r) error = r->message.error;
    if (r) token = r->message.token;
  });
  const auto ask = [&](std::uint64_t command, std::optional<Token> with) {
    result.reset();
    RequestSpec spec;
    spec.to = b.address();
    spec.command = CommandCode(command);
    spec.token = with;
    call.start(spec);
    return network.world.run_until([&] { return result.has_value(); }, 20_s);
  };

  REQUIRE(ask(99, std::nullopt));
  CHECK(error == kErrorNone);
  REQUIRE(token);
  CHECK(b.requests == 1);
  REQUIRE(ask(99, token));
  CHECK(b.requests == 2);
  REQUIRE(ask(98, std::nullopt));
  CHECK(error == kErrorUnknownCommand);

  const Token forged = Token::from(Bytes(32, 7));
  REQUIRE(ask(98, forged));
  CHECK(error == kErrorInvalidToken);
  CHECK(token);  // the right one, for another try
  network.world.run_for(16_s);
  REQUIRE(ask(99, token));
  CHECK(error == kErrorInvalidToken);  // outlived by two rotations

  b.silent = true;
  b.requests = 0;
  REQUIRE(ask(99, std::nullopt));
  CHECK(!result->ok());
  CHECK(b.requests == 4);  // one and three repeats
}

TEST_CASE("a trace tells of every request, with its answer or the lack of one") {
  Network network(10);
  network.grow_to(2);
  LogLines told;
  network.world.set_log(Log(told, LogLevel::kTrace));
  Member& a = network.add(network.member_options());
  Member& b = *network.members[1];
  const std::string to = b.address().to_string();
  REQUIRE(network.world.run_until([&] { return a.bootstrapped; }, 20_s));
  CHECK_THAT(told.text, Contains(to + " is asked: find node\n"));
  CHECK_THAT(told.text, Contains(to + " answers: find node, 20.0 ms\n"));

  std::optional<bool> ok;
  Call call(a.node().calls(), [&](const CallResult& result) { ok = result.ok(); });
  const auto ask = [&](std::uint64_t command) {
    ok.reset();
    told.text.clear();
    RequestSpec spec;
    spec.to = b.address();
    spec.command = CommandCode(command);
    call.start(spec);
    return network.world.run_until([&] { return ok.has_value(); }, 20_s);
  };
  REQUIRE(ask(98));
  CHECK_THAT(told.text, Contains(to + " answers: command 98, 20.0 ms, error 1\n"));
  b.silent = true;
  REQUIRE(ask(99));
  CHECK_THAT(told.text, Contains(to + " is asked: command 99, try 4\n"));
  CHECK_THAT(told.text, Contains(to + " is silent: command 99, given up after 4 tries\n"));

  bool pinged = false;
  Call ping(b.node().calls(), [&](const CallResult&) { pinged = true; });
  b.node().ping(ping, a.address());
  REQUIRE(network.world.run_until([&] { return pinged; }, 20_s));
  CHECK_THAT(told.text, Contains(" asks: ping\n"));
}

TEST_CASE("forgetting a call ends it without a word") {
  Network network(7);
  network.grow_to(2);
  bool called = false;
  {
    Call call(network.members[0]->node().calls(), [&](const CallResult&) { called = true; });
    network.members[0]->node().ping(call, network.members[1]->address());
  }
  network.world.run_for(10_s);
  CHECK(!called);
}

TEST_CASE("a call that is ended by what its own answer teaches says nothing more") {
  Network network(15);
  network.grow_to(2);
  // Knows nobody, so that the first answer brings its address.
  Member& newcomer = network.add(NodeOptions{});
  bool called = false;
  int updates = 0;
  auto call =
      std::make_unique<Call>(newcomer.node().calls(), [&](const CallResult&) { called = true; });
  SECTION("forgotten") {
    newcomer.network_update = [&] {
      ++updates;
      call.reset();
    };
  }
  SECTION("cancelled") {
    newcomer.network_update = [&] {
      ++updates;
      call->cancel();
    };
  }
  newcomer.node().ping(*call, network.members[1]->address());
  network.world.run_for(1_s);
  CHECK(updates == 1);
  CHECK(!called);
}

TEST_CASE("bootstrap by name, by hint, and past nodes that are gone") {
  Network network(8);
  network.grow_to(12);
  network.world.add_name("node1.example", network.members[0]->address().host);
  const auto boot_with = [&](const std::vector<std::string>& list) {
    NodeOptions options;
    for (const auto& text : list) {
      const auto node = BootstrapNode::parse(text);
      REQUIRE(node);
      options.bootstrap.push_back(*node);
    }
    Member& member = network.add(options);
    REQUIRE(network.world.run_until([&] { return member.bootstrapped; }, 60_s));
    return member.node().table().size();
  };
  CHECK(boot_with({"node1.example:49737"}) > 5);
  CHECK(boot_with({"9.9.9.9@node1.example:49737"}) > 5);
  CHECK(boot_with({network.members[0]->address().host.to_string() + "@nowhere.example:49737"}) > 5);
  CHECK(boot_with({"nowhere.example:49737", "9.9.9.9:1", "node1.example:49737"}) > 5);
  CHECK(boot_with({"nowhere.example:49737"}) == 0);
  CHECK(boot_with({}) == 0);
}

TEST_CASE("a name that does not resolve is told of once") {
  Network network(9);
  LogLines told;
  network.world.set_log(Log(told, LogLevel::kWarning));
  Member& member = *network.members[0];
  // Two ports of one host.
  const std::vector<BootstrapNode> nodes = {{"a.example", std::nullopt, 1},
                                            {"a.example", std::nullopt, 2},
                                            {"b.example", std::nullopt, 1}};
  UnresolvedNames unresolved;
  const auto walk = [&] {
    BootstrapWalk round(
        member.host().env(), member.node().calls(), nodes, unresolved, [](const net::Address&) {},
        [] {});
    round.start();
    REQUIRE(network.world.run_until([&] { return round.done(); }, 20_s));
    return std::exchange(told.text, {});
  };
  CHECK(walk() == "cannot resolve a.example\ncannot resolve b.example\n");
  CHECK(walk().empty());
  network.world.add_name("b.example", net::Ipv4::of(1, 2, 3, 4));
  CHECK(walk().empty());
  CHECK(unresolved == UnresolvedNames{"a.example"});
}

TEST_CASE("bootstrap nodes are written as host:port or ip@host:port") {
  CHECK(BootstrapNode::parse("88.99.3.86@node1.hyperdht.org:49737")->suggested ==
        net::Ipv4::of(88, 99, 3, 86));
  CHECK(BootstrapNode::parse("localhost:1")->host == "localhost");
  for (const char* bad : {"", "host", "host:", ":1", "host:0", "host:65536", "a@b:1", "1.2.3@b:1",
                          "1.2.3.4@:1", "[::1]:5", "a b:1"}) {
    CAPTURE(bad);
    CHECK(!BootstrapNode::parse(bad));
  }
}

namespace {

/// Leaves the network for good.
void vanish(Member& member) {
  member.host().link().set_connected(false);
}

}  // namespace

TEST_CASE("a node with remembered nodes starts when the bootstrap nodes are gone") {
  Network network(31);
  network.grow_to(40);
  NodeOptions options = network.member_options();
  options.bootstrap.clear();
  // As the public network's: an address to try, then a name to look up.
  for (const std::size_t i : {0, 1, 2}) {
    const net::Address address = network.members[i]->address();
    options.bootstrap.push_back(
        *BootstrapNode::parse(address.host.to_string() + "@gone.example:49737"));
    vanish(*network.members[i]);
  }
  options.ephemeral = std::nullopt;
  options.firewalled = true;

  SECTION("many remembered") {
    options.nodes = network.members[20]->node().known_nodes(30);
    Member& member = network.add(options);
    CHECK(network.world.run_until([&] { return member.bootstrapped; }, 10_s));
    CHECK(member.node().table().size() >= kBucketSize);
    CHECK(!member.node().firewalled());
  }
  SECTION("one remembered, and others that are gone") {
    options.nodes = {network.members[0]->address(), network.members[30]->address(),
                     network.members[1]->address()};
    Member& member = network.add(options);
    CHECK(network.world.run_until([&] { return member.bootstrapped; }, 20_s));
    CHECK(member.node().table().size() >= kBucketSize);
  }
}

TEST_CASE("remembered nodes that are all gone do not keep a node from the bootstrap nodes") {
  Network network(32);
  network.grow_to(30);
  NodeOptions options = network.member_options();
  options.ephemeral = std::nullopt;
  options.firewalled = true;
  for (std::uint32_t i = 0; i < 60; ++i) options.nodes.push_back({{0x50000000u + i * 7}, 49737});
  Member& member = network.add(options);
  CHECK(network.world.run_until([&] { return member.bootstrapped; }, 20_s));
  CHECK(member.node().table().size() >= kBucketSize);
  network.world.run_for(40_min);
  for (const net::Address& node : options.nodes) {
    CHECK(member.node().table().find(node_id_of(node)) == nullptr);
  }
}

TEST_CASE("a thousand nodes boot and find each other", "[large]") {
  Network network(9);
  const std::size_t size = kSanitized ? 250 : 1000;
  network.grow_to(size);
  int complete = 0;
  int hops = 0;
  for (std::uint8_t i = 0; i < 10; ++i) {
    const Target target = some_target(static_cast<std::uint8_t>(100 + i));
    QueryRun run(network.members[i * size * 97 / 1000 + 5]->node(), target);
    REQUIRE(network.world.run_until([&] { return run.done; }, 30_s));
    std::set<NodeId> found;
    for (const ClosestReply& reply : run.query.closest()) found.insert(reply.id);
    std::size_t hits = 0;
    for (const NodeId& id : true_closest(network, target, kBucketSize)) hits += found.count(id);
    complete += hits >= kBucketSize - 2;
    hops = std::max(hops, run.query.hops());
  }
  CHECK(complete >= 9);
  CHECK(hops <= 10);
}

namespace {

/// Answers every request with as many nodes as fit into a packet, none of which is there.
class Liar final : public net::UdpObserver {
 public:
  explicit Liar(sim::Host& host)
      : socket_(*host.env().udp.bind({net::Ipv4::any(), 49737}, *this)),
        address_{host.address(), 49737} {}
  const net::Address& address() const { return address_; }

  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override {
    for (const net::InboundDatagram& datagram : batch) {
      const auto request = decode_request(datagram.bytes);
      if (!request) continue;
      ResponseMessage answer{.tid = request->tid, .to = datagram.from, .id = node_id_of(address_)};
      for (std::uint32_t i = 0; i < 230; ++i) {
        answer.closer_nodes.push_back({{net::Ipv4::of(90, 0, 0, 0).value + ++named_}, 49737});
      }
      socket.send_one(datagram.from, answer.encode());
    }
  }

 private:
  std::unique_ptr<net::UdpSocket> socket_;
  const net::Address address_;
  std::uint32_t named_ = 0;
};

}  // namespace

TEST_CASE("a node that names hundreds of others has a bucket's worth of them asked") {
  sim::World world(41);
  const Liar liar(world.add_host(net::Ipv4::of(52, 0, 0, 1)));
  NodeOptions options;
  options.bootstrap.push_back({liar.address().host.to_string(), std::nullopt, liar.address().port});
  Member member(world.add_host(net::Ipv4::of(52, 0, 0, 2)), options);
  REQUIRE(world.run_until([&] { return member.bootstrapped; }, 60_s));
  const std::uint64_t before = member.node().call_stats().sent;
  const Instant start = world.now();
  QueryRun run(member.node(), some_target(1));
  REQUIRE(world.run_until([&] { return run.done; }, 60_s));
  CHECK(run.query.closest().size() == 1);
  // Each of them is asked, and the liar told that it is down.
  CHECK(member.node().call_stats().sent - before <= 2 * kBucketSize + 10);
  CHECK(world.now() - start < 15_s);
}
