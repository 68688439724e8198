// SPDX-License-Identifier: Apache-2.0
#include "forward/udp_clients.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <span>
#include <utility>

#include "forward/flow_datagram.hpp"

namespace hsfwd::forward {

namespace {

constexpr const char* kNoAnswer = "the peer does not answer";

Ending by_hsfwd(const std::string& reason) {
  return {Cause::kHsfwd, reason};
}

}  // namespace

struct UdpClients::Connection final : net::ByteStreamObserver, PacketObserver {
  struct Waiting {
    std::uint16_t flow;
    Bytes bytes;
  };

  Connection(UdpClients& c, std::uint64_t i, std::unique_ptr<PeerStream> p)
      : clients(c), id(i), peer(std::move(p)), since(c.env_.now()) {
    peer->set_observer(this);
    peer->set_packet_observer(this);
    peer->set_on_open([this] { clients.on_open(*this); });
  }
  void cancel() {
    peer->set_packet_observer(nullptr);
    peer->cancel();
  }

  void on_readable() override { clients.on_frames(*this); }
  void on_writable() override { writer.on_writable(*peer); }
  void on_reset(const std::string& reason) override { clients.on_reset(*this, reason); }
  void on_packets(std::span<const MutableBytes> packets) override {
    clients.on_packets(*this, packets);
  }
  void on_packets_writable() override {}
  void on_max_packet() override {}

  void heard() {
    unanswered.reset();
    asked = false;
    answered = true;
    clients.rest_ = kFirstRest;
  }

  UdpClients& clients;
  const std::uint64_t id;
  const std::unique_ptr<PeerStream> peer;
  const Instant since;
  bool open = false;
  bool stock = false;                 // once open
  std::optional<std::uint16_t> flow;  // the only one, of a stock peer
  std::deque<Waiting> waiting;
  std::optional<Instant> unanswered;  // the first datagram that nothing has come back for
  bool asked = false;
  bool answered = false;  // something has come back
  FrameReader reader;
  FrameWriter writer;
  PipeStats stats;
};

UdpClients::UdpClients(const net::Env& env, Duration idle, Outside outside)
    : env_(env),
      idle_(idle),
      outside_(std::move(outside)),
      connections_(env.scheduler),
      rest_timer_(env.scheduler, [] {}),
      sweep_timer_(env.scheduler, [this] { sweep(); }),
      linger_timer_(env.scheduler,
                    [this] {
                      if (flows_.empty() && shared_ != nullptr)
                        abort(*shared_, by_hsfwd(kFlowUnused));
                    }),
      answer_timer_(env.scheduler, [this] { look_for_answers(); }) {}

UdpClients::~UdpClients() {
  connections_.retire_all();
  env_.scheduler.retire(std::move(socket_));
}

Result<void, std::string> UdpClients::listen(net::Address at) {
  auto socket = env_.udp.bind_for_programs(at, *this, net::UdpLoad::kAll);
  if (!socket) return Err(socket.error());
  socket_ = std::move(*socket);
  return {};
}

void UdpClients::stop_listening() {
  env_.scheduler.retire(std::move(socket_));
}

// --- From programs ---

void UdpClients::on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) {
  for (const net::InboundDatagram& datagram : batch) {
    Flow& flow = flow_of(datagram.from);
    use(flow);
    send(flow, datagram.bytes);
  }
  flush();
}

UdpClients::Flow& UdpClients::flow_of(net::Address from) {
  const auto found = by_address_.find(from);
  if (found != by_address_.end()) return *found->second;
  if (flows_.size() >= kMaxFlows) {
    tell_of_limit(kMaxFlows);
    ++drops_.displaced;
    forget(flows_.front(), kTooManyFlows);
  }
  const auto flow =
      flows_.insert(flows_.end(), {.from = from, .number = free_number(), .used = env_.now()});
  by_address_[from] = flow;
  by_number_[flow->number] = flow;
  linger_timer_.stop();
  sweep_timer_.start_at_latest(env_.now() + idle_);
  return *flow;
}

