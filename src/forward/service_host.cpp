// SPDX-License-Identifier: Apache-2.0
#include "forward/service_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "forward/proxy_header.hpp"

namespace hsfwd::forward {

namespace {
constexpr Duration kLeaveTime = 5_s;
constexpr const char* kNoMemory = "out of memory";
constexpr const char* kNoRoom = "no room for an answer";

/// Where it leads to is what the peer has asked for; what is there, is none of its business.
std::string told(const Destination& to, DestinationAnswer answer) {
  return fmt::format("destination {}: {}", to.to_string(), describe(answer));
}
}  // namespace

/// A peer that has been told that it gets nothing, until it has heard that.
struct ServiceHost::Leaving final : net::ByteStreamObserver {
  Leaving(ServiceHost& h, std::unique_ptr<PeerStream> p, Admission::Ticket t)
      : host(h), peer(std::move(p)), ticket(std::move(t)), timer(h.scheduler_, [this] {
          peer->reset();
          host.leaving_.retire(*this);
        }) {
    peer->set_observer(this);
    timer.start(kLeaveTime);
  }
  void on_readable() override {
    for (ByteView bytes = peer->peek(); !bytes.empty(); bytes = peer->peek()) {
      peer->consume(bytes.size());
    }
  }
  void on_writable() override {
    if (peer->flushed()) host.leaving_.retire(*this);
  }
  void on_reset(const std::string&) override { host.leaving_.retire(*this); }

  void cancel() {
    timer.stop();
    peer->set_observer(nullptr);
  }

