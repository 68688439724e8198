// SPDX-License-Identifier: Apache-2.0
// Two nodes with connections of all kinds between them, a day long, while everything happens to them that does: all serve again
// soon after each, and nothing is left of it in the end. HSFWD_HOURS sets how long the day is.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>

#include "net/packet_tunnel.hpp"
#include "unit/node/session_world.hpp"
#include "util/metrics.hpp"

using namespace hsfwd;

namespace {

int hours() {
  const char* const wanted = std::getenv("HSFWD_HOURS");
  return wanted != nullptr ? std::atoi(wanted) : 24;
}

/// Sends packets of UDP flows, or says again what comes.
class Datagrams final : public PacketObserver {
 public:
  Datagrams(std::unique_ptr<PeerStream> stream, bool echo)
      : stream_(std::move(stream)), echo_(echo) {
    stream_->set_packet_observer(this);
  }
  bool send(ByteView bytes) {
    Bytes buffer(net::kTunnelHeadroom + bytes.size() + net::kTunnelTailroom);
    const MutableBytes packet = MutableBytes(buffer).subspan(net::kTunnelHeadroom, bytes.size());
    copy_bytes(bytes, packet);
    return stream_->send_packets({&packet, 1}) == 1;
  }
  PeerStream& stream() { return *stream_; }
  std::uint64_t heard = 0;

 private:
  void on_packets(std::span<const MutableBytes> packets) override {
    heard += packets.size();
    if (!echo_) return;
    for (const MutableBytes packet : packets) send(packet);
  }
  void on_packets_writable() override {}
  void on_max_packet() override {}

  const std::unique_ptr<PeerStream> stream_;
  const bool echo_;
};

/// Serves every kind that a client may ask for.
class AllServer {
 public:
  AllServer(Participant& at, const KeyPair& keys) : at_(at) {
    ServerOptions options;
    options.sessions = true;
    options.extension = [](const PublicKey&,
                           const std::optional<Extension>& client) -> std::optional<Extension> {
      if (!client) return std::nullopt;
      Extension out{.features = 0, .service = client->service, .services = {"echo", "back", "udp"}};
      if (client->has_udp_flows()) out.features |= Extension::kUdpFlows;
      return out;
    };
    server_.emplace(at.node->create_server([this](PeerSocket socket) { take(std::move(socket)); },
                                           std::move(options)));
    server_->on_announced([this](std::size_t introducers) { announced_ |= introducers > 0; });
    REQUIRE(server_->listen(keys).ok());
  }
  bool announced() const { return announced_; }
  std::size_t connections() const { return echoes_.size() + flows_.size() + asking_.size(); }
  /// A stream back to each that waits for one, which says a word, and ends.
  void call_back() {
    at_.host().freeze();
    for (const auto& asking : asking_) {
      if (auto back = asking->stream->open_back())
        take_echo(PeerSocket(scheduler(), std::move(back)), "hello");
    }
    at_.host().schedule_wake();
  }

 private:
  struct Asking final : net::ByteStreamObserver {
    void on_readable() override {}
    void on_writable() override {}
    void on_reset(const std::string&) override { over(); }
    std::unique_ptr<PeerStream> stream;
    std::function<void()> over;
  };
  struct Flow final : net::ByteStreamObserver {
    void on_readable() override {}
    void on_writable() override {}
    void on_reset(const std::string&) override { over(); }
    std::unique_ptr<Datagrams> datagrams;
    std::function<void()> over;
  };

  Scheduler& scheduler() { return at_.host().scheduler(); }

  void take(PeerSocket socket) {
    const auto extension = socket.info().extension;
    if (extension && extension->has_udp_flows()) {
      auto& flow = flows_.emplace_back(std::make_unique<Flow>());
      flow->datagrams = std::make_unique<Datagrams>(socket.release(), true);
      flow->over = [this, raw = flow.get()] { retire(flows_, raw); };
      flow->datagrams->stream().set_observer(flow.get());
    } else if (extension && extension->service == "back") {
      auto& asking = asking_.emplace_back(std::make_unique<Asking>());
      asking->stream = socket.release();
      asking->over = [this, raw = asking.get()] { retire(asking_, raw); };
      asking->stream->set_observer(asking.get());
    } else {
      take_echo(std::move(socket), "");
    }
  }
  void take_echo(PeerSocket accepted, std::string_view greeting) {
    echoes_.push_back(std::make_unique<PeerSocket>(std::move(accepted)));
    PeerSocket* const socket = echoes_.back().get();
    socket->on_data([socket](ByteView bytes) { socket->write(bytes); });
    socket->on_end([socket] { socket->end(); });
    socket->on_close([this, socket](const std::string&) {
      std::erase_if(echoes_, [&](const auto& other) { return other.get() == socket; });
    });
    if (greeting.empty()) return;
    socket->write(greeting);
    socket->end();
  }
  template <class Thing>
  void retire(std::vector<std::unique_ptr<Thing>>& from, Thing* thing) {
    const auto found = std::find_if(from.begin(), from.end(),
                                    [&](const auto& other) { return other.get() == thing; });
    if (found == from.end()) return;
    scheduler().delete_later(std::move(*found));
    from.erase(found);
  }

