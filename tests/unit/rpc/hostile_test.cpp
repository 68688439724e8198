// SPDX-License-Identifier: Apache-2.0
// Strangers and members that lie: what they say of others and of ourselves.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "codec/writer.hpp"
#include "hostile.hpp"
#include "network.hpp"
#include "rpc/address_votes.hpp"
#include "rpc/closest_list.hpp"

using namespace hsfwd;
using namespace hsfwd::rpc;

namespace {

using net::Address;
using net::Ipv4;

constexpr Ipv4 kStranger = Ipv4::of(77, 7, 7, 7);

Target target_number(std::uint8_t n) {
  const std::uint8_t byte[] = {n};
  return target_of(crypto::blake2b_256(byte));
}

/// A request for `target`, whatever comes of it.
struct Search {
  Search(Node& node, const Target& target)
      : query(
            node,
            QueryOptions{.target = target,
                         .command = InternalCommand::kFindNode,
                         .value = std::nullopt,
                         .start_nodes = {}},
            [](const Reply&) {}, [this](const auto&) { done = true; }) {
    query.start();
  }
  std::size_t found_on(Ipv4 host) const {
    return static_cast<std::size_t>(
        std::count_if(query.closest().begin(), query.closest().end(),
                      [host](const ClosestReply& reply) { return reply.from.host == host; }));
  }
  bool found(const NodeId& id) const {
    return std::any_of(query.closest().begin(), query.closest().end(),
                       [&](const ClosestReply& reply) { return reply.id == id; });
  }
  bool done = false;
  Query query;
};

/// A network, and a stranger with ports next to a key of it, nearer to everybody than the others
/// are.
struct Besieged {
  Besieged(std::uint64_t seed, std::size_t ports, Hostile::OnQuestion on_question)
      : network(seed),
        hostile(network.world.add_host(kStranger, {.delay = 1_ms}),
                ports_next_to(target, kStranger, ports), std::move(on_question)) {
    network.grow_to(40, {.delay = 25_ms});
    for (const auto& member : network.members) {
      hostile.ping(member->address());
      network.world.run_for(100_ms);
    }
    NodeOptions options = network.member_options();
    options.ephemeral = true;
    seeker = &network.add(options, {.delay = 25_ms});
    REQUIRE(network.world.run_until([&] { return seeker->bootstrapped; }, 30_s));
  }
  /// The members closest to the target.
  std::vector<NodeId> closest(std::size_t count) const {
    std::vector<NodeId> ids;
    for (const auto& member : network.members) {
      if (member->node().id()) ids.push_back(*member->node().id());
    }
    std::sort(ids.begin(), ids.end(),
              [&](const NodeId& a, const NodeId& b) { return closer(target, a, b); });
    ids.resize(count);
    return ids;
  }
  Network network;
  Target target = target_number(1);
  Hostile hostile;
  Member* seeker = nullptr;
};

}  // namespace

// --- Answers ---

TEST_CASE("an answer counts only from whom was asked, and where it was asked from") {
  Network network(51);
  network.grow_to(2);
  Member& asking = *network.members[0];
  std::optional<std::uint16_t> tid;
  Hostile asked(network.world.add_host(kStranger), {1000, 1001},
                [&](const Hostile::Question& question) { tid = question.request.tid; });
  Hostile stranger(network.world.add_host(Ipv4::of(78, 7, 7, 7)), {1000}, [](const auto&) {});
  std::optional<Reply> reply;
  int ended = 0;
  Call call(asking.node().calls(), [&](const CallResult& result) {
    ++ended;
    if (result) reply = *result;
  });
  asking.host().freeze();
  asking.node().ping(call, asked.address());
  REQUIRE(network.world.run_until([&] { return tid.has_value(); }, 5_s));

  const auto answer = [&](Hostile& from, std::size_t socket, std::uint16_t number,
                          std::uint16_t port) {
    from.host().freeze();
    const ResponseMessage message{.tid = number, .to = asking.address()};
    from.socket(socket).send_one({asking.address().host, port}, message.encode());
    network.world.run_for(100_ms);
  };
  const std::uint16_t server = asking.address().port;
  const std::uint16_t client = asking.node().client_socket().local_address().port;
  const std::uint64_t strays = asking.node().call_stats().stray_responses;
  answer(stranger, 0, *tid, server);
  answer(asked, 1, *tid, server);  // another port of the host
  answer(asked, 0, *tid, client);  // to a socket that has not asked
  answer(asked, 0, static_cast<std::uint16_t>(*tid + 1), server);
  CHECK(ended == 0);
  CHECK(asking.node().call_stats().stray_responses == strays + 4);
  CHECK(asking.node().calls().strays().count(kStranger) == 3);
  CHECK(asking.node().calls().strays().count(Ipv4::of(78, 7, 7, 7)) == 1);
  answer(asked, 0, *tid, server);
  CHECK(ended == 1);
  REQUIRE(reply);
  CHECK(reply->from == asked.address());
}

