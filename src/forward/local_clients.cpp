// SPDX-License-Identifier: Apache-2.0
#include "forward/local_clients.hpp"

#include <utility>

namespace hsfwd::forward {

LocalClients::LocalClients(Scheduler& scheduler, OnClosed on_closed)
    : scheduler_(scheduler), on_closed_(std::move(on_closed)) {}

LocalClients::~LocalClients() = default;

void LocalClients::join(std::uint64_t id, std::unique_ptr<net::ByteStream> client,
                        std::unique_ptr<PeerStream> peer, std::string service) {
  auto pipe = std::make_unique<Pipe>(scheduler_, std::move(client), std::move(peer),
                                     [this, id](const Ending& ending) { on_done(id, ending); });
  Connection& connection = connections_[id];
  connection.pipe = std::move(pipe);
  connection.service = std::move(service);
  connection.since = scheduler_.now();
  connection.pipe->start();
}

void LocalClients::on_done(std::uint64_t id, const Ending& ending) {
  const auto found = connections_.find(id);
  const PeerStream& peer = found->second.pipe->peer();
  const ClosedConnection closed{.id = id,
                                .peer = peer.remote_key(),
                                .service = service_of(peer.info(), found->second.service),
                                .stats = found->second.pipe->stats(),
                                .cause = ending.cause,
                                .reason = ending.reason,
                                .service_error = {}};
  closed_total_ += closed.stats;
  scheduler_.delete_later(std::move(found->second.pipe));
  connections_.erase(found);
  on_closed_(closed);
  check_left();
}

void LocalClients::abort(std::uint64_t id, const Ending& ending) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) found->second.pipe->abort(ending);
}

void LocalClients::abort_all(const Ending& ending) {
  for (const OpenConnection& connection : list()) abort(connection.id, ending);
}

void LocalClients::leave(const std::string& reason, Duration at_most, std::function<void()> done) {
  on_left_ = std::move(done);
  for (const OpenConnection& open : list()) {
    const auto found = connections_.find(open.id);
    if (found != connections_.end()) found->second.pipe->leave({Cause::kHsfwd, reason}, at_most);
  }
  check_left();
}

void LocalClients::check_left() {
  if (!connections_.empty()) return;
  if (const auto left = std::exchange(on_left_, nullptr)) left();
}

std::vector<OpenConnection> LocalClients::list() const {
  std::vector<OpenConnection> out;
  for (const auto& [id, connection] : connections_) {
    out.push_back({.id = id,
                   .peer = &connection.pipe->peer(),
                   .service = service_of(connection.pipe->peer().info(), connection.service),
                   .stats = connection.pipe->stats(),
                   .since = connection.since});
  }
  return out;
}

PipeStats LocalClients::total() const {
  PipeStats out = closed_total_;
  for (const auto& [id, connection] : connections_) out += connection.pipe->stats();
  return out;
}

void LocalClients::collect(MetricSink& sink) const {
  collect_tunnel(sink, connections_.size(), total());
}

}  // namespace hsfwd::forward