/// The next one: what is still under way in a flow that is gone is then nobody's for long.
std::uint16_t UdpClients::free_number() {
  while (by_number_.contains(next_number_)) ++next_number_;
  return next_number_++;
}

UdpClients::Flow* UdpClients::find_flow(std::uint16_t number) {
  const auto found = by_number_.find(number);
  return found != by_number_.end() ? &*found->second : nullptr;
}

void UdpClients::use(Flow& flow) {
  flow.used = env_.now();
  flows_.splice(flows_.end(), flows_, by_number_.at(flow.number));
}

void UdpClients::tell_of_limit(std::size_t limit) {
  if (std::exchange(told_of_limit_, true)) return;
  env_.log.warning(kUdpComponent,
                   "more than {} programs or ports use {}: those that were idle longest give way",
                   limit, socket_ ? address().to_string() : "this address");
}

void UdpClients::forget(Flow& flow, const char* reason) {
  Connection* const own = flow.own;
  const auto at = by_number_.at(flow.number);
  by_address_.erase(flow.from);
  by_number_.erase(flow.number);
  flows_.erase(at);
  if (own != nullptr) abort(*own, by_hsfwd(reason));
  if (flows_.empty()) linger_timer_.start(kLinger);
}

void UdpClients::set_idle(Duration idle) {
  idle_ = idle;
  if (!flows_.empty()) sweep_timer_.start(Duration());
}

void UdpClients::sweep() {
  while (!flows_.empty() && flows_.front().used + idle_ <= env_.now()) {
    forget(flows_.front(), kFlowUnused);
  }
  if (!flows_.empty()) sweep_timer_.start_at(flows_.front().used + idle_);
}

// --- To the peer ---

void UdpClients::send(Flow& flow, ByteView bytes) {
  Connection* const connection = connection_for(flow);
  if (connection == nullptr) {
    ++drops_.no_peer;
  } else if (connection->open) {
    pass(*connection, flow, bytes);
  } else {
    hold(*connection, flow, bytes);
  }
}

UdpClients::Connection* UdpClients::connection_for(Flow& flow) {
  if (flow.own != nullptr) return flow.own;
  if (!stock_) {
    if (shared_ == nullptr) shared_ = dial();
    return shared_;
  }
  make_room_for_own();
  flow.own = dial();
  if (flow.own != nullptr) flow.own->flow = flow.number;
  return flow.own;
}

void UdpClients::make_room_for_own() {
  if (connections_.size() < kMaxStockFlows) return;
  const auto idlest = std::find_if(flows_.begin(), flows_.end(),
                                   [](const Flow& flow) { return flow.own != nullptr; });
  if (idlest == flows_.end()) return;
  tell_of_limit(kMaxStockFlows);
  ++drops_.displaced;
  abort(*idlest->own, by_hsfwd(kTooManyFlows));
}

UdpClients::Connection* UdpClients::dial() {
  if (rest_timer_.armed()) return nullptr;
  std::uint64_t id = 0;
  std::unique_ptr<PeerStream> peer = outside_.dial(id);
  return &connections_.emplace(*this, id, std::move(peer));
}

void UdpClients::hold(Connection& connection, const Flow& flow, ByteView bytes) {
  if (connection.waiting.size() >= kMaxWaiting ||
      waiting_bytes_ + bytes.size() > kMaxWaitingBytes) {
    ++drops_.busy;
    return;
  }
  waiting_bytes_ += bytes.size();
  connection.waiting.push_back({flow.number, to_bytes(bytes)});
}

void UdpClients::pass(Connection& connection, Flow& flow, ByteView bytes) {
  const bool sent = connection.stock ? connection.writer.send(*connection.peer, bytes)
                                     : packets_.add(*connection.peer, flow.number, bytes);
  if (connection.stock) drops_.busy += sent ? 0 : 1;
  if (!sent) return;
  connection.stats.to_peer += bytes.size();
  if (!connection.unanswered) connection.unanswered = env_.now();
  if (!answer_timer_.armed()) answer_timer_.start(kUnanswered);
}

