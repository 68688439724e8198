// SPDX-License-Identifier: Apache-2.0
// Streams whose acceptance does not come: lost, late, or withheld by the peer, which sends on them all the same.
#include <algorithm>
#include <catch2/catch.hpp>

#include "session_rogue_server.hpp"

using namespace hsfwd;
using hyperdht::Session;
using hyperdht::SessionStream;
using Kind = RogueServer::Kind;

namespace {

double held_by(Node& node) {
  struct Sink final : MetricSink {
    void add(const Metric& metric) override {
      if (metric.name == "hsfwd_buffered_bytes") value = static_cast<double>(metric.value);
    }
    double value = -1;
  } sink;
  node.collect(sink);
  return sink.value;
}

/// Waits for its stream to open, or to be reset, and looks at nothing else, as `hsfwd pipe` and a question for
/// services do.
struct Waiter final : net::ByteStreamObserver {
  explicit Waiter(SessionWorld& w) : world(w) {
    w.client->host().freeze();
    ConnectOptions options;
    options.session = true;
    options.extension = Extension{.features = 0, .service = "echo"};
    stream = w.client->node->connect_stream(w.key(), std::move(options));
    stream->set_observer(this);
    stream->set_on_open([this] { heard.emplace_back("open"); });
    stream->write(as_bytes("hello"));
    w.client->host().schedule_wake();
  }
  ~Waiter() override {
    world.client->host().freeze();
    stream.reset();
    world.client->host().schedule_wake();
  }
  bool shows() const {
    return !stream->peek().empty() || stream->read_state() != net::ReadState::kBlocked;
  }
  void cancel() {
    world.client->host().freeze();
    stream->cancel();
    world.client->host().schedule_wake();
  }
  void end() {
    world.client->host().freeze();
    stream->end();
    world.client->host().schedule_wake();
  }
  void on_readable() override {
    if (heard.empty()) {
      shown |= shows();
    } else {
      heard.emplace_back("readable");
    }
  }
  void on_writable() override { shown |= heard.empty() && shows(); }
  void on_reset(const std::string& why) override {
    heard.emplace_back("reset");
    reason = why;
  }

  SessionWorld& world;
  std::unique_ptr<PeerStream> stream;
  std::vector<std::string> heard;
  std::string reason;
  bool shown = false;  // something to be read, ahead of that
};

/// Reads all that it is shown.
struct Reader {
  explicit Reader(EchoClient& client) : socket(client.socket()) {
    socket.on_open([this] { heard.emplace_back("open"); });
    socket.on_data([this](ByteView bytes) { append(received, bytes); });
    socket.on_end([this] { heard.emplace_back("end"); });
    socket.on_close([this](const std::string& why) { heard.push_back("closed: " + why); });
  }
  PeerSocket& socket;
  std::vector<std::string> heard;
  Bytes received;
};

// Of what is never read, bytes.
constexpr double kFirstWindow = 256 * 1024;

using Heard = std::vector<std::string>;

/// A client with a session at a server that answers nothing but the first stream, in the handshake.
struct UnacceptedWorld {
  explicit UnacceptedWorld(std::uint64_t seed)
      : w(seed), server(w, [this](SessionStream& stream) { on_opened(stream); }) {
    EchoClient& first = w.connect();
    REQUIRE(w.world().run_until([&] { return first.opened && server.session; }, 20_s));
    w.world().run_for(1_s);
  }
  ~UnacceptedWorld() {
    w.clients.clear();
    w.world().run_for(100_ms);
  }
  void on_opened(SessionStream& stream) const {
    // Taken whole, whatever the client takes.
    constexpr std::size_t kRecord = 32 * 1024;
    for (ByteView rest = answer; !rest.empty();
         rest = rest.subspan(std::min(rest.size(), kRecord))) {
      stream.send_message(rest.first(std::min(rest.size(), kRecord)));
    }
    if (ends) stream.end();
  }
  bool all_came(const PeerStream& stream) {
    const auto came = [&] { return stream.info().bytes_received >= answer.size(); };
    const bool in_time = w.world().run_until(came, 5_s);
    w.world().run_for(100_ms);
    return in_time;
  }
  /// Streams of the client's session.
  std::size_t streams() const { return w.client->node->sessions().at(0).streams; }

  SessionWorld w;
  Bytes answer = some_bytes(1000);
  bool ends = false;
  RogueServer server;
};

}  // namespace

TEST_CASE("who waits for a stream that the peer sends on without accepting it hears of one reset") {
  UnacceptedWorld u(801);
  u.ends = GENERATE(false, true);
  CAPTURE(u.ends);
  sim::World& world = u.w.world();
  Waiter waiter(u.w);
  REQUIRE(u.all_came(*waiter.stream));
  REQUIRE(u.server.streams.size() == 1);
  SessionStream& stream = *u.server.streams.front();
  CHECK(waiter.heard.empty());
  CHECK_FALSE(waiter.shows());

  std::string reason;
  SECTION("by the peer's word") {
    reason = "enough";
    u.server.say(Kind::kReset, stream.number(), reason);
  }
  SECTION("by its refusal") {
    reason = "enough";
    u.server.say(Kind::kRefuse, stream.number(), reason);
  }
  SECTION("by the end of the stream below, as when the word is lost") {
    u.w.server->host().freeze();
    stream.raw().destroy();
    u.w.server->host().schedule_wake();
  }
  SECTION("by bytes that make no sense") {
    if (u.ends) return;
    u.w.server->host().freeze();
    stream.raw().write(Bytes(100));
    u.w.server->host().schedule_wake();
  }
  SECTION("by the end of the session") {
    reason = "enough";
    u.server.end_session(reason);
  }
  SECTION("by the loss of the path") {
    world.core().set_loss(1);
    world.run_for(400_s);
  }
  world.run_for(20_s);
  CHECK(waiter.heard == Heard{"reset"});
  CHECK_FALSE(waiter.shown);
  CHECK_FALSE(waiter.shows());
  CHECK(waiter.reason.find(reason) != std::string::npos);
}