  ServiceHost& host;
  std::unique_ptr<PeerStream> peer;
  const Admission::Ticket ticket;
  Timer timer;
};

void ServiceHost::Connection::cancel() {
  if (dial) dial->cancel();
  if (destination_dial) destination_dial->cancel();
  if (peer) peer->set_observer(nullptr);
}

ServiceHost::ServiceHost(Scheduler& scheduler, net::StreamFactory& streams,
                         std::vector<Service> services, OnClosed on_closed)
    : scheduler_(scheduler),
      streams_(streams),
      services_(std::move(services)),
      on_closed_(std::move(on_closed)),
      leaving_(scheduler) {}

ServiceHost::~ServiceHost() = default;

const Service* ServiceHost::find(const std::string& name) const {
  if (name.empty()) return services_.empty() ? nullptr : &services_.front();
  const auto found = std::find_if(services_.begin(), services_.end(),
                                  [&](const Service& service) { return service.name == name; });
  return found != services_.end() ? &*found : nullptr;
}

void ServiceHost::serve(std::uint64_t id, std::unique_ptr<PeerStream> peer, const Service& service,
                        Admission::Ticket ticket) {
  Connection& connection = connections_[id];
  connection.since = scheduler_.now();
  connection.key = peer->remote_key();
  connection.peer = std::move(peer);
  connection.ticket = std::move(ticket);
  try {
    connection.service = service;
    dial(id, connection);
  } catch (const std::bad_alloc&) {
    abort(id, kNoMemory);
  }
}

void ServiceHost::dial(std::uint64_t id, Connection& connection) {
  waiting_[id] = std::make_unique<Waiting>(*this, id);
  connection.peer->set_observer(waiting_[id].get());
  connection.dial = streams_.dial(connection.service.target,
                                  [this, id](auto result) { on_dialled(id, std::move(result)); });
}

void ServiceHost::serve_destination(std::uint64_t id, std::unique_ptr<PeerStream> peer,
                                    const Destination& to, net::Resolver& resolver,
                                    DestinationDial::Permission permission,
                                    Admission::Ticket ticket) {
  Connection& connection = connections_[id];
  connection.since = scheduler_.now();
  connection.key = peer->remote_key();
  connection.peer = std::move(peer);
  connection.ticket = std::move(ticket);
  try {
    connection.destination = to;
    connection.service.name = to.to_service();
    waiting_[id] = std::make_unique<Waiting>(*this, id);
    connection.peer->set_observer(waiting_[id].get());
    if (!to.address()) {
      if (const auto lookup = connection.ticket.start_lookup(); !lookup) {
        return on_destination(
            id, Err(DestinationDial::Failure{DestinationAnswer::kFailed, lookup.error()}));
      }
    }
    permission.reach = [this, id, reach = std::move(permission.reach)](net::Ipv4 address) {
      connections_.at(id).ticket.end_lookup();
      return reach(address);
    };
    connection.destination_dial = std::make_unique<DestinationDial>(
        scheduler_, resolver, streams_, to, std::move(permission),
        [this, id](auto result) { on_destination(id, std::move(result)); });
  } catch (const std::bad_alloc&) {
    abort(id, kNoMemory);
  }
}

void ServiceHost::on_destination(
    std::uint64_t id, Result<std::unique_ptr<net::ByteStream>, DestinationDial::Failure> result) {
  Connection& connection = connections_.at(id);
  connection.ticket.end_lookup();
  connection.ticket.end_dial();
  if (!result) {
    const std::string why =
        fmt::format("destination {}: {}", connection.destination->to_string(), result.error().why);
    const DestinationAnswer answer = result.error().answer;
    refuse(std::move(connection.peer), std::move(connection.ticket), answer,
           told(*connection.destination, answer));
    return close(id, {Cause::kService, why}, result.error().why);
  }
  try {
    const auto connected = static_cast<std::uint8_t>(DestinationAnswer::kConnected);
    // Without it the destination's first byte would be taken for the answer.
    if (connection.peer->write({&connected, 1}) == 0) return abort(id, kNoRoom);
    join(id, connection, std::move(*result));
  } catch (const std::bad_alloc&) {
    abort(id, kNoMemory);
  }
}

void ServiceHost::refuse_destination(std::unique_ptr<PeerStream> peer, const Destination& to,
                                     Admission::Ticket ticket) {
  constexpr auto kAnswer = DestinationAnswer::kNotAllowed;
  refuse(std::move(peer), std::move(ticket), kAnswer, told(to, kAnswer));
}

/// With the answer, then the reason.
void ServiceHost::refuse(std::unique_ptr<PeerStream> peer, Admission::Ticket ticket,
                         DestinationAnswer answer, const std::string& reason) {
  Leaving& leaving = leaving_.emplace(*this, std::move(peer), std::move(ticket));
  const auto byte = static_cast<std::uint8_t>(answer);
  if (leaving.peer->write({&byte, 1}) == 1) return leaving.peer->reset_behind(reason);
  leaving.peer->reset_because(reason);
  leaving_.retire(leaving);
}

void ServiceHost::turn_away(std::unique_ptr<PeerStream> peer, Admission::Ticket ticket) {
  leaving_.emplace(*this, std::move(peer), std::move(ticket)).peer->end();
}

void ServiceHost::on_dialled(std::uint64_t id,
                             Result<std::unique_ptr<net::ByteStream>, std::string> result) {
  Connection& connection = connections_.at(id);
  scheduler_.retire(std::move(connection.dial));
  connection.ticket.end_dial();
  if (!result) {
    // The peer sees its connection open and then reset, as from a port nobody listens on. Where the
    // service is, is none of its business.
    connection.peer->set_observer(nullptr);
    connection.peer->reset_because("service " + connection.service.name + ": " + result.error());
    close(id,
          {Cause::kService,
           "service " + connection.service.target.to_string() + ": " + result.error()},
          result.error());
    return;
  }
  try {
    join(id, connection, std::move(*result));
  } catch (const std::bad_alloc&) {
    abort(id, kNoMemory);
  }
}

void ServiceHost::join(std::uint64_t id, Connection& connection,
                       std::unique_ptr<net::ByteStream> local) {
  if (connection.service.proxy_header) {
    const Bytes header = proxy_header(connection.peer->info(), connection.service.target);
    // A fresh socket has room for so little.
    if (local->write(header) < header.size()) {
      return abort(id, "service " + connection.service.name + ": no room for a header");
    }
  }
  connection.pipe = std::make_unique<Pipe>(scheduler_, std::move(local), std::move(connection.peer),
                                           [this, id](const Ending& ending) { close(id, ending); });
  scheduler_.delete_later(std::move(waiting_[id]));
  waiting_.erase(id);
  connection.pipe->start();
}

void ServiceHost::on_peer_gone(std::uint64_t id, const std::string& reason) {
  close(id, {cause_of(connections_.at(id).peer->info().error), reason});
}

void ServiceHost::abort(std::uint64_t id, const std::string& reason) {
  Connection& connection = connections_.at(id);
  if (connection.pipe) {
    connection.pipe->abort({Cause::kHsfwd, reason});
    return;
  }
  // Without memory for a pipe it has gone with that.
  if (connection.peer) {
    connection.peer->set_observer(nullptr);
    connection.peer->reset_because(reason);
  }
  close(id, {Cause::kHsfwd, reason});
}

void ServiceHost::close(std::uint64_t id, const Ending& ending, const std::string& service_error) {
  const auto found = connections_.find(id);
  const OpenConnection open = describe(id, found->second);
  const ClosedConnection closed{.id = id,
                                .peer = found->second.key,
                                .service = open.service,
                                .stats = open.stats,
                                .cause = ending.cause,
                                .reason = ending.reason,
                                .service_error = service_error};
  closed_total_ += closed.stats;
  // The call may come from any of them.
  scheduler_.retire(std::make_unique<Connection>(std::move(found->second)));
  connections_.erase(found);
  const auto waiting = waiting_.find(id);
  if (waiting != waiting_.end()) {
    scheduler_.delete_later(std::move(waiting->second));
    waiting_.erase(waiting);
  }
  on_closed_(closed);
  check_left();
}

void ServiceHost::leave(const std::string& reason, Duration at_most, std::function<void()> done) {
  on_left_ = std::move(done);
  for (const OpenConnection& open : list()) {
    Connection& connection = connections_.at(open.id);
    if (connection.pipe) {
      connection.pipe->leave({Cause::kHsfwd, reason}, at_most);
    } else {
      abort(open.id, reason);
    }
  }
  check_left();
}

void ServiceHost::check_left() {
  if (!connections_.empty()) return;
  if (const auto left = std::exchange(on_left_, nullptr)) left();
}

OpenConnection ServiceHost::describe(std::uint64_t id, const Connection& connection) {
  return {.id = id,
          .peer = connection.pipe ? &connection.pipe->peer() : connection.peer.get(),
          .service = connection.service.name,
          .stats = connection.pipe ? connection.pipe->stats() : PipeStats(),
          .since = connection.since,
          .destination = connection.destination,
          .address =
              connection.destination_dial ? connection.destination_dial->address() : std::nullopt};
}

std::vector<OpenConnection> ServiceHost::list() const {
  std::vector<OpenConnection> out;
  for (const auto& [id, connection] : connections_) out.push_back(describe(id, connection));
  return out;
}

PipeStats ServiceHost::total() const {
  PipeStats out = closed_total_;
  for (const auto& [id, connection] : connections_) {
    if (connection.pipe) out += connection.pipe->stats();
  }
  return out;
}

void ServiceHost::collect(MetricSink& sink) const {
  collect_tunnel(sink, connections_.size(), total());
}

void ServiceHost::set_services(std::vector<Service> services, const std::string& reason) {
  services_ = std::move(services);
  std::vector<std::uint64_t> lost;
  for (const auto& [id, connection] : connections_) {
    if (connection.destination) continue;
    if (std::find(services_.begin(), services_.end(), connection.service) == services_.end()) {
      lost.push_back(id);
    }
  }
  for (const std::uint64_t id : lost) abort(id, reason);
}

void ServiceHost::end_connections(const std::function<bool(const OpenConnection&)>& unwanted,
                                  const std::string& reason) {
  for (const OpenConnection& connection : list()) {
    if (unwanted(connection)) abort(connection.id, reason);
  }
}

}  // namespace hsfwd::forward
