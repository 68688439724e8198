// SPDX-License-Identifier: Apache-2.0
#include "cli/exposure.hpp"

#include <fmt/format.h>

#include <utility>

#include "cli/figures.hpp"
#include "cli/targets.hpp"
#include "cli/tunnel_events.hpp"
#include "platform/listeners.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

std::vector<std::string> names_of(const std::vector<forward::Service>& services) {
  std::vector<std::string> out;
  for (const forward::Service& service : services) out.push_back(service.name);
  return out;
}

}  // namespace

Exposure::Exposure(App& app, const ExposeSpec& spec, const KeyPair& keys,
                   std::optional<platform::IdentityLock> lock)
    : app_(app),
      keys_(keys),
      identity_(spec.identity),
      lock_(std::move(lock)),
      policy_(spec.policy),
      client_relays_(spec.client_relays),
      host_(app.scheduler(), app.streams(), spec.services,
            [this](const forward::ClosedConnection& closed) { report_closed(app_, closed); }),
      guests_(app.scheduler()),
      refusals_(app.scheduler(), app.log()),
      reachability_(app, keys.public_key),
      again_timer_(app.scheduler(), [this] { try_to_announce(); }) {}

Exposure::~Exposure() = default;

void Exposure::claim(Claims& claims) const {
  if (claims.keys.insert(public_key()).second) return;
  throw UserError{kFailed, "KEY_IN_USE",
                  fmt::format("the key of identity {} is exposed already", identity_)};
}

void Exposure::prepare(Unavailable unavailable) {
  auto lock = platform::IdentityLock::acquire(public_key(), identity_, app_.log());
  if (lock) {
    lock_ = std::move(*lock);
    return;
  }
  if (unavailable == Unavailable::kRefused) {
    throw UserError{kFailed, "IDENTITY_IN_USE", lock.error().why};
  }
  problem_ = fmt::format("identity {} is announced by another hsfwd process", identity_);
}

std::optional<Tunnel::Problem> Exposure::problem() const {
  if (problem_.empty()) return std::nullopt;
  return Problem{"IDENTITY_IN_USE", problem_};
}

void Exposure::start() {
  start([this, reported = false](std::size_t relays) mutable {
    if (relays > 0 && !std::exchange(reported, true)) report_listening();
  });
}

void Exposure::start(std::function<void(std::size_t)> on_announced) {
  on_announced_ = std::move(on_announced);
  if (problem_.empty()) return announce();
  app_.output().error("IDENTITY_IN_USE", problem_ + "; trying again");
  again_timer_.start(kTunnelTryAgain);
}

void Exposure::try_to_announce() {
  auto lock = platform::IdentityLock::acquire(public_key(), identity_, app_.log());
  if (!lock) return again_timer_.start(kTunnelTryAgain);
  lock_ = std::move(*lock);
  problem_.clear();
  announce();
}

void Exposure::look_for_services() {
  for (const forward::Service& service : host_.services()) {
    if (const std::string hint = name_hint(service); !hint.empty()) {
      const std::string& host = service.target.host;
      lookups_.push_back(
          app_.env().resolver.resolve(host, [this, hint, host](const Result<net::Ipv4>& found) {
            if (!found) app_.log().warning("expose", "host {} has no IPv4 address: {}", host, hint);
          }));
    }
    const std::string why = platform::why_nobody_listens(service.target);
    if (why.empty()) continue;
    app_.log().warning("expose",
                       "service {}: {}: {}; peers cannot use it until something listens there",
                       service.name, printable(service.target.to_string()), why);
  }
}

void Exposure::announce() {
  server_ = app_.node().create_server(
      [this](PeerSocket socket) { on_connection(std::move(socket)); }, server_options());
  server_->on_announced(on_announced_);
  if (!server_->listen(keys_)) {
    throw UserError{kFailed, "KEY_IN_USE", "this identity is exposed twice"};
  }
}

ServerOptions Exposure::server_options() {
  ServerOptions out;
  out.allow = [this](const Visitor& visitor) {
    const bool allowed = policy_.admits(visitor.key);
    if (!allowed) refusals_.add(visitor.key);
    return allowed;
  };
  out.extension = [this](const std::optional<Extension>& theirs) {
    return answer_extension(theirs);
  };
  out.client_relays = [this] { return client_relays(); };
  out.on_reachability = [this](const Reachability& found) { reachability_.on_tested(found); };
  return out;
}

/// The relays of clients that are named on the list may know this machine by its key, as they do.
ClientRelayPolicy Exposure::client_relays() const {
  if (!client_relays_) return ClientRelayPolicy::kRefuse;
  return policy_.admits_everybody() ? ClientRelayPolicy::kAnonymous : ClientRelayPolicy::kOpen;
}

void Exposure::change(const TunnelSpec& spec) {
  const auto& wanted = static_cast<const ExposeSpec&>(spec);
  policy_ = wanted.policy;
  client_relays_ = wanted.client_relays;
  host_.set_services(wanted.services, kConfigurationChanged);
  host_.end_connections(
      [this](const forward::OpenConnection& connection) {
        return !policy_.allows_service(connection.peer->remote_key(), connection.service);
      },
      kConfigurationChanged);
}