TEST_CASE("transaction ids cannot be told from those before, and none is in use twice") {
  Network network(52);
  network.grow_to(1);
  Member& asking = *network.members[0];
  std::vector<std::uint16_t> tids;
  Hostile asked(network.world.add_host(kStranger), {1000},
                [&](const Hostile::Question& question) { tids.push_back(question.request.tid); });
  std::vector<std::unique_ptr<Call>> calls;
  asking.host().freeze();
  for (int i = 0; i < 60; ++i) {
    calls.push_back(std::make_unique<Call>(asking.node().calls(), [](const CallResult&) {}));
    asking.node().ping(*calls.back(), asked.address(), nullptr, 0);
  }
  REQUIRE(network.world.run_until([&] { return tids.size() == 60; }, 5_s));
  int near = 0;
  for (std::size_t i = 1; i < tids.size(); ++i) {
    near += static_cast<std::uint16_t>(tids[i] - tids[i - 1] + 40) <= 80;
  }
  CHECK(near <= 2);
  CHECK(std::set<std::uint16_t>(tids.begin(), tids.end()).size() == 60);
}

TEST_CASE("strays are told of once, and make nobody deaf to the one in whose name they come") {
  Network network(53);
  network.grow_to(2);
  Member& asking = *network.members[0];
  Hostile other(network.world.add_host(kStranger), {1000}, [](const Hostile::Question& question) {
    for (int i = 0; i < 500; ++i) {
      ResponseMessage wrong = question.answer();
      wrong.tid = static_cast<std::uint16_t>(wrong.tid + 1 + i);
      question.send(wrong);
    }
    question.send(question.answer());
  });
  struct Lines final : LogSink {
    void write(LogLevel, std::string_view, std::string_view text) override {
      told += text.find("sends many unsolicited answers") != std::string_view::npos;
    }
    int told = 0;
  } lines;
  network.world.set_log(Log(lines, LogLevel::kInfo));
  Member& member = network.add(network.member_options());
  int answered = 0;
  Call call(member.node().calls(), [&](const CallResult& result) { answered += result.ok(); });
  for (int i = 1; i <= 3; ++i) {
    member.host().freeze();
    member.node().ping(call, other.address());
    REQUIRE(network.world.run_until([&] { return answered == i; }, 5_s));
  }
  CHECK(lines.told == 1);
  CHECK(asking.node().calls().strays().count(kStranger) == 0);
}

// --- Queries ---

TEST_CASE("a node next to the key that answers for others hides nobody") {
  // What it is asked, with nobody closer; and what it guesses that others are asked.
  Besieged run(54, 1, [](const Hostile::Question& question) {
    ResponseMessage answer = question.answer();
    question.send(answer);
    for (std::uint16_t off = 1; off < 40; ++off) {
      answer.tid = static_cast<std::uint16_t>(question.request.tid + off);
      question.send(answer);
      answer.tid = static_cast<std::uint16_t>(question.request.tid - off);
      question.send(answer);
    }
  });
  Search search(run.seeker->node(), run.target);
  REQUIRE(run.network.world.run_until([&] { return search.done; }, 20_s));
  CHECK(run.hostile.asked > 0);
  for (const NodeId& id : run.closest(10)) CHECK(search.found(id));
}

TEST_CASE("a host with fifty ports next to the key has its share of the closest and no more") {
  std::vector<Address> own;
  // Each port names the others, as closest of all.
  Besieged run(55, 50, [&](const Hostile::Question& question) {
    ResponseMessage answer = question.answer();
    for (std::size_t i = 0; i < std::min(kBucketSize, own.size()); ++i) {
      answer.closer_nodes.push_back(own[(i + question.request.tid) % own.size()]);
    }
    question.send(answer);
  });
  own = run.hostile.addresses();
  Search search(run.seeker->node(), run.target);
  REQUIRE(run.network.world.run_until([&] { return search.done; }, 20_s));
  CHECK(search.query.closest().size() == kBucketSize);
  CHECK(search.found_on(kStranger) <= 2);
  for (const NodeId& id : run.closest(10)) CHECK(search.found(id));
}