void UdpClients::flush() {
  if (shared_ == nullptr || !shared_->open) return;
  const FlowPackets::Lost lost = packets_.flush(*shared_->peer);
  drops_.busy += lost.busy;
  drops_.too_large += lost.too_large;
  if (lost.too_large == 0 || !outside_.on_too_large) return;
  outside_.on_too_large({service_of(shared_->peer->info(), {}), lost.too_large,
                         shared_->peer->max_in_parts() - kFlowHeader});
}

// --- Connections ---

void UdpClients::on_open(Connection& connection) {
  const std::string problem = outside_.on_open(connection.id, *connection.peer);
  if (!problem.empty()) {
    rest();
    return abort(connection, {Cause::kRefused, problem});
  }
  if (!connection.peer->info().open) return;  // on_reset follows
  connection.open = true;
  if (connection.peer->takes_datagrams()) {
    begin_packets(connection);
  } else {
    begin_frames(connection);
  }
}

/// A peer that was stock, and is not any more, gets one connection from now on.
void UdpClients::begin_packets(Connection& connection) {
  stock_ = false;
  if (connection.flow) {
    if (Flow* flow = find_flow(*connection.flow)) flow->own = nullptr;
    connection.flow.reset();
  }
  if (shared_ == nullptr) shared_ = &connection;
  if (&connection == shared_) return send_waiting(connection);
  for (const Connection::Waiting& one : std::exchange(connection.waiting, {})) {
    waiting_bytes_ -= one.bytes.size();
    if (Flow* flow = find_flow(one.flow)) send(*flow, one.bytes);
  }
  flush();
  abort(connection, by_hsfwd(kFlowUnused));
}

/// The first connection to a stock peer is that of the flow whose datagram has waited longest.
void UdpClients::begin_frames(Connection& connection) {
  stock_ = true;
  connection.stock = true;
  connection.peer->set_max_unsent(kMaxUnsentFrames);
  if (&connection == shared_) {
    shared_ = nullptr;
    const auto first = std::find_if(
        connection.waiting.begin(), connection.waiting.end(),
        [this](const Connection::Waiting& one) { return find_flow(one.flow) != nullptr; });
    if (first == connection.waiting.end()) return abort(connection, by_hsfwd(kFlowUnused));
    connection.flow = first->flow;
    find_flow(first->flow)->own = &connection;
  }
  send_waiting(connection);
}

void UdpClients::send_waiting(Connection& connection) {
  for (const Connection::Waiting& one : std::exchange(connection.waiting, {})) {
    waiting_bytes_ -= one.bytes.size();
    if (Flow* flow = find_flow(one.flow)) send(*flow, one.bytes);
  }
  flush();
}

void UdpClients::abort(Connection& connection, const Ending& ending) {
  connection.peer->reset_because(ending.reason);
  close(connection, ending);
}

void UdpClients::on_reset(Connection& connection, const std::string& reason) {
  rest_after(connection);
  close(connection, {cause_of(connection.peer->info().error), reason});
}

void UdpClients::close(Connection& connection, const Ending& ending) {
  if (&connection == shared_) shared_ = nullptr;
  for (Flow& flow : flows_) {
    if (flow.own == &connection) flow.own = nullptr;
  }
  for (const Connection::Waiting& one : connection.waiting) waiting_bytes_ -= one.bytes.size();
  drops_.no_peer += connection.waiting.size();
  closed_total_ += connection.stats;
  const ClosedConnection closed{.id = connection.id,
                                .peer = connection.peer->remote_key(),
                                .service = service_of(connection.peer->info(), {}),
                                .stats = connection.stats,
                                .cause = ending.cause,
                                .reason = ending.reason,
                                .service_error = {}};
  connections_.retire(connection);
  outside_.on_closed(closed);
}