void Exposure::report() {
  if (!introducers().empty()) report_listening();
}

void Exposure::close(const std::string& reason, std::function<void()> done) {
  closing_ = true;
  host_.end_connections([](const forward::OpenConnection&) { return true; }, reason);
  withdraw(std::move(done));
}

void Exposure::leave(std::function<void()> done) {
  closing_ = true;
  left_.start(2, std::move(done));
  host_.leave(kEnding, kEndingTime, [this] { left_.step(); });
  withdraw([this] { left_.step(); });
}

void Exposure::withdraw(std::function<void()> done) {
  again_timer_.stop();
  if (server_) return server_->close(std::move(done));
  closed_task_.emplace(app_.scheduler(), std::move(done));
  closed_task_->post();
}

std::vector<net::Address> Exposure::introducers() const {
  return server_ ? server_->introducers() : std::vector<net::Address>();
}

/// The service that the client gets. Stock clients do not ask, and get the first.
std::optional<Extension> Exposure::answer_extension(const std::optional<Extension>& theirs) const {
  if (!theirs) return std::nullopt;
  const forward::Service* service = theirs->wants_service() ? host_.find(theirs->service) : nullptr;
  return Extension{.features = 0,
                   .service = service != nullptr ? service->name : "",
                   .services = names_of(host_.services())};
}

void Exposure::on_connection(PeerSocket accepted) {
  // It was let in when its handshake came, and the settings may have changed since.
  if (closing_ || !policy_.admits(accepted.remote_key())) return;
  std::unique_ptr<PeerStream> socket = accepted.release();
  auto ticket = app_.admission().admit(socket->remote_key());
  if (!ticket) return refuse(*socket, ticket.error());
  const auto extension = socket->info().extension;
  if (extension && !extension->wants_service()) {
    app_.log().info("expose", "{} examines the connection", key_text(socket->remote_key()));
    guests_.add(std::move(socket), std::move(*ticket));
    return;
  }
  serve(std::move(socket), std::move(*ticket));
}

void Exposure::serve(std::unique_ptr<PeerStream> socket, forward::Admission::Ticket ticket) {
  const PeerInfo peer = socket->info();
  const forward::Service* service = host_.find(peer.extension ? peer.extension->service : "");
  if (service == nullptr || !policy_.allows_service(peer.key, service->name)) {
    host_.turn_away(std::move(socket), std::move(ticket));
    return;
  }
  if (const auto dial = ticket.start_dial(); !dial) return refuse(*socket, dial.error());
  const std::uint64_t id = app_.connection_ids().take();
  report_connection(app_, id, peer, service->name);
  report_path_changes(app_, id, *socket);
  host_.serve(id, std::move(socket), *service, std::move(ticket));
}

void Exposure::refuse(PeerStream& socket, const std::string& why) {
  ++refused_;
  refusals_.add_excess(why);
  socket.reset_because(why);
}

void Exposure::report_listening() const {
  std::string text = fmt::format("listening as {}\n", key_text(public_key()));
  for (const forward::Service& service : host_.services()) {
    text += fmt::format("  {} -> {}\n", service.name, printable(service.target.to_string()));
  }
  text += fmt::format("connect with: hsfwd connect {} -L PORT", key_text(public_key()));
  app_.output().event(events::Listening{to_hex(public_key().view()), key_text(public_key()),
                                        names_of(host_.services())},
                      text);
}

void Exposure::collect(MetricSink& sink) const {
  LabellingSink labelled(sink, {{"exposed", key_text(public_key())}});
  host_.collect(labelled);
  labelled.counter("hsfwd_tunnel_refused", "Connections refused because there were too many",
                   refused_);
  labelled.gauge("hsfwd_tunnel_guests", "Peers that want no service and measure the path",
                 guests_.count());
}

Json Exposure::status() const {
  const auto& tested = reachability_.last();
  const auto figures = Figures::of(*this);
  ExposeStatus out{.public_key = to_hex(public_key().view()), .key = key_text(public_key())};
  for (const forward::Service& service : host_.services()) {
    out.services.push_back({service.name, service.target.to_string()});
  }
  for (const PublicKey& key : policy_.keys()) {
    if (!out.allow) out.allow.emplace();
    out.allow->push_back(to_hex(key.view()));
  }
  for (const net::Address& address : introducers()) out.relays.push_back(address.to_string());
  if (tested) out.reachable = tested->reachable();
  out.shared = tested && tested->shared;
  out.connections = figures.at("hsfwd_tunnel_connections");
  out.refused = figures.at("hsfwd_tunnel_refused");
  out.bytes_to_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "to_peer"}});
  out.bytes_from_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "from_peer"}});
  if (!problem_.empty()) out.problem = told(problem_);
  return encode(out);
}

}  // namespace hsfwd::cli