TEST_CASE("a host that names ever closer ports which are silent does not hold a query up") {
  const Ipv4 host = kStranger;
  const auto ports = ports_next_to(target_number(1), host, 3000);
  std::size_t named = 0;
  Besieged run(56, 60, [&](const Hostile::Question& question) {
    ResponseMessage answer = question.answer();
    for (std::size_t i = 0; i < kBucketSize; ++i) {
      answer.closer_nodes.push_back({host, ports[named++ % ports.size()]});
    }
    question.send(answer);
  });
  const Instant start = run.network.world.now();
  const std::uint64_t before = run.seeker->node().call_stats().sent;
  Search search(run.seeker->node(), run.target);
  REQUIRE(run.network.world.run_until([&] { return search.done; }, 60_s));
  CHECK(run.network.world.now() - start < 10_s);
  CHECK(run.seeker->node().call_stats().sent - before < 150);
  for (const NodeId& id : run.closest(10)) CHECK(search.found(id));
}

namespace {

ClosestReply reply_from(const Address& from) {
  return {.id = node_id_of(from), .from = from, .to = {}, .token = {}, .value = {}};
}

std::vector<Address> by_distance(const Target& target, std::vector<Address> nodes) {
  std::sort(nodes.begin(), nodes.end(), [&](const Address& a, const Address& b) {
    return closer(target, node_id_of(a), node_id_of(b));
  });
  return nodes;
}

std::vector<Address> addresses_in(const ClosestList& list) {
  std::vector<Address> out;
  for (const ClosestReply& reply : list.replies()) out.push_back(reply.from);
  return out;
}

/// `count` ports of `host`.
std::vector<Address> nodes_on(Ipv4 host, std::uint16_t count) {
  std::vector<Address> out;
  for (std::uint16_t i = 0; i < count; ++i)
    out.push_back({host, static_cast<std::uint16_t>(2000 + i)});
  return out;
}

}  // namespace

TEST_CASE("where all nodes are on one host, the closest are the closest") {
  const Target target = target_number(2);
  const Ipv4 host = GENERATE(Ipv4::loopback(), Ipv4::of(60, 1, 1, 1));
  ClosestList list(target);
  const auto nodes = nodes_on(host, 100);
  for (const Address& node : nodes) {
    const bool accepted = list.accepts(node_id_of(node), node.host);
    list.add(reply_from(node));
    const auto now = addresses_in(list);
    CHECK(accepted == (std::find(now.begin(), now.end(), node) != now.end()));
  }
  auto wanted = by_distance(target, nodes);
  wanted.resize(kBucketSize);
  CHECK(addresses_in(list) == wanted);
  CHECK_FALSE(list.lacks(host));
  CHECK(list.lacks(Ipv4::of(61, 1, 1, 1)));
}

TEST_CASE("of two hosts each has half of the closest, wherever they are and whoever comes first") {
  const Target target = target_number(3);
  const Ipv4 other = GENERATE(Ipv4::of(127, 0, 0, 99), Ipv4::of(60, 1, 1, 1));
  // All of the other's are closer than all of ours.
  const auto near = ports_next_to(target, other, 50);
  std::vector<Address> nodes = nodes_on(Ipv4::loopback(), 30);
  for (const std::uint16_t port : near) nodes.push_back({other, port});
  if (GENERATE(false, true)) std::reverse(nodes.begin(), nodes.end());
  ClosestList list(target);
  for (const Address& node : nodes) list.add(reply_from(node));
  const auto on_host = [&](Ipv4 host) {
    const auto in_list = addresses_in(list);
    return std::count_if(in_list.begin(), in_list.end(),
                         [host](const Address& address) { return address.host == host; });
  };
  CHECK(on_host(other) == 10);
  CHECK(on_host(Ipv4::loopback()) == 10);
  CHECK(list.replies().front().from == Address{other, near.front()});
}

TEST_CASE("a /24 has its share of the closest, of which its hosts have theirs") {
  const Target target = target_number(4);
  std::vector<Address> nodes;
  for (std::uint8_t i = 0; i < 30; ++i) nodes.push_back({Ipv4::of(61, i, 1, 1), 49737});
  const auto others = by_distance(target, nodes);
  const auto near = ports_next_to(target, Ipv4::of(60, 1, 1, 1), 10);
  for (const std::uint16_t port : near) nodes.push_back({Ipv4::of(60, 1, 1, 1), port});
  for (std::uint8_t i = 2; i < 6; ++i) {
    nodes.push_back(
        {Ipv4::of(60, 1, 1, i), ports_next_to(target, Ipv4::of(60, 1, 1, i), 1).front()});
  }
  ClosestList list(target);
  for (const Address& node : nodes) list.add(reply_from(node));
  const auto in_list = addresses_in(list);
  std::size_t crowd = 0;
  std::size_t in_network = 0;
  for (const Address& address : in_list) {
    crowd += address.host == Ipv4::of(60, 1, 1, 1);
    in_network += address.host.slash_24() == Ipv4::of(60, 1, 1, 0);
  }
  CHECK(crowd <= 2);
  CHECK(in_network == 4);
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK(std::find(in_list.begin(), in_list.end(), others[i]) != in_list.end());
  }
}

