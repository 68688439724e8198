// SPDX-License-Identifier: Apache-2.0
#include "cli/udp_tunnel.hpp"

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

UdpTunnel::UdpTunnel(App& app, PeerReference peer, forward::LocalForward forward, Duration idle)
    : app_(app),
      peer_(std::move(peer)),
      service_(std::move(forward.service)),
      last_failure_(app, peer_.key),
      oversized_(app),
      clients_(app.env(), idle,
               {.dial = [this](std::uint64_t& id) { return dial(id); },
                .on_open = [this](std::uint64_t id,
                                  const PeerStream& stream) { return on_open(id, stream); },
                .on_closed =
                    [this](forward::ClosedConnection closed) {
                      if (closed.service.empty()) closed.service = service_;
                      on_closed(closed);
                    },
                .on_too_large =
                    [this](forward::TooLarge lost) {
                      if (lost.service.empty()) lost.service = service_;
                      oversized_.add(address_.to_string(), lost);
                    }}),
      address_(app, std::move(forward.listen), listener()) {}

LocalAddress::Listener UdpTunnel::listener() {
  return {.listen =
              [this](const net::StreamAddress& at) {
                return clients_.listen({*net::Ipv4::parse(at.host), at.port});
              },
          .close = [this] { clients_.stop_listening(); },
          .address = [this]() -> std::optional<net::StreamAddress> {
            if (!clients_.listening()) return std::nullopt;
            const net::Address at = clients_.address();
            return net::StreamAddress{.host = at.host.to_string(), .port = at.port, .udp = true};
          }};
}

std::optional<Tunnel::Problem> UdpTunnel::change(const TunnelSpec& spec) {
  const auto& wanted = static_cast<const ConnectSpec&>(spec);
  const bool other = wanted.peer.key != peer_.key || wanted.forward.service != service_;
  peer_ = wanted.peer;
  service_ = wanted.forward.service;
  if (other) {
    clients_.abort_all(kConfigurationChanged);
    last_failure_.lead_to(peer_.key);
  }
  clients_.set_idle(wanted.udp_idle);
  return std::nullopt;
}

std::optional<PeerWish> UdpTunnel::wish() const {
  return PeerWish{peer_, {PeerWish::Kind::kUdp, service_}};
}

void UdpTunnel::close(const std::string& reason, std::function<void()> done) {
  address_.close();
  clients_.abort_all(reason);
  done();
}

void UdpTunnel::leave(std::function<void()> done) {
  close(kEnding, std::move(done));
}

std::unique_ptr<PeerStream> UdpTunnel::dial(std::uint64_t& id) {
  id = app_.connection_ids().take();
  ConnectOptions options;
  options.key_pair = peer_.identity;
  options.extension = Extension{.features = Extension::kUdpFlows, .service = service_};
  options.session = true;
  options.timeline = log_timeline(app_, id, peer_.key, service_);
  auto stream = app_.node().connect_stream(peer_.key, std::move(options));
  report_path_changes(app_, id, *stream);
  return stream;
}

std::string UdpTunnel::on_open(std::uint64_t id, const PeerStream& stream) {
  const PeerInfo peer = stream.info();
  std::string problem = udp_service_problem(stream, service_);
  if (problem.empty()) {
    last_failure_.on_open(id);
    report_connection(app_, id, peer, peer.extension ? peer.extension->service : service_);
  } else {
    app_.output().error("NO_SUCH_SERVICE", problem);
  }
  return problem;
}

/// Many flows lead one way only.
void UdpTunnel::on_closed(const forward::ClosedConnection& closed) {
  last_failure_.on_closed(closed, false);
  report_closed(app_, closed);
}

void UdpTunnel::report() {
  address_.report("for " + peer_.name, [this] { report_ready(); });
}

void UdpTunnel::report_ready() const {
  report_led(app_, address_.to_string(), peer_, service_);
}

std::vector<forward::OpenConnection> UdpTunnel::connections() const {
  return open_ones(clients_.list(), service_);
}

void UdpTunnel::collect(MetricSink& sink) const {
  LabellingSink labelled(sink, {{"listen", address_.to_string()}, {"peer", key_text(peer_.key)}});
  clients_.collect(labelled);
}

std::vector<Trouble> UdpTunnel::health() const {
  if (auto closed = address_.troubles(); !closed.empty()) return closed;
  auto failed = last_failure_.trouble(address_.to_string(), peer_, service_);
  return failed ? std::vector<Trouble>{std::move(*failed)} : std::vector<Trouble>();
}

Json UdpTunnel::status() const {
  const auto figures = Figures::of(*this);
  ConnectStatus out{
      .listen = address_.to_string(),
      .peer = to_hex(peer_.key.view()),
      .name = peer_.name,
      .service = service_,
      .connections = connections().size(),
      .flows = clients_.flows(),
      .drops = drops_of(clients_.drops()),
      .bytes_to_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "to_peer"}}),
      .bytes_from_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "from_peer"}})};
  if (!address_.problem().empty()) out.problem = told(address_.problem());
  last_failure_.fill(out);
  return encode(out);
}

}  // namespace hsfwd::cli
