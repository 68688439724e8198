// SPDX-License-Identifier: Apache-2.0
#include "cli/peer_tunnel.hpp"

#include <fmt/format.h>

#include <utility>

#include "cli/connect_kind.hpp"
#include "cli/figures.hpp"
#include "cli/service_question.hpp"
#include "cli/timeline.hpp"
#include "cli/tunnel_events.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

PeerTunnel::PeerTunnel(App& app, PeerReference peer, forward::LocalForward forward)
    : app_(app),
      peer_(std::move(peer)),
      service_(std::move(forward.service)),
      last_failure_(app, peer_.key),
      address_(app, std::move(forward.listen),
               [this](std::unique_ptr<net::ByteStream> local) { on_accepted(std::move(local)); }),
      clients_(app.scheduler(),
               [this](const forward::ClosedConnection& closed) { on_closed(closed); }) {}

std::optional<Tunnel::Problem> PeerTunnel::change(const TunnelSpec& spec) {
  const auto& wanted = static_cast<const ConnectSpec&>(spec);
  const bool other_peer = wanted.peer.key != peer_.key;
  const bool other_service = wanted.forward.service != service_;
  peer_ = wanted.peer;
  service_ = wanted.forward.service;
  if (other_peer || other_service) {
    clients_.abort_all({forward::Cause::kHsfwd, kConfigurationChanged});
    last_failure_.lead_to(peer_.key);
  }
  return std::nullopt;
}

std::optional<PeerWish> PeerTunnel::wish() const {
  return PeerWish{peer_, {PeerWish::Kind::kTcp, service_}};
}

void PeerTunnel::close(const std::string& reason, std::function<void()> done) {
  address_.close();
  clients_.abort_all({forward::Cause::kHsfwd, reason});
  done();
}

void PeerTunnel::leave(std::function<void()> done) {
  address_.close();
  clients_.leave(kEnding, kEndingTime, std::move(done));
}

void PeerTunnel::on_accepted(std::unique_ptr<net::ByteStream> local) {
  const std::uint64_t id = app_.connection_ids().take();
  clients_.join(id, std::move(local), dial(id), service_);
}

std::unique_ptr<PeerStream> PeerTunnel::dial(std::uint64_t id) {
  ConnectOptions options;
  options.key_pair = peer_.identity;
  options.extension = Extension{.features = 0, .service = service_};
  options.session = true;
  options.timeline = log_timeline(app_, id, peer_.key, service_);
  auto socket = app_.node().connect_stream(peer_.key, std::move(options));
  socket->set_on_open(
      [this, raw = socket.get(), service = service_, id] { on_open(raw->info(), service, id); });
  report_path_changes(app_, id, *socket);
  return socket;
}

void PeerTunnel::on_open(const PeerInfo& peer, const std::string& service, std::uint64_t id) {
  const std::string problem = service_problem(peer, service);
  if (problem.empty()) {
    last_failure_.on_open(id);
    report_connection(app_, id, peer, peer.extension ? peer.extension->service : service);
    return;
  }
  app_.output().error("NO_SUCH_SERVICE", problem);
  clients_.abort(id, {forward::Cause::kRefused, problem});
}

void PeerTunnel::on_closed(const forward::ClosedConnection& closed) {
  last_failure_.on_closed(closed, true);
  report_closed(app_, closed);
}

void PeerTunnel::report() {
  address_.report("for " + peer_.name, [this] { report_ready(); });
}

void PeerTunnel::report_ready() const {
  report_led(app_, address_.to_string(), peer_, service_);
}

std::vector<forward::OpenConnection> PeerTunnel::connections() const {
  return open_ones(clients_.list(), service_);
}

void PeerTunnel::collect(MetricSink& sink) const {
  LabellingSink labelled(sink, {{"listen", address_.to_string()}, {"peer", key_text(peer_.key)}});
  clients_.collect(labelled);
}

std::vector<Trouble> PeerTunnel::health() const {
  if (auto closed = address_.troubles(); !closed.empty()) return closed;
  auto failed = last_failure_.trouble(address_.to_string(), peer_, service_);
  return failed ? std::vector<Trouble>{std::move(*failed)} : std::vector<Trouble>();
}

Json PeerTunnel::status() const {
  const auto figures = Figures::of(*this);
  ConnectStatus out{
      .listen = address_.to_string(),
      .peer = to_hex(peer_.key.view()),
      .name = peer_.name,
      .service = service_,
      .connections = connections().size(),
      .bytes_to_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "to_peer"}}),
      .bytes_from_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "from_peer"}})};
  if (!address_.problem().empty()) out.problem = told(address_.problem());
  last_failure_.fill(out);
  return encode(out);
}

}  // namespace hsfwd::cli