// --- The routing table ---

TEST_CASE(
    "a public host or /24 has few places in the table, and its neighbours leave room for others") {
  Network network(57);
  network.grow_to(10);
  Member& member = *network.members[5];
  const auto count_if = [&](auto&& wanted) {
    std::size_t count = 0;
    for (const Address& node : member.node().known_nodes(10'000)) count += wanted(node);
    return count;
  };
  std::vector<std::uint16_t> ports(200);
  for (std::size_t i = 0; i < ports.size(); ++i) ports[i] = static_cast<std::uint16_t>(3000 + i);
  const auto answers = [](const Hostile::Question& question) { question.send(question.answer()); };

  Hostile one(network.world.add_host(kStranger), ports, answers);
  one.ping(member.address());
  network.world.run_for(2_s);
  const std::size_t on_host = count_if([](const Address& node) { return node.host == kStranger; });
  CHECK(on_host > 0);
  CHECK(on_host <= 8);

  std::vector<std::unique_ptr<Hostile>> neighbours;
  for (std::uint8_t i = 10; i < 110; ++i) {
    neighbours.push_back(std::make_unique<Hostile>(network.world.add_host(Ipv4::of(77, 7, 7, i)),
                                                   std::vector<std::uint16_t>{3000}, answers));
    neighbours.back()->ping(member.address());
  }
  network.world.run_for(2_s);
  const std::size_t in_network =
      count_if([](const Address& node) { return node.host.slash_24() == kStranger.slash_24(); });
  CHECK(in_network <= 32);

  // As a network of one's own may be.
  Hostile local(network.world.add_host(Ipv4::of(10, 1, 1, 1)), ports, answers);
  local.ping(member.address());
  network.world.run_for(2_s);
  CHECK(count_if([](const Address& node) { return node.host == Ipv4::of(10, 1, 1, 1); }) > 32);
}

// --- Who becomes a member ---

namespace {

/// As a member asks, under the id of its address.
RequestMessage ping_of(const Address& from, std::uint16_t tid) {
  return {.tid = tid, .id = node_id_of(from), .command = InternalCommand::kPing};
}

/// In a /24 of its own.
Address ghost(std::uint32_t i) {
  return {{0x50000007u + i * 256}, 4000};
}

/// Pings, and nothing else, that leave a member for ports that no member of a network has.
struct PingCount {
  PingCount(sim::World& world, const Member& member) {
    world.set_tap([this, from = member.address()](const sim::Packet& packet) {
      if (packet.from != from || packet.to.port == from.port) return;
      const auto request = decode_request(packet.payload);
      if (!request) return;
      CHECK_FALSE(request->id);
      CHECK(request->command == InternalCommand::kPing);
      ++pings[packet.to];
      ++sum;
    });
  }
  std::map<Address, int> pings;
  int sum = 0;
};

}  // namespace

TEST_CASE("where few are members, who asks is one on trial, named last, and gone if it is silent") {
  Network network(70);
  network.grow_to(2);
  Member& member = *network.members[1];
  RoutingTable& table = member.node().table();
  const std::size_t before = table.size();
  for (std::uint32_t i = 0; i < 20; ++i) {
    network.world.add_host(ghost(i).host);
    member.hear(ghost(i), ping_of(ghost(i), static_cast<std::uint16_t>(i)));
  }
  Hostile there(network.world.add_host(kStranger), {4000},
                [&](const auto& question) { question.send(question.answer()); });
  REQUIRE(before < Newcomers::kTrials);
  CHECK(table.size() == Newcomers::kTrials);
  for (std::uint32_t i = 0; i < 20; ++i) {
    for (const RoutingNode* node :
         table.closest(Target::from(node_id_of(ghost(i)).view()), before)) {
      CHECK_FALSE(node->on_trial);
    }
  }
  network.world.run_for(11_s);
  CHECK(table.size() == before);
  there.ping(member.address());
  network.world.run_for(1_s);
  CHECK(table.find(node_id_of(there.address()))->on_trial);
  network.world.run_for(11_s);
  REQUIRE(table.find(node_id_of(there.address())) != nullptr);
  CHECK_FALSE(table.find(node_id_of(there.address()))->on_trial);
}

TEST_CASE("nodes that do not exist are no members, whatever is asked in their names") {
  Network network(71);
  network.grow_to(8);
  Member& member = *network.members[3];
  const std::size_t before = member.node().table().size();
  const auto& times = member.node().call_stats().timeouts;
  const std::uint64_t timeouts = times;
  PingCount count(network.world, member);
  std::uint16_t tid = 0;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    network.world.add_host(ghost(i).host);  // where nobody listens
    member.hear(ghost(i), ping_of(ghost(i), ++tid));
    network.world.run_for(2_ms);
    if (i % 400 == 0) CHECK(member.node().table().size() == before);
  }
  network.world.run_for(15_s);
  CHECK(member.node().table().size() == before);
  // Each at most one ping, and not many in all; and nobody's silence is held against our line.
  CHECK(count.sum > 100);
  CHECK(count.sum <= Newcomers::kAll.capacity + 9 * Newcomers::kAll.per_second);
  for (const auto& [node, pings] : count.pings) CHECK(pings == 1);
  CHECK(times == timeouts);
  CHECK(member.node().calls().unanswered(ghost(0)) == 0);

  Search search(network.members[6]->node(), target_number(1));
  const Instant began = network.world.now();
  REQUIRE(network.world.run_until([&] { return search.done; }, 30_s));
  CHECK(network.world.now() - began < 1_s);
}

TEST_CASE("who asks is a member when it has answered the one ping that this costs") {
  Network network(72);
  network.grow_to(8);
  Member& member = *network.members[3];
  RoutingTable& table = member.node().table();
  PingCount count(network.world, member);
  bool with_id = true;
  bool answers = true;
  int offset = 0;
  Hostile newcomer(network.world.add_host(kStranger), {4000}, [&](const auto& question) {
    ResponseMessage answer = question.answer();
    if (!with_id) answer.id.reset();
    answer.tid = static_cast<std::uint16_t>(answer.tid + offset);
    if (answers) question.send(answer);
  });
  const NodeId id = node_id_of(newcomer.address());
  const auto pings = [&] { return count.pings[newcomer.address()]; };
  const auto ask = [&] {
    newcomer.ping(member.address());
    network.world.run_for(1_s);
    return table.find(id) != nullptr;
  };
  SECTION("it does") {
    CHECK(ask());
    CHECK(ask());
    CHECK(pings() == 1);
  }
  SECTION("it answers under no id") {
    with_id = false;
    CHECK_FALSE(ask());
  }
  SECTION("the answer is another's guess, of which there is one") {
    offset = 1;
    CHECK_FALSE(ask());
    offset = 0;
    CHECK_FALSE(ask());
    CHECK(pings() == 1);
    network.world.run_for(Newcomers::kPause);
    CHECK(ask());
  }
  SECTION("a ping is lost, and it asks again and again") {
    answers = false;
    for (int i = 0; i < 4; ++i) CHECK_FALSE(ask());
    CHECK(pings() == 1);
    answers = true;
    network.world.run_for(Newcomers::kPause);
    CHECK(ask());
    CHECK(pings() == 2);
  }
  SECTION("others of its /24 have had their pings") {
    std::uint16_t tid = 0;
    for (std::uint32_t i = 1; i < 1000; ++i) {
      const Address from{Ipv4::of(77, 7, 7, static_cast<std::uint8_t>(i % 250)),
                         static_cast<std::uint16_t>(5000 + i)};
      member.hear(from, ping_of(from, ++tid));
    }
    CHECK_FALSE(ask());
    CHECK(count.sum <= Newcomers::kNetwork.capacity + Newcomers::kNetwork.per_second);
    network.world.run_for(10_s);
    CHECK(ask());
  }
}

TEST_CASE("who finds a bucket full has no ping, but a place when one of those in it is gone") {
  Network network(73);
  network.grow_to(150);
  // Somebody who has no room for it.
  Address from{kStranger, 4000};
  const auto full =
      std::find_if(network.members.begin(), network.members.end(), [&](const auto& member) {
        for (from.port = 4000; from.port < 4010; ++from.port) {
          if (!member->node().table().has_room(node_id_of(from))) return true;
        }
        return false;
      });
  REQUIRE(full != network.members.end());
  Member& member = **full;
  RoutingTable& table = member.node().table();
  PingCount count(network.world, member);
  Hostile newcomer(network.world.add_host(kStranger), {from.port},
                   [](const auto& question) { question.send(question.answer()); });
  member.hear(from, ping_of(from, 1));
  network.world.run_for(1_s);
  CHECK(count.sum == 0);
  CHECK(table.find(node_id_of(from)) == nullptr);

  for (const RoutingNode* node : table.bucket_of(node_id_of(from))) {
    for (const auto& other : network.members) {
      if (other->address() == node->address) other->host().sleep();
    }
  }
  REQUIRE(network.world.run_until(
      [&] {
        member.hear(from, ping_of(from, 2));
        network.world.run_for(5_s);
        return table.find(node_id_of(from)) != nullptr;
      },
      100_s));
}

TEST_CASE("what is asked in the name of a member that is gone does not keep it") {
  Network network(74);
  network.grow_to(8);
  Member& member = *network.members[3];
  Member& gone = *network.members[5];
  const NodeId id = node_id_of(gone.address());
  member.node().add_node(gone.address());
  REQUIRE(member.node().table().find(id) != nullptr);
  gone.host().sleep();
  std::uint16_t tid = 0;
  // Two rounds of upkeep.
  for (int i = 0; i < 900; ++i) {
    member.hear(gone.address(), ping_of(gone.address(), ++tid));
    network.world.run_for(100_ms);
  }
  CHECK(member.node().table().find(id) == nullptr);
  CHECK(member.node().calls().unanswered(gone.address()) > 0);
  SECTION("and it is one again when it is back") {
    gone.host().wake();
    REQUIRE(network.world.run_until(
        [&] {
          member.hear(gone.address(), ping_of(gone.address(), ++tid));
          network.world.run_for(1_s);
          return member.node().table().find(id) != nullptr;
        },
        10_s));
    CHECK(member.node().calls().unanswered(gone.address()) == 0);
  }
}

TEST_CASE("a member that answers is not thrown out by those who say that it does not") {
  Network network(75);
  network.grow_to(8);
  Member& member = *network.members[3];
  Member& slandered = *network.members[5];
  const NodeId id = node_id_of(slandered.address());
  member.node().add_node(slandered.address());
  const Bytes value = codec::encode([&](codec::Writer& w) { w.ipv4(slandered.address()); });
  const RequestMessage hint{.command = InternalCommand::kDownHint, .value = ByteView(value)};
  for (int i = 0; i < 100; ++i) {
    // It has just answered, in the same tick.
    Call call(member.node().calls(), [](const CallResult&) {});
    member.host().freeze();
    member.node().ping(call, slandered.address());
    member.host().schedule_wake();
    network.world.run_for(100_ms);
    member.hear({kStranger, 4000}, hint);
    network.world.run_for(700_ms);
    REQUIRE(member.node().table().find(id) != nullptr);
  }
}

TEST_CASE("a host that is all around a key is not all that others hear of") {
  const Target target = target_number(5);
  RoutingTable table(NodeId::from(target.view()));
  const Ipv4 crowd = Ipv4::of(127, 0, 0, 99);
  const auto ports = ports_next_to(target, crowd, 60);
  for (const std::uint16_t port : ports) {
    table.add({.id = node_id_of({crowd, port}), .address = {crowd, port}});
  }
  for (const Address& node : nodes_on(Ipv4::loopback(), 40)) {
    table.add({.id = node_id_of(node), .address = node});
  }
  const auto named = table.closest(target, kBucketSize);
  REQUIRE(named.size() == kBucketSize);
  CHECK(std::count_if(named.begin(), named.end(),
                      [&](const RoutingNode* node) { return node->address.host == crowd; }) == 10);
}

TEST_CASE("the places of a host are its again when its nodes are gone, and under another own id") {
  RoutingTable table(node_id_of({Ipv4::of(60, 1, 1, 1), 1}));
  const Ipv4 host = Ipv4::of(61, 1, 1, 1);
  std::vector<NodeId> added;
  for (std::uint16_t port = 1; port < 500; ++port) {
    const NodeId id = node_id_of({host, port});
    if (!table.is_crowded(id, host) && table.add({.id = id, .address = {host, port}})) {
      added.push_back(id);
    }
  }
  REQUIRE(added.size() == 8);
  table.rekey(node_id_of({Ipv4::of(60, 1, 1, 2), 1}));
  CHECK(table.size() <= 8);
  for (const NodeId& id : added) table.remove(id);
  CHECK(table.size() == 0);
  CHECK_FALSE(table.is_crowded(added.front(), host));
}

// --- The own address ---

TEST_CASE("who can see an address may say so, and nobody else") {
  const auto sees = [](Ipv4 voter, Ipv4 claim) { return may_see({voter, 1}, {claim, 2}); };
  const Ipv4 open = Ipv4::of(60, 1, 1, 1);
  const Ipv4 home = Ipv4::of(192, 168, 1, 1);
  const Ipv4 reserved = Ipv4::of(203, 0, 113, 5);
  CHECK(sees(Ipv4::of(61, 1, 1, 1), open));
  CHECK_FALSE(sees(home, open));
  CHECK_FALSE(sees(Ipv4::loopback(), open));
  CHECK_FALSE(sees(reserved, open));
  CHECK(sees(home, Ipv4::of(10, 1, 1, 1)));
  CHECK(sees(open, home));
  CHECK(sees(Ipv4::loopback(), Ipv4::of(127, 0, 0, 2)));
  CHECK_FALSE(sees(open, Ipv4::loopback()));
  CHECK_FALSE(sees(home, Ipv4::loopback()));
  CHECK_FALSE(sees(Ipv4::loopback(), reserved));
  CHECK_FALSE(sees(open, reserved));
  CHECK(sees(Ipv4::of(198, 18, 0, 1), Ipv4::of(198, 18, 0, 2)));
}

TEST_CASE("a /24 has one vote on a public address, its last") {
  const Address own{Ipv4::of(60, 1, 1, 1), 49737};
  const Address false_one{Ipv4::of(5, 5, 5, 5), 49737};
  AddressVotes votes;
  for (std::uint8_t i = 0; i < 4; ++i) CHECK(votes.add(own, {Ipv4::of(61, i, 1, 1), 1}));
  for (std::uint16_t i = 0; i < 300; ++i) {
    votes.add(false_one, {Ipv4::of(77, 7, 7, static_cast<std::uint8_t>(i)), i});
    CHECK(votes.verdict() == own);
  }
  CHECK(votes.samples() == 5);
  CHECK(votes.dissenters(own).size() == 1);
  CHECK(votes.add(own, {Ipv4::of(77, 7, 7, 9), 1}));
  CHECK(votes.dissenters(own).empty());
}

TEST_CASE("a node that is seen at a public address hears of no other kind") {
  const Address own{Ipv4::of(60, 1, 1, 1), 49737};
  AddressVotes votes;
  CHECK(votes.add({Ipv4::of(192, 168, 1, 2), 1}, {Ipv4::of(192, 168, 1, 1), 1}));
  for (std::uint8_t i = 0; i < 4; ++i) votes.add(own, {Ipv4::of(61, i, 1, 1), 1});
  CHECK(votes.verdict() == own);
  CHECK_FALSE(votes.add({Ipv4::of(10, 0, 0, 2), 49737}, {Ipv4::of(62, 1, 1, 1), 1}));
  CHECK(votes.verdict() == own);
}

TEST_CASE("where all nodes are on one host, one that lies is outvoted") {
  const Address own{Ipv4::loopback(), 50100};
  AddressVotes votes;
  for (std::uint16_t i = 1; i <= 10; ++i) {
    votes.add(i == 9 ? Address{Ipv4::of(127, 0, 0, 7), 50100} : own, {Ipv4::loopback(), i});
  }
  CHECK(votes.verdict() == own);
}

namespace {

/// An open node among others, of which some lie about where it is.
struct Observed {
  explicit Observed(std::uint64_t seed, std::size_t others = 24) : network(seed) {
    network.grow_to(others);
    NodeOptions options = network.member_options();
    options.ephemeral = std::nullopt;
    options.firewalled = true;
    member = &network.add(options);
    REQUIRE(network.world.run_until([&] { return member->bootstrapped; }, 10_s));
    REQUIRE(member->node().remote_address() == member->address());
    member->network_update = [this] {
      const auto now = member->node().remote_address();
      if (now && *now != member->address()) ++moved;
      if (!now) ++lost;
    };
  }
  /// Members from /24s of their own that see everybody at `claim`.
  void add_liars(std::size_t count, const Address& claim) {
    for (std::size_t i = 0; i < count; ++i) {
      const Ipv4 host = Ipv4::of(90, static_cast<std::uint8_t>(i), 1, 1);
      liars.push_back(std::make_unique<Hostile>(network.world.add_host(host),
                                                std::vector<std::uint16_t>{49737},
                                                [claim](const Hostile::Question& question) {
                                                  ResponseMessage answer = question.answer();
                                                  answer.to = claim;
                                                  question.send(answer);
                                                }));
      for (const auto& other : network.members) liars.back()->ping(other->address());
    }
    network.world.run_for(1_s);
  }
  Network network;
  Member* member = nullptr;
  std::vector<std::unique_ptr<Hostile>> liars;
  int moved = 0;
  int lost = 0;
};

constexpr Address kClaim{Ipv4::of(5, 5, 5, 5), 49737};

}  // namespace

TEST_CASE("what strangers say in their requests does not move an open node") {
  Observed run(58);
  // From one host, and from many.
  for (std::uint8_t i = 0; i < 40; ++i) {
    Hostile stranger(run.network.world.add_host(Ipv4::of(91, i, 1, 1)), {1000, 1001, 1002},
                     [](const auto&) {});
    stranger.ping(run.member->address(), kClaim);
    run.network.world.run_for(200_ms);
  }
  run.network.world.run_for(5_min);
  CHECK(run.moved == 0);
  CHECK(run.lost == 0);
  CHECK(run.member->node().sampler().host() == run.member->address().host);
}

TEST_CASE("answers of a minority do not move an open node, nor take its address away") {
  Observed run(59);
  run.add_liars(8, kClaim);
  for (int i = 0; i < 40; ++i) {
    for (const auto& liar : run.liars) liar->ping(run.member->address(), kClaim);
    run.network.world.run_for(3_min);
    REQUIRE(run.member->node().remote_address() == run.member->address());
  }
  CHECK(run.moved == 0);
  CHECK(run.lost == 0);
  int asked = 0;
  for (const auto& liar : run.liars) asked += liar->asked;
  CHECK(asked > 20);
}

TEST_CASE("the many ports of a host that lies are one voice") {
  Observed run(60);
  std::vector<std::uint16_t> ports(60);
  for (std::size_t i = 0; i < ports.size(); ++i) ports[i] = static_cast<std::uint16_t>(3000 + i);
  Hostile liar(run.network.world.add_host(kStranger), ports, [](const Hostile::Question& question) {
    ResponseMessage answer = question.answer();
    answer.to = kClaim;
    question.send(answer);
  });
  for (int i = 0; i < 30; ++i) {
    liar.ping(run.member->address(), kClaim);
    run.network.world.run_for(3_min);
  }
  CHECK(liar.asked > 0);
  CHECK(run.moved == 0);
  CHECK(run.lost == 0);
}

TEST_CASE(
    "a node that has moved unawares finds out from its neighbours, and nothing false meanwhile") {
  Observed run(61);
  const Address before = run.member->address();
  run.member->host().set_address(run.network.world.core(), Ipv4::of(60, 9, 9, 9));
  int elsewhere = 0;
  run.member->network_update = [&] {
    const auto now = run.member->node().remote_address();
    elsewhere += now && *now != before && *now != run.member->address();
  };
  const auto knows = [&] { return run.member->node().remote_address() == run.member->address(); };
  CHECK(run.network.world.run_until(knows, 90_min));
  CHECK(elsewhere == 0);
}

TEST_CASE("nodes that lie do not keep a newcomer from seeing that it is open") {
  Observed run(62, 24);
  run.add_liars(3, kClaim);
  int open = 0;
  for (int i = 0; i < 10; ++i) {
    NodeOptions options = run.network.member_options();
    options.ephemeral = std::nullopt;
    options.firewalled = true;
    Member& newcomer = run.network.add(options);
    newcomer.network_update = [&] {
      const auto now = newcomer.node().remote_address();
      if (now) CHECK(*now == newcomer.address());
    };
    REQUIRE(run.network.world.run_until([&] { return newcomer.bootstrapped; }, 20_s));
    open += newcomer.node().remote_address() == newcomer.address();
    newcomer.network_update = nullptr;
  }
  CHECK(open >= 8);
}

TEST_CASE("a network on one host works by itself, whatever a neighbour says") {
  // All nodes on 10.1.1.1, as testnet has them on the loopback address; the node and a liar
  // elsewhere.
  sim::World world(63);
  sim::Host& machine = world.add_host(Ipv4::of(10, 1, 1, 1));
  std::vector<std::uint16_t> ports(12);
  for (std::size_t i = 0; i < ports.size(); ++i) ports[i] = static_cast<std::uint16_t>(3000 + i);
  std::vector<Address> all;
  for (const std::uint16_t port : ports) all.push_back({machine.address(), port});
  const auto helpful = [&](const Hostile::Question& question) {
    ResponseMessage answer = question.answer();
    answer.closer_nodes = all;
    if (question.request.command == InternalCommand::kPingNat) {
      answer.to.port = static_cast<std::uint16_t>((*question.request.value)[0] |
                                                  (*question.request.value)[1] << 8);
    }
    question.socket.send_one(answer.to, answer.encode());
  };
  Hostile honest(machine, ports, helpful);
  NodeOptions options;
  options.bootstrap.push_back({"10.1.1.1", std::nullopt, 3000});
  Member member(world.add_host(Ipv4::of(10, 1, 1, 2)), options);
  REQUIRE(world.run_until([&] { return member.bootstrapped; }, 30_s));
  REQUIRE(member.node().remote_address() == member.address());

  Hostile liar(world.add_host(Ipv4::of(10, 9, 9, 9)), ports, [](const Hostile::Question& question) {
    ResponseMessage answer = question.answer();
    answer.to = {Ipv4::of(10, 7, 7, 7), 49737};
    question.send(answer);
  });
  for (int i = 0; i < 30; ++i) {
    liar.ping(member.address(), {Ipv4::of(10, 7, 7, 7), 49737});
    world.run_for(2_min);
    REQUIRE(member.node().remote_address() == member.address());
  }
  CHECK(liar.asked > 0);
}