  Participant& at_;
  std::optional<Server> server_;
  bool announced_ = false;
  std::vector<std::unique_ptr<PeerSocket>> echoes_;
  std::vector<std::unique_ptr<Flow>> flows_;
  std::vector<std::unique_ptr<Asking>> asking_;
};

/// A connection of some kind that is made again whenever it ends, as a program of every day does.
class Kept : net::ByteStreamObserver {
 public:
  enum class Kind { kStock, kStream, kFlows, kBack };
  Kept(Participant& at, const PublicKey& key, Kind kind) : at_(at), key_(key), kind_(kind) {
    dial();
  }
  ~Kept() override { drop(); }

  /// Says something, if there is anybody.
  void speak() {
    at_.host().freeze();
    if (over_) dial();
    if (socket_) socket_->write(".");
    if (datagrams_) datagrams_->send(as_bytes("12345678"));
    at_.host().schedule_wake();
  }
  /// What came back, of any connection.
  std::uint64_t heard() const { return heard_ + (datagrams_ ? datagrams_->heard : 0); }

 private:
  void on_readable() override {}
  void on_writable() override {}
  void on_reset(const std::string&) override { over_ = true; }

  void drop() {
    at_.host().freeze();
    if (datagrams_) heard_ += datagrams_->heard;
    if (stream_) stream_->set_observer(nullptr);
    if (datagrams_) datagrams_->stream().set_observer(nullptr);
    socket_.reset();
    datagrams_.reset();
    stream_.reset();
    backs_.clear();
  }
  void dial() {
    drop();
    over_ = false;
    ConnectOptions options;
    if (kind_ != Kind::kStock) options.extension = Extension{.features = 0, .service = "echo"};
    options.session = kind_ == Kind::kStream || kind_ == Kind::kBack;
    if (kind_ == Kind::kBack) options.extension->service = "back";
    if (kind_ == Kind::kFlows) options.extension->features |= Extension::kUdpFlows;
    if (kind_ == Kind::kStock || kind_ == Kind::kStream) {
      socket_.emplace(at_.node->connect(key_, std::move(options)));
      socket_->on_data([this](ByteView bytes) { heard_ += bytes.size(); });
      socket_->on_end([this] { over_ = true; });
      socket_->on_close([this](const std::string&) { over_ = true; });
      return;
    }
    auto stream = at_.node->connect_stream(key_, std::move(options));
    stream->set_observer(this);
    if (kind_ == Kind::kFlows) {
      datagrams_ = std::make_unique<Datagrams>(std::move(stream), false);
    } else {
      stream->set_on_back([this](auto back) {
        std::erase_if(backs_, [](const auto& one) { return one->closed; });
        backs_.push_back(std::make_unique<Back>(at_.host().scheduler(), std::move(back)));
        Back* const one = backs_.back().get();
        one->socket.on_data([this](ByteView bytes) { heard_ += bytes.size(); });
        one->socket.on_end([one] { one->socket.end(); });
        one->socket.on_close([one](const std::string&) { one->closed = true; });
      });
      stream_ = std::move(stream);
    }
  }

  struct Back {
    Back(Scheduler& scheduler, std::unique_ptr<PeerStream> stream)
        : socket(scheduler, std::move(stream)) {}
    PeerSocket socket;
    bool closed = false;
  };

  Participant& at_;
  const PublicKey key_;
  const Kind kind_;
  bool over_ = false;
  std::uint64_t heard_ = 0;
  std::optional<PeerSocket> socket_;
  std::unique_ptr<Datagrams> datagrams_;
  std::unique_ptr<PeerStream> stream_;
  std::vector<std::unique_ptr<Back>> backs_;
};

/// What a node holds at the moment, all that it counts as such.
class Held final : public MetricSink {
 public:
  static std::map<std::string, std::uint64_t> of(const Node& node) {
    Held held;
    node.collect(held);
    return held.values_;
  }
  void add(const Metric& metric) override {
    const bool peak = metric.name.ends_with("_most");
    if (metric.kind == MetricKind::kGauge && !peak)
      values_[std::string(metric.name)] += metric.value;
  }