/// What is sent meanwhile is dropped.
void UdpClients::rest() {
  rest_timer_.start(rest_);
  rest_ = std::min(rest_ * 2, kLongestRest);
}

/// A peer that lets us in and sends us away is asked no more often than one that is not there.
void UdpClients::rest_after(const Connection& connection) {
  if (!connection.answered) rest();
}

/// Programs that only send are not answered either: so the peer is asked.
void UdpClients::look_for_answers() {
  std::vector<Connection*> silent;
  bool again = false;
  for (const auto& connection : connections_) {
    if (!connection->unanswered) continue;
    again = true;
    const Duration waited = env_.now() - *connection->unanswered;
    // A session looks for its peer by itself, and goes on with the same flows.
    if (waited >= kUnanswered + kSilent && !connection->peer->in_session()) {
      silent.push_back(connection.get());
    } else if (waited >= kUnanswered && !std::exchange(connection->asked, true)) {
      connection->peer->ping([raw = connection.get()](Duration) { raw->heard(); });
    }
  }
  for (Connection* connection : silent) abort(*connection, {Cause::kNoPeer, kNoAnswer});
  if (again) answer_timer_.start(kUnanswered);
}

void UdpClients::abort_all(const std::string& reason) {
  std::vector<Connection*> all;
  for (const auto& connection : connections_) all.push_back(connection.get());
  for (Connection* connection : all) abort(*connection, by_hsfwd(reason));
  flows_.clear();
  by_address_.clear();
  by_number_.clear();
  stock_ = false;
  rest_ = kFirstRest;
  for (Timer* timer : {&rest_timer_, &sweep_timer_, &linger_timer_}) timer->stop();
}

// --- From the peer ---

void UdpClients::on_packets(Connection& connection, std::span<const MutableBytes> packets) {
  connection.heard();
  for (const MutableBytes packet : packets) {
    const auto datagram = read_flow(packet);
    Flow* const flow = datagram ? find_flow(datagram->flow) : nullptr;
    if (flow == nullptr) {
      ++drops_.no_flow;
      continue;
    }
    connection.stats.from_peer += datagram->bytes.size();
    use(*flow);
    give(*flow, datagram->bytes);
  }
}

/// Of an hsfwd peer nothing comes on the stream, and what does is dropped.
void UdpClients::on_frames(Connection& connection) {
  if (!connection.open) return;
  PeerStream& peer = *connection.peer;
  for (ByteView bytes = peer.peek(); !bytes.empty(); bytes = peer.peek()) {
    const bool understood =
        !connection.stock || connection.reader.feed(bytes, [&](ByteView datagram) {
          connection.heard();
          connection.stats.from_peer += datagram.size();
          Flow* const flow = find_flow(*connection.flow);
          use(*flow);
          give(*flow, datagram);
        });
    if (!understood) {
      rest_after(connection);
      return abort(connection, {Cause::kPeer, kNoDatagrams});
    }
    peer.consume(bytes.size());
  }
  if (peer.read_state() == net::ReadState::kEnd) {
    rest_after(connection);
    close(connection, {});
  }
}

void UdpClients::give(const Flow& flow, ByteView bytes) {
  if (socket_) drops_.busy += 1 - socket_->send_one(flow.from, bytes);
}

// --- What shows ---

std::vector<OpenConnection> UdpClients::list() const {
  std::vector<OpenConnection> out;
  for (const auto& connection : connections_) {
    out.push_back({.id = connection->id,
                   .peer = connection->peer.get(),
                   .service = "",
                   .stats = connection->stats,
                   .since = connection->since});
  }
  return out;
}

PipeStats UdpClients::total() const {
  PipeStats out = closed_total_;
  for (const auto& connection : connections_) out += connection->stats;
  return out;
}

void UdpClients::collect(MetricSink& sink) const {
  collect_tunnel(sink, connections_.size(), total());
  drops_.collect(sink, flows_.size());
}

}  // namespace hsfwd::forward
