// SPDX-License-Identifier: Apache-2.0
// Paths that are made anew before a NAT's mapping may end: what that costs, and what it must not.
#include <catch2/catch.hpp>

#include "hyperdht/nat/mapping_watch.hpp"
#include "hyperdht/peer/context.hpp"
#include "hyperdht/wire/renewal_wish.hpp"
#include "session_rogue.hpp"

using namespace hsfwd;
using Verdict = hyperdht::MappingWatch::Verdict;

namespace {

/// Lets everybody in who knows the port.
Seat full_cone() {
  return {.nat = sim::NatProfile{.filtering = sim::NatBehavior::kEndpointIndependent},
          .link = {.delay = 15_ms}};
}

/// A watch of the client's NAT, and a socket of that age to show it.
struct Watched {
  explicit Watched(std::uint64_t seed) : w(seed, open_seat(), carrier()), rogue(w, *w.client) {
    REQUIRE(rogue.session);
  }
  const hyperdht::PeerContext& context() const { return rogue.session->context(); }
  /// The mapping is as old as the socket.
  std::shared_ptr<hyperdht::PoolSocket> socket() {
    w.client->host().freeze();
    auto out = *context().endpoint.acquire();
    rpc::Call call(context().node.calls(), [this](const rpc::CallResult& result) {
      if (result) seen_as = result->message.to;
    });
    context().node.ping(call, w.swarm.nodes.front()->address(), &out->socket());
    w.client->host().schedule_wake();
    w.world().run_for(1_s);
    return out;
  }
  void observe(std::shared_ptr<hyperdht::PoolSocket> socket) {
    w.client->host().freeze();
    context().mappings.observe(std::move(socket));
    w.client->host().schedule_wake();
  }
  Verdict verdict() const { return context().mappings.verdict(); }

  SessionWorld w;
  Rogue rogue;
  std::optional<net::Address> seen_as;  // the socket, when it was new
};

}  // namespace

TEST_CASE(
    "a renewal that leads to another program with the server's key leaves the session alone") {
  SessionWorld w(601, home(), home());
  EchoClient& talk = w.connect();
  w.chat(talk, 2_s);
  REQUIRE(talk.opened);
  Participant twin(w.swarm, 3, home(), {});
  std::optional<EchoServer> other;
  twin.host().freeze();
  other.emplace(twin, w.swarm.keys(1));
  REQUIRE(w.world().run_until([&] { return other->announced(); }, 30_s));
  w.chat(talk, 3_min);
  CHECK(talk.closed.value_or("open") == "open");
  CHECK(w.run_until_whole(talk));
  other.reset();
  w.world().run_for(10_ms);
}

TEST_CASE("a server whose NAT gives each peer another port asks for no path after path") {
  SessionWorld w(602, hard_home(), full_cone());
  EchoClient& talk = w.connect();
  w.chat(talk, 10_s);
  REQUIRE(talk.opened);
  const auto created = w.server->nat().stats().created;
  w.chat(talk, 10_min);
  CHECK_FALSE(talk.closed);
  INFO("moves " << w.client->node->sessions().at(0).moves << ", mappings of the server's NAT "
                << w.server->nat().stats().created - created);
  CHECK(w.client->node->sessions().at(0).moves <= 3);
}

TEST_CASE("a renewal leads a session from its direct path over no relay") {
  RelayWorld r(606, hard_home(), home());
  EchoClient& talk = r.w.connect();
  r.w.chat(talk, 20_s);
  REQUIRE(talk.info().path == PathKind::kDirect);
  int relayed = 0;
  for (int i = 0; i < 3000; ++i) {
    r.w.chat(talk, 50_ms);
    relayed += talk.info().path == PathKind::kRelayed;
  }
  CHECK(relayed == 0);
  CHECK_FALSE(talk.closed);
}

TEST_CASE("a renewal beside a relay brings another path, and not the old one again") {
  RelayWorld r(606, home(), hard_home());
  EchoClient& talk = r.w.connect();
  r.w.chat(talk, 20_s);
  REQUIRE(talk.info().path == PathKind::kDirect);
  const auto before = r.w.client->node->sessions().at(0).moves;
  r.w.chat(talk, 2_min);
  CHECK(r.w.client->node->sessions().at(0).moves - before <= 2);
}

TEST_CASE("a carrier's NAT makes no longer pauses where there is a relay") {
  for (std::uint64_t seed = 640; seed < 643; ++seed) {
    INFO("seed " << seed);
    RelayWorld r(seed, hard_home(), carrier());
    EchoClient& talk = r.w.connect();
    r.w.chat(talk, 30_s);
    talk.begin_pauses();
    r.w.chat(talk, 6_min);
    CHECK_FALSE(talk.closed);
    CHECK(talk.longest_pause.to_seconds() < 3);
  }
}

TEST_CASE("one node that lies does not decide that a NAT keeps its mappings") {
  Watched one(605);
  const auto socket = one.socket();
  one.w.world().run_for(42_s);
  // The first node that is asked.
  std::optional<net::Address> liar;
  one.w.world().set_tap([&](const sim::Packet& packet) {
    const auto request = rpc::decode_request(packet.payload);
    if (!request || packet.from != one.seen_as) return;
    if (!liar) liar = packet.to;
    if (packet.to != liar) return;
    const rpc::ResponseMessage lie{.tid = request->tid, .to = {net::Ipv4::of(9, 9, 9, 9), 9}};
    one.w.world().core().route({.from = packet.to, .to = packet.from, .payload = lie.encode()});
  });
  one.observe(socket);
  one.w.world().run_for(2_min);
  one.w.world().set_tap({});
  REQUIRE(liar);
  CHECK(one.verdict() != Verdict::kKept);
}

