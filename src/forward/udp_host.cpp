// SPDX-License-Identifier: Apache-2.0
#include "forward/udp_host.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "forward/flow_datagram.hpp"
#include "forward/timed_lookup.hpp"
#include "net/stream_factory.hpp"

namespace hsfwd::forward {

namespace {

// Of a batch to the service.
constexpr std::size_t kMaxBatch = 32;
// Keys whose rate is known: more than can have so many flows that others give way.
constexpr std::size_t kMaxDisplacing = 1024;

Ending by_this_side(const std::string& reason) {
  return {Cause::kHsfwd, reason};
}

}  // namespace

struct UdpHost::Flow final : net::UdpObserver {
  Flow(UdpHost& h, Connection& c, std::uint16_t n) : host(h), connection(c), number(n) {}
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram> batch) override {
    host.on_replies(*this, batch);
  }
  void cancel() {
    if (socket) socket->cancel();
  }

  UdpHost& host;
  Connection& connection;
  const std::uint16_t number;
  std::unique_ptr<net::UdpSocket> socket;
  Instant used;
  Idlest::iterator place;  // among those of its key
};

struct UdpHost::Connection final : net::ByteStreamObserver, PacketObserver {
  Connection(UdpHost& h, std::uint64_t i, std::unique_ptr<PeerStream> p, Service s,
             Admission::Ticket t)
      : host(h),
        id(i),
        peer(std::move(p)),
        key(peer->remote_key()),
        stock(!peer->takes_datagrams()),
        service(std::move(s)),
        ticket(std::move(t)),
        since(h.env_.now()) {
    peer->set_observer(this);
  }
  void cancel() {
    if (lookup) lookup->cancel();
    peer->set_packet_observer(nullptr);
    peer->cancel();
  }

  void on_readable() override { host.on_frames(*this); }
  void on_writable() override { writer.on_writable(*peer); }
  void on_reset(const std::string& reason) override {
    host.close(*this, {cause_of(peer->info().error), reason});
  }
  void on_packets(std::span<const MutableBytes> packets) override {
    host.on_packets(*this, packets);
  }
  void on_packets_writable() override {}
  void on_max_packet() override {}

  UdpHost& host;
  const std::uint64_t id;
  const std::unique_ptr<PeerStream> peer;
  const PublicKey key;
  const bool stock;
  const Service service;
  Admission::Ticket ticket;
  const Instant since;
  std::unique_ptr<TimedLookup> lookup;
  std::optional<net::Address> target;
  std::map<std::uint16_t, std::unique_ptr<Flow>> flows;
  FrameReader reader;
  FrameWriter writer;
  PipeStats stats;
};

UdpHost::UdpHost(const net::Env& env, Duration idle, OnClosed on_closed, FlowLimits limits)
    : env_(env),
      idle_(idle),
      on_closed_(std::move(on_closed)),
      limits_(limits),
      displacing_(limits.displacing, kMaxDisplacing, env.random.u64()),
      connections_(env.scheduler),
      sweep_timer_(env.scheduler, [this] { sweep(); }) {}

UdpHost::~UdpHost() = default;

void UdpHost::serve(std::uint64_t id, std::unique_ptr<PeerStream> peer, const Service& service,
                    Admission::Ticket ticket) {
  Connection& connection =
      connections_.emplace(*this, id, std::move(peer), service, std::move(ticket));
  find_target(connection);
}

/// What comes meanwhile waits in the connection.
void UdpHost::find_target(Connection& connection) {
  const net::StreamAddress& at = connection.service.target;
  if (const auto host = at.ipv4()) {
    connection.target = net::Address{*host, at.port};
    return begin(connection);
  }
  for (const auto start : {&Admission::Ticket::start_dial, &Admission::Ticket::start_lookup}) {
    if (const auto started = (connection.ticket.*start)(); !started) {
      return abort(connection, by_this_side(started.error()));
    }
  }
  connection.lookup = std::make_unique<TimedLookup>(
      env_.scheduler, env_.resolver, at.host,
      [this, &connection](const Result<net::Ipv4>& host) { on_target(connection, host); });
}

void UdpHost::on_target(Connection& connection, const Result<net::Ipv4>& host) {
  env_.scheduler.retire(std::move(connection.lookup));
  connection.ticket.end_lookup();
  connection.ticket.end_dial();
  if (!host) {
    return abort(connection, {Cause::kService, "service " + connection.service.name + ": " +
                                                   net::StreamFactory::kUnresolved});
  }
  connection.target = net::Address{*host, connection.service.target.port};
  begin(connection);
}

