// SPDX-License-Identifier: Apache-2.0
#include "cli/socks_tunnel.hpp"

#include <fmt/format.h>

#include <utility>

#include "cli/events/tunnels.hpp"
#include "cli/figures.hpp"
#include "cli/service_question.hpp"
#include "cli/socks_kind.hpp"
#include "cli/timeline.hpp"
#include "cli/tunnel_events.hpp"
#include "forward/destination.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

using forward::SocksReply;
using forward::SocksTarget;

namespace {
// Characters of what a client asks for, and of a reason that quotes it.
constexpr std::size_t kShownOfName = 100;
constexpr std::size_t kShownOfWhy = 300;
}  // namespace

SocksTunnel::SocksTunnel(App& app, net::StreamAddress listen, SocksDirectory directory)
    : app_(app),
      directory_(std::move(directory)),
      address_(app, std::move(listen),
               [this](std::unique_ptr<net::ByteStream> local) {
                 clients_.add(app_.connection_ids().take(), std::move(local));
               }),
      refusals_(app.scheduler(), app.log(), app.names()),
      joined_(app.scheduler(),
              [this](const forward::ClosedConnection& closed) { on_closed(closed); }),
      clients_(app.scheduler(), *this) {}

std::optional<Tunnel::Problem> SocksTunnel::change(const TunnelSpec& spec) {
  directory_ = static_cast<const SocksSpec&>(spec).directory;
  for (const forward::OpenConnection& connection : joined_.list()) {
    if (leads_elsewhere(connection)) {
      joined_.abort(connection.id, {forward::Cause::kHsfwd, kConfigurationChanged});
    }
  }
  return std::nullopt;
}

bool SocksTunnel::leads_elsewhere(const forward::OpenConnection& connection) const {
  const auto route = directory_.find(targets_.at(connection.id));
  return !route || route->peer.key != connection.peer->remote_key();
}

std::optional<PeerWish> SocksTunnel::wish() const {
  const auto& peer = directory_.peer();
  if (!peer) return std::nullopt;
  return PeerWish{*peer, {PeerWish::Kind::kDestinations}};
}

void SocksTunnel::close(const std::string& reason, std::function<void()> done) {
  address_.close();
  clients_.close();
  joined_.abort_all({forward::Cause::kHsfwd, reason});
  done();
}

void SocksTunnel::leave(std::function<void()> done) {
  address_.close();
  clients_.close();
  joined_.leave(kEnding, kEndingTime, std::move(done));
}

forward::SocksGuide::Way SocksTunnel::dial(std::uint64_t id, const SocksTarget& target) {
  const auto route = directory_.find(target);
  if (!route) return {.reply = route.error().reply, .peer = nullptr, .why = route.error().why};
  ConnectOptions options;
  options.key_pair = route->peer.identity;
  options.extension = Extension{.features = 0, .service = route->service};
  options.session = true;
  options.timeline = log_timeline(app_, id, route->peer.key, route->service);
  auto peer = app_.node().connect_stream(route->peer.key, std::move(options));
  report_path_changes(app_, id, *peer);
  return {.peer = std::move(peer)};
}

forward::SocksGuide::Opened SocksTunnel::on_open(std::uint64_t, const SocksTarget& target,
                                                 const PeerStream& peer) {
  const auto route = directory_.find(target);
  // The names may have changed since.
  if (!route || route->peer.key != peer.remote_key()) {
    return {.reply = SocksReply::kFailure, .why = kConfigurationChanged};
  }
  const PeerInfo info = peer.info();
  const bool is_destination = forward::Destination::is_meant(route->service);
  const std::string problem = service_problem(info, route->service);
  if (problem.empty()) return {.answers = is_destination};
  if (is_destination) {
    return {.reply = SocksReply::kNotAllowed, .why = route->peer.name + " does not permit it"};
  }
  return {.reply = SocksReply::kRefused, .why = problem};
}

void SocksTunnel::join(std::uint64_t id, const SocksTarget& target,
                       std::unique_ptr<net::ByteStream> client, std::unique_ptr<PeerStream> peer) {
  const PeerInfo info = peer->info();
  report_connection(app_, id, info, info.extension ? info.extension->service : "");
  targets_[id] = target;
  joined_.join(id, std::move(client), std::move(peer),
               info.extension ? info.extension->service : "");
}

void SocksTunnel::on_failed(std::uint64_t id, const std::string& asked, const std::string& why) {
  ++refused_;
  const std::string what = asked.empty() ? "a request" : shortened(asked, kShownOfName);
  const std::string line = printable(fmt::format("{}: {}", what, shortened(why, kShownOfWhy)));
  const bool is_told = refusals_.add_request("socks", line);
  if (!is_told) app_.log().info("socks", "{}: refused {}", id, line);
}

void SocksTunnel::on_excess(const std::string& why) {
  refusals_.add_excess("socks", why);
}

SocksReply SocksTunnel::not_reached(const PeerStream& peer) {
  switch (peer.info().error) {
    case ConnectError::kNoNetwork:
      return SocksReply::kNetworkUnreachable;
    case ConnectError::kReset:
    case ConnectError::kServerError:
      return SocksReply::kRefused;
    case ConnectError::kNoMemory:
    case ConnectError::kBroken:
    case ConnectError::kCut:
      return SocksReply::kFailure;
    default:
      return SocksReply::kHostUnreachable;
  }
}

void SocksTunnel::on_closed(const forward::ClosedConnection& closed) {
  targets_.erase(closed.id);
  report_closed(app_, closed);
}

void SocksTunnel::report() {
  address_.report("SOCKS", [this] { report_ready(); });
}

void SocksTunnel::report_ready() const {
  const auto& peer = directory_.peer();
  events::SocksReady event{.listen = address_.to_string(), .protocol = "socks5"};
  if (peer) event.peer = to_hex(peer->key.view());
  app_.output().event(
      event, printable(fmt::format("ready: SOCKS5 at {} leads to SERVICE.PEER.hsfwd{}{}",
                                   address_.to_string(), peer ? ", and everything else to " : "",
                                   peer ? peer->name : "")));
}

std::vector<forward::OpenConnection> SocksTunnel::connections() const {
  std::vector<forward::OpenConnection> out = joined_.list();
  for (forward::OpenConnection& connection : out) {
    const auto extension = connection.peer->info().extension;
    if (extension) connection.service = extension->service;
  }
  return out;
}

void SocksTunnel::collect(MetricSink& sink) const {
  LabellingSink labelled(sink, {{"socks", address_.to_string()}});
  joined_.collect(labelled);
  labelled.gauge("hsfwd_socks_waiting", "SOCKS clients that are not connected yet",
                 clients_.count());
  labelled.counter("hsfwd_socks_refused", "Requests of SOCKS clients that were refused", refused_);
}

Json SocksTunnel::status() const {
  const auto figures = Figures::of(*this);
  SocksStatus out{
      .listen = address_.to_string(),
      .connections = joined_.connections(),
      .waiting = figures.at("hsfwd_socks_waiting"),
      .refused = figures.at("hsfwd_socks_refused"),
      .bytes_to_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "to_peer"}}),
      .bytes_from_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "from_peer"}})};
  if (const auto& peer = directory_.peer()) {
    out.peer = to_hex(peer->key.view());
    out.name = peer->name;
  }
  if (!address_.problem().empty()) out.problem = told(address_.problem());
  return encode(out);
}

}  // namespace hsfwd::cli
