// SPDX-License-Identifier: Apache-2.0
// Recorded UDX streams, replayed: a stream of ours in the place of the recorded one is fed the same
// packets and must say the same. What it is made to do follows from the recording: new data in a
// packet means that it was written.
//
// Times of repeats, sizes of probes and the like are each sender's own business: repeats are waited
// for, and padding is not compared. Nor is the exact receive window: ours counts what is not read yet.
#include <algorithm>
#include <deque>

#include "runner.hpp"
#include "stage.hpp"
#include "udx/mux.hpp"

namespace hsfwd::vectors {

namespace {

using udx::Packet;
using udx::SeqNo;
using udx::StreamId;

constexpr net::Address kPeer{net::Ipv4::of(10, 0, 0, 1), 1};
constexpr net::Address kNewPeer{net::Ipv4::of(10, 0, 0, 2), 2};
constexpr Duration kPatience = 40_s;  // for what a timer brings
constexpr Duration kStep = 10_ms;
constexpr std::uint32_t kUnread = 64 * 1024;  // bytes our window may be smaller by

Packet parse(const Bytes& bytes) {
  const auto packet = Packet::parse(bytes);
  expect(packet.has_value(), "is no packet: " + to_hex(bytes));
  return *packet;
}

/// Fields that are written beside the bytes of a packet agree with what we read.
void check_fields(const Json& step, const Bytes& bytes) {
  if (!step.contains("fields") || !step["fields"].contains("flags")) return;
  const Json& f = step["fields"];
  const Packet packet = parse(bytes);
  const udx::Header& h = packet.header;
  static const std::map<std::string, int> kFlags = {
      {"DATA", 1}, {"END", 2}, {"SACK", 4}, {"MESSAGE", 8}, {"DESTROY", 16}, {"HEARTBEAT", 32}};
  int flags = 0;
  for (const Json& flag : f["flags"]) flags |= kFlags.at(flag);
  expect((h.flags & 0x3f) == flags, "reads other flags");
  expect(h.data_offset == f["data_offset"] && h.stream.value == f["stream_id"] &&
             h.window == f["rwnd"] && h.seq.value == f["seq"] && h.ack.value == f["ack"],
         "reads other fields");
  if (f.contains("sacks")) {
    Json sacks = Json::array();
    packet.for_each_sack([&](udx::SeqRange r) { sacks.push_back({r.start.value, r.end.value}); });
    expect(sacks == f["sacks"], "reads other ranges: " + sacks.dump());
  }
  Bytes again(udx::kHeaderSize);
  h.write(again.data());
  append(again, packet.body);
  expect_bytes(again, to_hex(bytes), "writes");
}

class Replay : public udx::StreamObserver, public net::UdpObserver {
 public:
  Replay(StreamId local, StreamId remote, const udx::StreamOptions& options = {})
      : mux_(stage_.scheduler(), stage_.random()), remote_(remote), next_new_(options.first_sent) {
    socket_ = std::move(*stage_.bind({net::Ipv4::any(), 1000}, *this));
    stream_ = mux_.create_stream(local, *this, options);
  }
  ~Replay() override {
    stream_.reset();
    stage_.settle();
    mux_.forget_socket(*socket_);
  }

  void connect() { stream_->connect(*socket_, remote_, kPeer); }
  void set_accept(bool accept, bool connect_in_hook) {
    accept_ = accept;
    connect_in_hook_ = connect_in_hook;
  }

  void feed(Bytes bytes) {
    net::InboundDatagram datagram{kPeer, bytes};
    if (!mux_.on_datagram(*socket_, datagram)) {
      events_.push_back({{"event", "raw-datagram-to-socket-owner"}, {"hex", to_hex(bytes)}});
    }
    mux_.end_batch();
    stage_.settle();
    collect();
  }

  /// A packet the recorded stream sent. Makes ours write what is new in it, then looks for it.
  void expect_out(const Bytes& wanted, net::Address to) {
    const Packet packet = parse(wanted);
    const udx::Header& h = packet.header;
    const bool sequenced = h.has(udx::kData) || h.has(udx::kEnd);
    const bool is_new = sequenced && h.seq >= next_new_;
    if (is_new) {
      next_new_ = h.seq.next();
      if (h.has(udx::kData)) stream_->write(packet.payload);
      if (h.has(udx::kEnd)) stream_->end();
    } else if (h.has(udx::kMessage)) {
      stream_->send_message(packet.payload);
    } else if (h.has(udx::kDestroy)) {
      stream_->destroy();
    }
    stage_.settle();
    collect();
    for (Duration waited; waited < kPatience; waited += kStep) {
      if (take(packet, to)) return;
      stage_.advance(kStep);
      collect();
    }
    throw Mismatch("does not send " + to_hex(wanted) + "; waiting are " +
                   std::to_string(out_.size()));
  }