void UdpHost::begin(Connection& connection) {
  if (connection.stock) {
    connection.peer->set_max_unsent(kMaxUnsentFrames);
    if (make_flow(connection, 0) == nullptr) return abort(connection, by_this_side(kTooManyFlows));
  } else {
    connection.peer->set_packet_observer(&connection);
  }
  on_frames(connection);
}

// --- To the service ---

void UdpHost::on_packets(Connection& connection, std::span<const MutableBytes> packets) {
  std::array<net::OutboundDatagram, kMaxBatch> batch;
  std::size_t count = 0;
  Flow* flow = nullptr;
  const auto flush = [&] {
    if (count == 0) return;
    const std::size_t taken = flow->socket->send(std::span(batch).first(count));
    drops_.busy += std::exchange(count, 0) - taken;
  };
  for (const MutableBytes packet : packets) {
    const auto datagram = read_flow(packet);
    if (!datagram) {
      ++drops_.no_flow;
      continue;
    }
    if (flow == nullptr || flow->number != datagram->flow || count == kMaxBatch) {
      flush();
      flow = find_flow(connection, datagram->flow);
      if (flow == nullptr) {
        ++drops_.no_flow;
        continue;
      }
    }
    use(*flow);
    connection.stats.from_peer += datagram->bytes.size();
    batch[count++] = {.to = *connection.target, .parts = {datagram->bytes, {}, {}}};
  }
  flush();
}

/// Of an hsfwd peer nothing comes on the stream, and what does is dropped.
void UdpHost::on_frames(Connection& connection) {
  if (!connection.target) return;
  PeerStream& peer = *connection.peer;
  for (ByteView bytes = peer.peek(); !bytes.empty(); bytes = peer.peek()) {
    const bool understood =
        !connection.stock || connection.reader.feed(bytes, [&](ByteView datagram) {
          Flow& flow = *connection.flows.begin()->second;
          use(flow);
          connection.stats.from_peer += datagram.size();
          drops_.busy += 1 - flow.socket->send_one(*connection.target, datagram);
        });
    if (!understood) return abort(connection, {Cause::kPeer, kNoDatagrams});
    peer.consume(bytes.size());
  }
  if (peer.read_state() == net::ReadState::kEnd) close(connection, {});
}

// --- From the service ---

void UdpHost::on_replies(Flow& flow, std::span<net::InboundDatagram> batch) {
  Connection& connection = flow.connection;
  for (const net::InboundDatagram& datagram : batch) {
    if (datagram.from != *connection.target) {
      ++drops_.strangers;
      continue;
    }
    use(flow);
    const bool sent = connection.stock
                          ? connection.writer.send(*connection.peer, datagram.bytes)
                          : packets_.add(*connection.peer, flow.number, datagram.bytes);
    if (connection.stock) drops_.busy += sent ? 0 : 1;
    if (sent) connection.stats.to_peer += datagram.bytes.size();
  }
  const FlowPackets::Lost lost = packets_.flush(*connection.peer);
  drops_.busy += lost.busy;
  drops_.too_large += lost.too_large;
  if (lost.too_large == 0 || !on_too_large_) return;
  on_too_large_(
      {connection.service.name, lost.too_large, connection.peer->max_in_parts() - kFlowHeader});
}

// --- Flows ---

UdpHost::Flow* UdpHost::find_flow(Connection& connection, std::uint16_t number) {
  const auto found = connection.flows.find(number);
  return found != connection.flows.end() ? found->second.get() : make_flow(connection, number);
}

UdpHost::Flow* UdpHost::make_flow(Connection& connection, std::uint16_t number) {
  if (!make_room(connection.key)) return nullptr;
  auto flow = std::make_unique<Flow>(*this, connection, number);
  // From elsewhere nobody then reaches what only speaks to this machine.
  const net::Ipv4 from =
      connection.target->host.is_loopback() ? net::Ipv4::loopback() : net::Ipv4::any();
  auto socket = env_.udp.bind_for_programs({from, 0}, *flow, net::UdpLoad::kOneFlow);
  if (!socket) {
    if (!std::exchange(told_of_sockets_, true)) {
      env_.log.warning(kUdpComponent, "no socket for another UDP flow to service {}: {}",
                       connection.service.name, socket.error());
    }
    return nullptr;
  }
  flow->socket = std::move(*socket);
  flow->used = env_.now();
  Idlest& owned = owners_[connection.key];
  flow->place = owned.insert(owned.end(), flow.get());
  ++flows_;
  sweep_timer_.start_at_latest(env_.now() + idle_);
  return (connection.flows[number] = std::move(flow)).get();
}