TEST_CASE("a mapping that had ended when the watch began is not taken for one that lasts") {
  int kept = 0;
  int ended = 0;
  for (int other = 0; other < 20; ++other) {
    Watched one(610);
    // Each takes another number of the NAT's.
    for (int i = 0; i < other; ++i) one.socket();
    const auto socket = one.socket();
    // As after a first renewal that brought nothing.
    one.w.world().run_for(51_s);
    one.observe(socket);
    one.w.world().run_for(2_min);
    kept += one.verdict() == Verdict::kKept;
    ended += one.verdict() == Verdict::kEnded;
  }
  INFO("kept " << kept << ", ended " << ended);
  CHECK(kept == 0);
}

namespace {

/// Asks its client to come again, and again, and lets it.
class Insatiable final : private hyperdht::SessionObserver {
 public:
  explicit Insatiable(SessionWorld& w) : w_(w) {
    w.echo.reset();
    w.world().run_for(1_s);
    w.server->host().freeze();
    hyperdht::ServerOptions options;
    options.extension = [this](const PublicKey&, const std::optional<Extension>& client) {
      Extension out{.features = Extension::kSessions, .service = "echo", .services = {"echo"}};
      if (session_ && client && (client->features & Extension::kResume) != 0) {
        out.features |= Extension::kResume;
        ++came_again;
      }
      return std::optional(out);
    };
    server_ = Internals::dht(*w.server->node).create_server(std::move(options), [this](auto link) {
      take(std::move(link));
    });
    REQUIRE(server_->listen(w.swarm.keys(1), [this](std::size_t n) { announced_ |= n > 0; }).ok());
    REQUIRE(w.world().run_until([this] { return announced_; }, 30_s));
  }
  ~Insatiable() override {
    w_.server->host().freeze();
    session_->abandon();
    session_->end("done");
    streams_.clear();
    session_.reset();
    server_.reset();
  }
  void ask() {
    w_.server->host().freeze();
    link_->send_packet(secret_stream::PacketChannel::kControl, hyperdht::RenewalWish().encode());
    w_.server->host().schedule_wake();
  }
  bool has_session() const { return session_ != nullptr; }
  int came_again = 0;

 private:
  void take(std::unique_ptr<hyperdht::PeerSocket> link) {
    link_ = link.get();
    if (link->resumes()) return session_->adopt(std::move(link));
    session_ = link->take_session();
    session_->start(std::move(link), *this);
  }
  Result<Extension, std::string> on_stream_wanted(const Extension& wanted) override {
    return wanted;
  }
  void on_stream(std::unique_ptr<hyperdht::SessionStream> stream) override {
    streams_.push_back(std::move(stream));
  }
  void on_idle() override {}
  void on_path_doubtful() override {}
  void on_session_over(const std::string&) override {}

  SessionWorld& w_;
  std::unique_ptr<hyperdht::Server> server_;
  std::shared_ptr<hyperdht::Session> session_;
  std::vector<std::unique_ptr<hyperdht::SessionStream>> streams_;
  hyperdht::PeerSocket* link_ = nullptr;
  bool announced_ = false;
};

}  // namespace

TEST_CASE("a server that asks for another path all the time gets one every seven seconds at most") {
  SessionWorld w(651, home(), home());
  Insatiable server(w);
  EchoClient& talk = w.connect();
  talk.send(as_bytes("hello"));
  REQUIRE(w.world().run_until([&] { return server.has_session(); }, 20_s));
  w.world().run_for(1_s);
  for (int i = 0; i < 1400; ++i) {
    server.ask();
    w.world().run_for(50_ms);
  }
  INFO(server.came_again);
  CHECK(server.came_again >= 2);
  CHECK(server.came_again <= 11);
  CHECK_FALSE(talk.closed);
  w.clients.clear();
  w.world().run_for(1_s);
}

TEST_CASE("a renewal that brings nothing is tried less and less often") {
  SessionWorld w(650, home(), home());
  EchoClient& talk = w.connect();
  w.chat(talk, 5_s);
  REQUIRE(talk.info().path == PathKind::kDirect);
  // Nobody leads to the server any more; the two have each other.
  w.swarm.nodes.clear();
  // Each dial asks for some seconds without a rest.
  int dials = 0;
  Instant asked_at;
  w.world().set_tap([&](const sim::Packet& packet) {
    const auto request = rpc::decode_request(packet.payload);
    if (!request || packet.from.host != w.client->nat().address()) return;
    if (request->target != hyperdht::target_of_peer(w.key())) return;
    if (w.world().now() - asked_at > 1500_ms) ++dials;
    asked_at = w.world().now();
  });
  w.chat(talk, 10_min);
  w.world().set_tap({});
  CHECK_FALSE(talk.closed);
  INFO("dials in ten minutes: " << dials);
  CHECK(dials <= 20);
}