  /// Writes what a later packet will show, without expecting one now: the window is closed.
  void write_ahead(ByteView bytes, SeqNo seq) {
    next_new_ = seq.next();
    stream_->write(bytes);
    stage_.settle();
    collect();
  }
  bool has_written(SeqNo seq) const { return seq < next_new_; }

  void expect_event(const Json& wanted) {
    const std::string kind = wanted["event"];
    for (Duration waited; waited < kPatience; waited += kStep) {
      const auto found = std::find_if(events_.begin(), events_.end(), [&](const Json& event) {
        return event["event"] == kind &&
               (!wanted.contains("hex") || !event.contains("hex") ||
                event["hex"] == wanted["hex"]) &&
               (!wanted.contains("code") || event.value("code", "") == wanted["code"]);
      });
      if (found != events_.end()) {
        events_.erase(found);
        return;
      }
      stage_.advance(kStep);
      collect();
    }
    throw Mismatch("event does not come: " + wanted.dump());
  }

  /// Nothing that answers is left over. Repeats and probes of our own making are no answers.
  void expect_no_answer(const std::string& after) {
    for (const auto& sent : out_) {
      const Packet packet = parse(sent.bytes);
      const bool answer = packet.header.flags == udx::kState || packet.header.has(udx::kSack);
      expect(!answer, after + ": unexpected answer " + to_hex(sent.bytes));
    }
    out_.clear();
  }

  udx::Stream& stream() { return *stream_; }
  void change_remote(StreamId id) { stream_->change_remote(*socket_, id, kNewPeer); }

  // udx::StreamObserver
  bool accept_path(net::UdpSocket&, net::Address) override {
    events_.push_back({{"event", "firewall-called"}});
    if (connect_in_hook_) connect();
    return accept_;
  }
  void on_data(std::span<const ByteView> chunks) override {
    std::size_t size = 0;
    for (const ByteView chunk : chunks) {
      events_.push_back({{"event", "data"}, {"hex", to_hex(chunk)}});
      size += chunk.size();
    }
    stream_->consume(size);
  }
  void on_messages(std::span<const MutableBytes> messages) override {
    for (const MutableBytes message : messages) {
      events_.push_back({{"event", "message"}, {"hex", to_hex(message)}});
    }
  }
  void on_end() override { events_.push_back({{"event", "end"}}); }
  void on_writable() override {}
  void on_remote_changed() override { events_.push_back({{"event", "remote-changed"}}); }
  void on_closed(udx::CloseReason reason) override {
    if (reason == udx::CloseReason::kReset) {
      events_.push_back({{"event", "error"}, {"code", "ECONNRESET"}});
    } else if (reason == udx::CloseReason::kTimedOut) {
      events_.push_back({{"event", "error"}, {"code", "ETIMEDOUT"}});
    }
    events_.push_back({{"event", "close"}});
  }
  // net::UdpObserver
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram>) override {}

 private:
  void collect() {
    for (auto& sent : stage_.take_sent()) out_.push_back(std::move(sent));
  }

  /// Padding and the order of unrelated packets are free; everything else is not.
  bool take(const Packet& wanted, net::Address to) {
    const auto found = std::find_if(out_.begin(), out_.end(), [&](const Stage::Sent& sent) {
      const Packet got = parse(sent.bytes);
      const udx::Header& g = got.header;
      const udx::Header& w = wanted.header;
      const bool sack = w.has(udx::kSack);
      return sent.to == to && g.flags == w.flags && g.stream == w.stream && g.window <= w.window &&
             w.window - g.window <= kUnread && g.seq == w.seq && g.ack == w.ack &&
             (sack ? equal(got.body, wanted.body) : equal(got.payload, wanted.payload));
    });
    if (found == out_.end()) return false;
    out_.erase(found);
    return true;
  }