 private:
  std::map<std::string, std::uint64_t> values_;
};

struct Day {
  explicit Day(std::uint64_t seed) : swarm(seed), random(seed * 7 + 1) {
    swarm.grow_to(12);
    client = std::make_unique<Participant>(swarm, std::uint8_t{2}, home(), Options());
    start_server();
    for (const auto kind :
         {Kept::Kind::kStock, Kept::Kind::kStream, Kept::Kind::kFlows, Kept::Kind::kBack}) {
      client->host().freeze();
      kept.push_back(std::make_unique<Kept>(*client, swarm.keys(1).public_key, kind));
    }
    client->host().schedule_wake();
  }
  ~Day() {
    kept.clear();
    swarm.world.run_for(1_s);
    served.reset();
    swarm.world.run_for(1_s);
  }
  void start_server() {
    server = std::make_unique<Participant>(swarm, number++, home(), Options());
    server->host().freeze();
    served.emplace(*server, swarm.keys(1));
    REQUIRE(swarm.world.run_until([this] { return served->announced(); }, 60_s));
  }
  void kill_server() {
    swarm.world.core().set_loss(1);
    served.reset();
    server.reset();
    swarm.world.run_for(10_ms);
    swarm.world.core().set_loss(0);
    swarm.world.run_for(Duration::seconds(random.below(20)));
    start_server();
  }
  /// Half a second of everybody's life.
  void step() {
    for (const auto& one : kept) one->speak();
    if (++steps % 8 == 0) served->call_back();
    swarm.world.run_for(500_ms);
  }
  void run(Duration duration) {
    const Instant until = swarm.world.now() + duration;
    while (swarm.world.now() < until) step();
  }
  std::vector<std::uint64_t> heard() const {
    std::vector<std::uint64_t> out;
    for (const auto& one : kept) out.push_back(one->heard());
    return out;
  }
  /// How long it takes until all have heard something again.
  Duration until_all_served() {
    const Instant from = swarm.world.now();
    const auto before = heard();
    const auto all = [&] {
      const auto now = heard();
      for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i] == before[i]) return false;
      }
      return true;
    };
    while (!all() && swarm.world.now() - from < 2_min) step();
    return swarm.world.now() - from;
  }

  hyperdht::Swarm swarm;
  sim::SeededRandom random;
  std::unique_ptr<Participant> client;
  std::unique_ptr<Participant> server;
  std::optional<AllServer> served;
  std::vector<std::unique_ptr<Kept>> kept;
  std::uint8_t number = 40;
  int steps = 0;
};

}  // namespace

TEST_CASE(
    "all kinds of connections serve again soon after whatever happens, and nothing is left of it") {
  Day day(601);
  day.run(90_s);
  const auto client_held = Held::of(*day.client->node);
  constexpr const char* kFaults[] = {"the client moves",  "the server moves",     "its NAT forgets",
                                     "its NAT renumbers", "the server is killed", "an outage",
                                     "the client sleeps"};
  std::map<std::string, std::vector<double>> times;
  const Instant until = day.swarm.world.now() + Duration::seconds(3600 * hours());
  while (day.swarm.world.now() < until) {
    const std::uint32_t what = day.random.below(7);
    INFO(fmt::format("fault {} at {:.0f} s", what,
                     (day.swarm.world.now() - Instant()).to_seconds()));
    if (what == 0) day.client->move();
    if (what == 1) day.server->move();
    if (what == 2) day.client->nat().reboot();
    if (what == 3) day.client->renumber();
    if (what == 4 && day.number < 250) day.kill_server();
    if (what == 5) {
      day.swarm.world.core().set_loss(1);
      day.run(Duration::seconds(1 + day.random.below(60)));
      day.swarm.world.core().set_loss(0);
    }
    if (what == 6) {
      day.client->host().sleep();
      day.swarm.world.run_for(Duration::seconds(1 + day.random.below(300)));
      day.client->host().wake();
    }
    const Duration took = day.until_all_served();
    times[kFaults[what]].push_back(took.to_seconds());
    CHECK(took < 35_s);
    day.run(Duration::seconds(60 + day.random.below(600)));
  }
  for (auto& [fault, all] : times) {
    std::sort(all.begin(), all.end());
    fmt::print("{:20} {:3} times: all serve after {:.1f} s in the median, {:.1f} s at the worst\n",
               fault, all.size(), all[all.size() / 2], all.back());
  }
  day.run(6_min);
  for (const auto& [name, value] : Held::of(*day.client->node)) {
    INFO(name << ": " << client_held.at(name) << " in the beginning, " << value << " in the end");
    // Of the DHT's nodes it may know more by then.
    CHECK(value <= client_held.at(name) + 20);
  }
  CHECK(day.client->node->sessions().size() == 1);
  CHECK(day.served->connections() <= 5);
}