/// For one more of that key; false: not now.
bool UdpHost::make_room(const PublicKey& key) {
  const auto own = owners_.find(key);
  Flow* victim = nullptr;
  if (own != owners_.end() && own->second.size() >= limits_.per_key) {
    victim = own->second.front();
  } else if (flows_ >= limits_.flows) {
    const auto most = std::max_element(
        owners_.begin(), owners_.end(),
        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    victim = most->second.front();
  }
  if (victim == nullptr) return true;
  if (!displacing_.try_take(load_le64(key.bytes.data()), env_.now(), 1)) return false;
  if (!std::exchange(told_of_limit_, true)) {
    env_.log.warning(kUdpComponent,
                     "peers have {} UDP flows to services, {} of them one key: those that were "
                     "idle longest give way to new ones",
                     flows_, owners_[victim->connection.key].size());
  }
  displace(*victim);
  return true;
}

void UdpHost::displace(Flow& flow) {
  ++drops_.displaced;
  if (flow.connection.stock) return abort(flow.connection, by_this_side(kTooManyFlows));
  forget(flow);
}

void UdpHost::forget(Flow& flow) {
  Connection& connection = flow.connection;
  const auto owned = owners_.find(connection.key);
  owned->second.erase(flow.place);
  if (owned->second.empty()) owners_.erase(owned);
  --flows_;
  const auto found = connection.flows.find(flow.number);
  std::unique_ptr<Flow> ended = std::move(found->second);
  connection.flows.erase(found);
  env_.scheduler.retire(std::move(ended));
}

void UdpHost::use(Flow& flow) {
  flow.used = env_.now();
  Idlest& owned = owners_.find(flow.connection.key)->second;
  owned.splice(owned.end(), owned, flow.place);
}

void UdpHost::set_idle(Duration idle) {
  idle_ = idle;
  if (flows_ > 0) sweep_timer_.start(Duration());
}

void UdpHost::sweep() {
  std::vector<Flow*> over;
  std::optional<Instant> next;
  for (const auto& [key, owned] : owners_) {
    for (Flow* flow : owned) {
      const Instant end = flow->used + idle_;
      if (end <= env_.now()) {
        over.push_back(flow);
      } else {
        next = std::min(next.value_or(end), end);
        break;
      }
    }
  }
  for (Flow* flow : over) {
    if (flow->connection.stock) {
      abort(flow->connection, by_this_side(kFlowUnused));
    } else {
      forget(*flow);
    }
  }
  if (next) sweep_timer_.start_at(*next);
}

// --- Connections ---

void UdpHost::abort(Connection& connection, const Ending& ending) {
  connection.peer->reset_because(ending.reason);
  close(connection, ending);
}

void UdpHost::close(Connection& connection, const Ending& ending) {
  while (!connection.flows.empty()) forget(*connection.flows.begin()->second);
  closed_total_ += connection.stats;
  const ClosedConnection closed{.id = connection.id,
                                .peer = connection.key,
                                .service = connection.service.name,
                                .stats = connection.stats,
                                .cause = ending.cause,
                                .reason = ending.reason,
                                .service_error = {}};
  connections_.retire(connection);
  on_closed_(closed);
}

OpenConnection UdpHost::describe(const Connection& connection) {
  return {.id = connection.id,
          .peer = connection.peer.get(),
          .service = connection.service.name,
          .stats = connection.stats,
          .since = connection.since};
}

std::vector<OpenConnection> UdpHost::list() const {
  std::vector<OpenConnection> out;
  for (const auto& connection : connections_) out.push_back(describe(*connection));
  return out;
}

PipeStats UdpHost::total() const {
  PipeStats out = closed_total_;
  for (const auto& connection : connections_) out += connection->stats;
  return out;
}

void UdpHost::set_services(const std::vector<Service>& services, const std::string& reason) {
  std::vector<Connection*> lost;
  for (const auto& connection : connections_) {
    if (std::find(services.begin(), services.end(), connection->service) == services.end()) {
      lost.push_back(connection.get());
    }
  }
  for (Connection* connection : lost) abort(*connection, by_this_side(reason));
}

void UdpHost::end_connections(const std::function<bool(const OpenConnection&)>& unwanted,
                              const std::string& reason) {
  std::vector<Connection*> lost;
  for (const auto& connection : connections_) {
    if (unwanted(describe(*connection))) lost.push_back(connection.get());
  }
  for (Connection* connection : lost) abort(*connection, by_this_side(reason));
}

}  // namespace hsfwd::forward