  Stage stage_;
  std::unique_ptr<net::UdpSocket> socket_;
  udx::Mux mux_;
  StreamId remote_;
  std::unique_ptr<udx::Stream> stream_;
  SeqNo next_new_;
  std::vector<Stage::Sent> out_;
  std::vector<Json> events_;
  bool accept_ = true;
  bool connect_in_hook_ = false;
};

StreamId id_of(const Json& value) {
  return {value.get<std::uint32_t>()};
}

/// The new data that the recording shows behind step `from`: it was written before it could be sent.
void write_blocked(Replay& replay, const Json& steps, std::size_t from) {
  for (std::size_t i = from; i < steps.size(); ++i) {
    if (!steps[i].contains("out")) continue;
    const Bytes bytes = bytes_of(steps[i]["out"]);
    const Packet packet = parse(bytes);
    if (!packet.header.has(udx::kData) || replay.has_written(packet.header.seq)) continue;
    replay.write_ahead(packet.payload, packet.header.seq);
    return;
  }
}

void replay_reactions(const Json& v) {
  const std::string name = v["name"];
  const Json& a = v["inputs"]["A"];
  Replay replay(id_of(a["local_id"]), id_of(a["remote_id"]));
  replay.set_accept(name != "preconnect-reject", name == "preconnect-connect-in-hook");
  if (name.rfind("preconnect", 0) != 0) replay.connect();
  const Json& steps = v["steps"];
  if (name == "fast-retransmit") {
    // The recording begins with packet 1; the packet before it gave the round-trip time.
    replay.write_ahead(Bytes{0}, {0});
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Json& step = steps[i];
    const std::string action = step.value("action", "");
    if (step.contains("in")) {
      const Bytes bytes = bytes_of(step["in"]);
      if (Packet::parse(bytes)) check_fields(step, bytes);
      replay.feed(bytes);
    } else if (step.contains("out") && step["out"].is_string()) {
      const Bytes bytes = bytes_of(step["out"]);
      check_fields(step, bytes);
      replay.expect_out(bytes, kPeer);
    } else if (step.contains("out_new_remote")) {
      replay.expect_out(bytes_of(step["out_new_remote"]), kNewPeer);
    } else if (step.contains("event")) {
      // Empty deliveries say nothing to a byte stream.
      const bool empty_data = step["event"] == "data" && step.value("hex", "x").empty();
      if (!empty_data) replay.expect_event(step);
    } else if (action.rfind("A.connect", 0) == 0) {
      replay.connect();
    } else if (action.rfind("A.changeRemote", 0) == 0) {
      replay.change_remote(id_of(v["new_id"]));
    } else if (action.rfind("A.write #2", 0) == 0) {
      write_blocked(replay, steps, i);
    }
  }
  replay.expect_no_answer(name);
}

/// The first 50 ranges, lowest first, are what a stock sender gets to hear.
void replay_many_ranges(const Json& v) {
  const Json& a = v["inputs"]["A"];
  Replay replay(id_of(a["local_id"]), id_of(a["remote_id"]));
  replay.connect();
  for (std::uint32_t i = 0; i < 60; ++i) {
    Bytes bytes(udx::kHeaderSize);
    const udx::Header header{
        .flags = udx::kData, .stream = id_of(a["local_id"]), .window = 4194304, .seq = {1 + 2 * i}};
    header.write(bytes.data());
    bytes.push_back(0x78);
    replay.feed(bytes);
  }
  replay.expect_out(bytes_of(v["last_out"]), kPeer);
}

/// Number of the first packet a side sends in a transcript; those before it were left out.
std::uint32_t first_number(const Json& steps, const std::string& direction) {
  for (const Json& step : steps) {
    if (step.value("dir", "") != direction) continue;
    const Bytes bytes = bytes_of(step["hex"]);
    const udx::Header h = parse(bytes).header;
    if (h.has(udx::kData) || h.has(udx::kEnd)) return h.seq.value;
  }
  return 0;
}

/// What the transcript left out: packets of one byte each, both ways.
void catch_up(Replay& replay, const Json& v, const std::string& us, const std::string& them) {
  for (std::uint32_t i = 0; i < first_number(v["steps"], us + "->" + them); ++i) {
    replay.write_ahead(Bytes{0}, {i});
  }
  for (std::uint32_t i = 0; i < first_number(v["steps"], them + "->" + us); ++i) {
    Bytes bytes(udx::kHeaderSize);
    const udx::Header header{.flags = udx::kData,
                             .stream = id_of(v["inputs"][us]["local_id"]),
                             .window = 4194304,
                             .seq = {i}};
    header.write(bytes.data());
    bytes.push_back(0);
    replay.feed(bytes);
  }
}

/// One side of a transcript, in the place of the recorded stream.
void replay_side(const Json& v, const std::string& us, const std::string& them) {
  const Json& own = v["inputs"][us];
  udx::StreamOptions options;
  if (v["name"] == "heartbeat" && us == "A") options.heartbeat = 80_ms;
  // Streams of hyperdht begin at 0, and so do those in the recordings unless they say otherwise.
  const SeqNo first_of_a{v.value("initial_seq_A", 0u)};
  (us == "A" ? options.first_sent : options.first_received) = first_of_a;
  Replay replay(id_of(own["local_id"]), id_of(own["remote_id"]), options);
  replay.connect();
  if (first_of_a == SeqNo{}) catch_up(replay, v, us, them);
  for (const Json& step : v["steps"]) {
    if (step.contains("dir")) {
      const Bytes bytes = bytes_of(step["hex"]);
      check_fields(step, bytes);
      if (step["dir"] == us + "->" + them) {
        replay.expect_out(bytes, kPeer);
      } else if (!step.value("dropped", false)) {
        replay.feed(bytes);
      }
    } else if (step.contains("event") && step.value("at", "") == us && step["event"] == "end") {
      replay.expect_event(step);
    }
  }
}

}  // namespace

