// SPDX-License-Identifier: Apache-2.0
#include "forward/connections.hpp"

#include <algorithm>

namespace hsfwd::forward {

namespace {
constexpr Duration kLeaveTime = 5_s;
}

struct ServiceHost::Leaving final : net::ByteStreamObserver {
  Leaving(ServiceHost& h, std::unique_ptr<net::BufferedByteStream> p)
      : host(h), peer(std::move(p)), timer(h.scheduler_, [this] {
          peer->reset();
          host.let_go(*this);
        }) {
    peer->set_observer(this);
    peer->end();
    timer.start(kLeaveTime);
  }
  void on_readable() override {}
  void on_writable() override {
    if (peer->flushed()) host.let_go(*this);
  }
  void on_reset(const std::string&) override { host.let_go(*this); }

  ServiceHost& host;
  std::unique_ptr<net::BufferedByteStream> peer;
  Timer timer;
};

ServiceHost::ServiceHost(Scheduler& scheduler, net::StreamFactory& streams, ConnectionIds& ids,
                         std::vector<Service> services, OnClosed on_closed)
    : scheduler_(scheduler),
      streams_(streams),
      ids_(ids),
      services_(std::move(services)),
      on_closed_(std::move(on_closed)) {
  HSFWD_CHECK(!services_.empty());
}

ServiceHost::~ServiceHost() = default;

const Service* ServiceHost::find(const std::string& name) const {
  if (name.empty()) return &services_.front();
  const auto found = std::find_if(services_.begin(), services_.end(),
                                  [&](const Service& service) { return service.name == name; });
  return found != services_.end() ? &*found : nullptr;
}

std::uint64_t ServiceHost::serve(std::unique_ptr<net::BufferedByteStream> peer,
                                 const Service& service) {
  const std::uint64_t id = ids_.next++;
  Connection& connection = connections_[id];
  connection.peer = std::move(peer);
  waiting_[id] = std::make_unique<Waiting>(*this, id);
  connection.peer->set_observer(waiting_[id].get());
  connection.dial = streams_.dial(service.target, [this, id, &service](auto result) {
    on_dialled(id, service, std::move(result));
  });
  return id;
}

void ServiceHost::turn_away(std::unique_ptr<net::BufferedByteStream> peer) {
  leaving_.push_back(std::make_unique<Leaving>(*this, std::move(peer)));
}

void ServiceHost::let_go(Leaving& leaving) {
  leaving.timer.stop();
  leaving.peer->set_observer(nullptr);
  const auto found = std::find_if(leaving_.begin(), leaving_.end(),
                                  [&](const auto& entry) { return entry.get() == &leaving; });
  scheduler_.retire(std::move(*found));
  leaving_.erase(found);
}

void ServiceHost::on_dialled(std::uint64_t id, const Service& service,
                             Result<std::unique_ptr<net::ByteStream>, std::string> result) {
  Connection& connection = connections_.at(id);
  scheduler_.retire(std::move(connection.dial));
  if (!result) {
    // The peer sees its connection open and then reset, as from a port nobody listens on.
    connection.peer->set_observer(nullptr);
    connection.peer->reset();
    close(id, "service " + service.target.to_string() + ": " + result.error());
    return;
  }
  connection.pipe = std::make_unique<Pipe>(
      scheduler_, std::move(*result), std::move(connection.peer),
      [this, id](const std::string& reason) { close(id, reason); });
  scheduler_.retire(std::move(waiting_[id]));
  waiting_.erase(id);
  connection.pipe->start();
}

void ServiceHost::close(std::uint64_t id, const std::string& reason) {
  const auto found = connections_.find(id);
  ClosedConnection closed{.id = id, .reason = reason};
  if (found->second.pipe) closed.stats = found->second.pipe->stats();
  // The call may come from any of them.
  scheduler_.retire(std::make_unique<Connection>(std::move(found->second)));
  connections_.erase(found);
  const auto waiting = waiting_.find(id);
  if (waiting != waiting_.end()) {
    scheduler_.retire(std::move(waiting->second));
    waiting_.erase(waiting);
  }
  on_closed_(closed);
}

PortForward::PortForward(Scheduler& scheduler, net::StreamFactory& streams, ConnectionIds& ids,
                         DialPeer dial_peer, OnClosed on_closed)
    : scheduler_(scheduler),
      streams_(streams),
      ids_(ids),
      dial_peer_(std::move(dial_peer)),
      on_closed_(std::move(on_closed)) {}

PortForward::~PortForward() = default;

Result<void, std::string> PortForward::listen(const net::StreamAddress& at) {
  auto listener = streams_.listen(at, [this](auto local) { forward(std::move(local)); });
  if (!listener) return Err(listener.error());
  listener_ = std::move(*listener);
  return {};
}

void PortForward::forward(std::unique_ptr<net::ByteStream> local) {
  const std::uint64_t id = ids_.next++;
  pipes_[id] = std::make_unique<Pipe>(
      scheduler_, std::move(local), dial_peer_(id), [this, id](const std::string& reason) {
        const auto found = pipes_.find(id);
        const ClosedConnection closed{
            .id = id, .stats = found->second->stats(), .reason = reason};
        scheduler_.retire(std::move(found->second));
        pipes_.erase(found);
        on_closed_(closed);
      });
  pipes_[id]->start();
}

void PortForward::abort(std::uint64_t id, const std::string& reason) {
  const auto found = pipes_.find(id);
  if (found != pipes_.end()) found->second->abort(reason);
}

}  // namespace hsfwd::forward