TEST_CASE("a word that comes late opens the stream ahead of what came before it") {
  UnacceptedWorld u(802);
  u.ends = true;
  Waiter waiter(u.w);
  REQUIRE(u.all_came(*waiter.stream));
  CHECK_FALSE(waiter.shows());
  u.server.say(Kind::kAccept, u.server.streams.front()->number());
  u.w.world().run_for(1_s);
  CHECK(waiter.heard == Heard{"open", "readable"});
  CHECK_FALSE(waiter.shown);
  CHECK(waiter.shows());
  CHECK(equal(waiter.stream->peek(), u.answer));
}

TEST_CASE("a stream that is over in order before it is accepted ends with its session, once") {
  UnacceptedWorld u(803);
  u.ends = true;
  sim::World& world = u.w.world();
  EchoClient& client = u.w.connect();
  Reader reader(client);
  REQUIRE(world.run_until([&] { return u.server.streams.size() == 1; }, 5_s));
  const std::uint64_t number = u.server.streams.front()->number();

  SECTION("when all is acknowledged") {
    client.end();
    world.run_for(5_s);
    REQUIRE(u.server.finished() == 1);
    CHECK(reader.heard.empty());
    u.server.end_session("enough");
  }
  SECTION("when but this side's end is") {
    world.run_for(5_s);
    u.server.end_session("enough");
    // It is on its way when that comes.
    world.run_for(3_ms);
    client.end();
  }
  SECTION("with the path, and the word comes when that is back") {
    client.end();
    world.run_for(5_s);
    REQUIRE(u.server.finished() == 1);
    world.core().set_loss(1);
    const Waiter another(u.w);
    CHECK(world.run_until([&] { return !reader.heard.empty(); }, 30_s));
    world.core().set_loss(0);
    u.server.say(Kind::kAccept, number);
  }
  world.run_for(20_s);
  CHECK(reader.heard == Heard{"end", "closed: "});
  CHECK(equal(reader.received, u.answer));
}

TEST_CASE(
    "a peer that floods stream after stream without accepting any fills no memory, and none is "
    "kept "
    "that the client gives up") {
  UnacceptedWorld u(804);
  sim::World& world = u.w.world();
  u.answer = some_bytes(1024 * 1024);
  const double before = held_by(*u.w.client->node);
  for (int round = 0; round < 3; ++round) {
    constexpr std::size_t kMany = 50;
    std::vector<std::unique_ptr<Waiter>> waiters;
    for (std::size_t i = 0; i < kMany; ++i) waiters.push_back(std::make_unique<Waiter>(u.w));
    world.run_for(5_s);
    const double held = held_by(*u.w.client->node) - before;
    CHECK(held > kMany * kFirstWindow / 2);
    // Records lie in buffers of 64 KiB, the last of which is not full.
    CHECK(held < kMany * kFirstWindow * 3 / 2);
    CHECK(u.streams() == kMany + 1);
    for (const auto& waiter : waiters) {
      CHECK(waiter->heard.empty());
      CHECK_FALSE(waiter->shown);
      CHECK(static_cast<double>(waiter->stream->info().bytes_received) < kFirstWindow * 5 / 4);
      waiter->cancel();
    }
    world.run_for(1_s);
    CHECK(u.server.reset() == kMany);
    for (const auto& waiter : waiters) CHECK(waiter->heard.empty());
    waiters.clear();
    world.run_for(1_s);
    CHECK(u.streams() == 1);
    CHECK(held_by(*u.w.client->node) < before + kFirstWindow / 4);
    u.w.server->host().freeze();
    u.server.streams.clear();
    u.w.server->host().schedule_wake();
  }
}

TEST_CASE("streams that are over without having been accepted have places until they are let go") {
  UnacceptedWorld u(805);
  sim::World& world = u.w.world();
  u.answer = some_bytes(10);
  u.ends = true;
  std::vector<std::unique_ptr<Waiter>> waiters;
  // One has the first stream.
  while (waiters.size() + 1 < Session::kMaxStreams) {
    waiters.push_back(std::make_unique<Waiter>(u.w));
    waiters.back()->end();
  }
  world.run_for(10_s);
  CHECK(u.server.finished() == waiters.size());
  CHECK(u.streams() == Session::kMaxStreams);
  {
    Waiter late(u.w);
    world.run_for(1_s);
    CHECK(late.heard == Heard{"reset"});
    CHECK(late.reason.find("too many connections") != std::string::npos);
  }
  for (const auto& waiter : waiters) CHECK(waiter->heard.empty());
  waiters.pop_back();
  Waiter next(u.w);
  REQUIRE(u.all_came(*next.stream));
  CHECK(next.heard.empty());
  u.server.say(Kind::kAccept, u.server.streams.back()->number());
  world.run_for(1_s);
  CHECK(next.heard == Heard{"open", "readable"});
  waiters.clear();
  world.run_for(1_s);
  CHECK(u.streams() == 2);
}