void check_udx_reactions(const Json& v) {
  if (v["name"] == "max-sack-blocks") {
    replay_many_ranges(v);
  } else {
    replay_reactions(v);
  }
}

void check_udx_transcripts(const Json& v) {
  const std::string name = v["name"];
  // The recorded side gives up where ours lingers; only the side that repeats is replayed.
  if (name != "final-ack-lost") replay_side(v, "A", "B");
  replay_side(v, "B", "A");
}

namespace {

struct Leg : udx::RelayLegObserver {
  bool accept_path(net::UdpSocket& socket, net::Address from) override {
    leg->connect(socket, remote_id, from);
    return true;
  }
  bool allow_forward(std::size_t) override { return true; }
  void on_closed() override { closed = true; }
  std::unique_ptr<udx::RelayLeg> leg;
  StreamId remote_id;
  bool closed = false;
};

struct NoDatagrams : net::UdpObserver {
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram>) override {}
};

}  // namespace

void check_udx_relay(const Json& v) {
  Stage stage;
  NoDatagrams nobody;
  auto socket = std::move(*stage.bind({net::Ipv4::any(), 1000}, nobody));
  udx::Mux mux(stage.scheduler(), stage.random());
  Leg a, b;
  const Json& relay = v["relay"];
  a.leg = mux.create_leg(id_of(relay["legA_local_id"]), a);
  b.leg = mux.create_leg(id_of(relay["legB_local_id"]), b);
  a.remote_id = id_of(relay["legA_remote_id"]);
  b.remote_id = id_of(relay["legB_remote_id"]);
  udx::RelayLeg::join(*a.leg, *b.leg);
  std::vector<std::pair<net::Address, Bytes>> sent;
  for (const Json& step : v["steps"]) {
    if (!step.contains("dir")) continue;
    Bytes bytes = bytes_of(step["hex"]);
    check_fields(step, bytes);
    const std::string dir = step["dir"];
    if (dir.find("->relay") != std::string::npos) {
      net::InboundDatagram datagram{dir[0] == 'A' ? kPeer : kNewPeer, bytes};
      mux.on_datagram(*socket, datagram);
      mux.end_batch();
      stage.settle();
      for (auto& one : stage.take_sent()) sent.emplace_back(one.to, std::move(one.bytes));
    } else {
      const net::Address to = dir.back() == 'A' ? kPeer : kNewPeer;
      const auto found = std::find(sent.begin(), sent.end(), std::make_pair(to, bytes));
      expect(found != sent.end(), "does not forward " + step["hex"].get<std::string>());
      sent.erase(found);
    }
  }
  // Upstream drops the first packet of one direction; our legs keep it for when the other is known.
  expect(sent.size() <= 1, "forwards more than it should");
  expect(a.closed && b.closed, "legs live on");
  a.leg.reset();
  b.leg.reset();
  stage.settle();
  mux.forget_socket(*socket);
}

}  // namespace hsfwd::vectors
