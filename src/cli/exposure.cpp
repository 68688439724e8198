// SPDX-License-Identifier: Apache-2.0
#include "cli/exposure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/events/tunnels.hpp"
#include "cli/figures.hpp"
#include "cli/permits.hpp"
#include "cli/targets.hpp"
#include "ip/address.hpp"
#include "platform/host_name.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// Each once, also if it is a service of TCP and one of UDP.
std::vector<std::string> names_of(const std::vector<forward::Service>& services) {
  std::vector<std::string> out;
  for (const forward::Service& service : services) {
    const bool known = std::find(out.begin(), out.end(), service.name) != out.end();
    if (!known) out.push_back(service.name);
  }
  return out;
}

/// What clients of holesail get, which is the first service.
std::optional<HolesailRecord> record_of(const ExposeSpec& spec) {
  if (!spec.holesail) return std::nullopt;
  const net::StreamAddress& at = spec.services.front().target;
  return HolesailRecord{.port = at.port, .udp = at.udp};
}

}  // namespace

Exposure::Exposure(App& app, const ExposeSpec& spec, std::shared_ptr<KeyListener> listener)
    : app_(app),
      listener_(std::move(listener)),
      identity_(spec.identity),
      policy_(spec.policy_of(listener_->public_key())),
      client_relays_(spec.client_relays),
      own_key_only_(spec.own_key_only),
      listing_(app, listener_->keys()),
      host_(app.scheduler(), app.streams(), spec.services,
            [this](const forward::ClosedConnection& closed) { on_served(closed); }),
      udp_(app.env(), spec.udp_idle,
           [this](const forward::ClosedConnection& closed) { report_closed(app_, closed); }),
      reverse_(app.scheduler(), app.streams(), *this),
      oversized_(app) {
  udp_.set_on_too_large([this](const forward::TooLarge& lost) { oversized_.add("", lost); });
  listing_.set(record_of(spec));
}

Exposure::~Exposure() {
  listener_->remove(*this);
}

void Exposure::claim(Claims& claims) const {
  if (claims.keys.insert(public_key()).second) return;
  throw UserError{kFailed, "KEY_IN_USE",
                  fmt::format("the key of identity {} is exposed already", identity_)};
}

void Exposure::prepare(Unavailable unavailable) {
  listener_->prepare(unavailable);
}

std::optional<Tunnel::Problem> Exposure::problem() const {
  if (listener_->problem().empty()) return std::nullopt;
  return Problem{"IDENTITY_IN_USE", listener_->problem()};
}

void Exposure::start() {
  start([this, reported = false](std::size_t relays) mutable {
    if (relays > 0 && !std::exchange(reported, true)) report_listening();
  });
}

void Exposure::start(std::function<void(std::size_t)> on_announced) {
  on_announced_ = std::move(on_announced);
  listener_->start(*this);
}

void Exposure::on_announced(std::size_t introducers) {
  if (introducers == 0) return on_announced_(introducers);
  // Who is told that it is there finds the record as well.
  listing_.keep([this, introducers] { on_announced_(introducers); });
}

void Exposure::look_for_services() {
  std::optional<platform::ListeningPorts> ports;
  for (const forward::Service& service : host_.services()) {
    look_up_host(service);
    look_for(service, ports);
  }
}

void Exposure::look_for(const forward::Service& service,
                        std::optional<platform::ListeningPorts>& ports) {
  if (service.target.udp) udp_looked_for_[service.name] = app_.scheduler().now();
  const std::string why = platform::why_nobody_listens(service.target, ports);
  if (why.empty()) return;
  app_.log().warning("expose", "service {}: {}: {}; peers cannot use it until {}", service.name,
                     printable(service.target.to_string()), why,
                     platform::is_closed_to_user(service.target) ? "this user may connect to it"
                                                                 : "something listens there");
}

/// Datagrams that nobody takes are lost without a word.
void Exposure::look_for_udp(const forward::Service& service) {
  const auto last = udp_looked_for_.find(service.name);
  if (last != udp_looked_for_.end() && app_.scheduler().now() < last->second + 1_min) return;
  std::optional<platform::ListeningPorts> ports;
  look_for(service, ports);
}

void Exposure::look_up_host(const forward::Service& service) {
  const std::string& host = service.target.host;
  if (service.target.is_unix() || host == "localhost" || ip::parse_host(host)) return;
  const std::string hint = name_hint(service);
  lookups_.push_back(app_.env().resolver.resolve(
      host, [this, name = service.name, hint, host](const Result<net::Ipv4>& found) {
        if (found) return;
        app_.log().warning("expose", "service {}: host {} has no IPv4 address{}; {}", name,
                           printable(host), hint.empty() ? " at the moment" : "",
                           hint.empty() ? "peers cannot use it until it has one" : hint);
      }));
}

/// The relays of clients that are named on the list may know this machine by its key, as they do.
ClientRelayPolicy Exposure::client_relays() const {
  if (!client_relays_) return ClientRelayPolicy::kRefuse;
  return policy_.admits_everybody() ? ClientRelayPolicy::kAnonymous : ClientRelayPolicy::kOpen;
}

std::optional<Tunnel::Problem> Exposure::change(const TunnelSpec& spec) {
  const auto& wanted = static_cast<const ExposeSpec&>(spec);
  policy_ = wanted.policy_of(public_key());
  client_relays_ = wanted.client_relays;
  own_key_only_ = wanted.own_key_only;
  udp_looked_for_.clear();
  listing_.set(record_of(wanted));
  if (!listener_->introducers().empty()) listing_.keep([] {});
  host_.set_services(wanted.services, kConfigurationChanged);
  udp_.set_services(wanted.services, kConfigurationChanged);
  udp_.set_idle(wanted.udp_idle);
  end_connections(
      [this](const forward::OpenConnection& connection) {
        return !policy_.still_allows(connection, app_.vicinity(), app_.scheduler().now());
      },
      kConfigurationChanged);
  reverse_.end([this](const PublicKey& who,
                      const forward::ListenRequest& at) { return !policy_.may_listen(who, at); },
               kConfigurationChanged);
  return std::nullopt;
}

bool Exposure::allows(const PublicKey& who, const forward::Destination& to,
                      net::Ipv4 address) const {
  return policy_.allows_destination(who, to,
                                    app_.vicinity().place_of(address, app_.scheduler().now()));
}

void Exposure::report() {
  if (!listener_->introducers().empty()) report_listening();
}

void Exposure::end_connections(const std::function<bool(const forward::OpenConnection&)>& unwanted,
                               const std::string& reason) {
  host_.end_connections(unwanted, reason);
  udp_.end_connections(unwanted, reason);
}

std::vector<forward::OpenConnection> Exposure::connections() const {
  std::vector<forward::OpenConnection> out = host_.list();
  for (forward::OpenConnection& connection : udp_.list()) out.push_back(std::move(connection));
  for (forward::OpenConnection& connection : reverse_.list()) out.push_back(std::move(connection));
  return out;
}

void Exposure::close(const std::string& reason, std::function<void()> done) {
  listing_.stop();
  end_connections([](const forward::OpenConnection&) { return true; }, reason);
  reverse_.end([](const PublicKey&, const forward::ListenRequest&) { return true; }, reason);
  listener_->stop(*this, std::move(done));
}

void Exposure::leave(std::function<void()> done) {
  listing_.stop();
  left_.start(3, std::move(done));
  reverse_.leave(kEnding, kEndingTime, [this] { left_.step(); });
  udp_.end_connections([](const forward::OpenConnection&) { return true; }, kEnding);
  host_.leave(kEnding, kEndingTime, [this] { left_.step(); });
  listener_->stop(*this, [this] { left_.step(); });
}

/// Whoever names nothing else comes for a service; those that want none learn which there are.
bool Exposure::is_meant(const PublicKey&, const std::optional<Extension>& client) const {
  return !client || !client->wants_packets();
}

/// The others are none of the client's business.
std::vector<std::string> Exposure::services_for(const PublicKey& who) const {
  std::vector<std::string> out = names_of(host_.services());
  std::erase_if(out, [&](const std::string& name) { return !policy_.allows_service(who, name); });
  return out;
}

/// By default the first that the client may reach. Of a name that is two services, the client's protocol says which;
/// one that says none gets the first.
const forward::Service* Exposure::find_service(const PublicKey& who,
                                               const std::optional<Extension>& client) const {
  const std::vector<std::string> names = services_for(who);
  if (names.empty()) return nullptr;
  const bool named = client && !client->service.empty();
  const std::string name = named ? forward::service_meant(names, client->service) : names.front();
  if (name.empty()) return nullptr;
  const auto& services = host_.services();
  const auto found = std::find_if(services.begin(), services.end(), [&](const auto& service) {
    return service.name == name && client && service.target.udp == client->has_udp_flows();
  });
  return found != services.end() ? &*found : host_.find(name);
}

/// Whether each is TCP or UDP. One that is both stands twice.
void Exposure::say_kinds(Extension& told) const {
  const std::vector<std::string> names = told.services;
  std::vector<bool> kinds;
  for (const std::string& name : names) kinds.push_back(host_.find(name)->target.udp);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool both = std::any_of(host_.services().begin(), host_.services().end(),
                                  [&](const forward::Service& other) {
                                    return other.name == names[i] && other.target.udp != kinds[i];
                                  });
    if (!both) continue;
    told.services.push_back(names[i]);
    kinds.push_back(!kinds[i]);
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) told.say_udp(i, kinds[i]);
}

/// The service that the client gets. Stock clients do not ask, and get the first.
Extension Exposure::answer(const PublicKey& who, const Extension& client) const {
  Extension out{.features = 0, .service = {}, .services = services_for(who)};
  if (!client.wants_service()) {
    say_kinds(out);
    return out;
  }
  if (const auto to = forward::Destination::from_service(client.service)) {
    if (policy_.may_allow_destination(who, *to)) out.service = to->to_service();
  } else if (const auto at = forward::ListenRequest::from_service(client.service)) {
    if (policy_.may_listen(who, *at)) out.service = at->to_service();
  } else if (const forward::Service* service = find_service(who, client)) {
    out.service = service->name;
    if (service->target.udp) out.features |= Extension::kUdpFlows;
  }
  return out;
}

void Exposure::on_connection(std::unique_ptr<PeerStream> peer) {
  auto ticket = app_.admission().admit(peer->remote_key());
  if (!ticket) return refuse(*peer, ticket.error());
  serve(std::move(peer), std::move(*ticket));
}

void Exposure::serve(std::unique_ptr<PeerStream> socket, forward::Admission::Ticket ticket) {
  const PeerInfo peer = socket->info();
  const std::string wanted = peer.extension ? peer.extension->service : "";
  if (const auto to = forward::Destination::from_service(wanted)) {
    return serve_destination(std::move(socket), *to, std::move(ticket));
  }
  if (const auto at = forward::ListenRequest::from_service(wanted)) {
    return reverse_.serve(std::move(socket), *at, policy_.listens_for(peer.key), std::move(ticket));
  }
  const forward::Service* service = find_service(peer.key, peer.extension);
  if (service == nullptr) {
    host_.turn_away(std::move(socket), std::move(ticket));
    return;
  }
  const bool udp = service->target.udp;
  if (peer.extension && peer.extension->has_udp_flows() != udp) {
    const std::string why = fmt::format("service {} is {}", service->name, udp ? "UDP" : "TCP");
    const std::string key = key_text(peer.key);
    app_.log().about(key).info(component(), "{} is refused: {}", key, why);
    return socket->reset_because(why);
  }
  if (udp) return serve_udp(std::move(socket), *service, std::move(ticket));
  if (const auto dial = ticket.start_dial(); !dial) return refuse(*socket, dial.error());
  const std::uint64_t id = app_.connection_ids().take();
  report_connection(app_, id, peer, service->name);
  report_path_changes(app_, id, *socket);
  host_.serve(id, std::move(socket), *service, std::move(ticket));
}

/// A datagram needs nobody's answer: only the look-up of a host that has a name can take long.
void Exposure::serve_udp(std::unique_ptr<PeerStream> socket, const forward::Service& service,
                         forward::Admission::Ticket ticket) {
  const std::uint64_t id = app_.connection_ids().take();
  report_connection(app_, id, socket->info(), service.name);
  report_path_changes(app_, id, *socket);
  look_for_udp(service);
  udp_.serve(id, std::move(socket), service, std::move(ticket));
}

void Exposure::serve_destination(std::unique_ptr<PeerStream> socket, const forward::Destination& to,
                                 forward::Admission::Ticket ticket) {
  const PeerInfo peer = socket->info();
  if (!policy_.may_allow_destination(peer.key, to)) {
    const std::string key = key_text(peer.key);
    app_.log().about(key).info(component(), "{} may not reach {}", key, to.to_string());
    return host_.refuse_destination(std::move(socket), to, std::move(ticket));
  }
  if (const auto dial = ticket.start_dial(); !dial) return refuse(*socket, dial.error());
  const std::uint64_t id = app_.connection_ids().take();
  report_connection(app_, id, peer, to.to_service());
  report_path_changes(app_, id, *socket);
  host_.serve_destination(
      id, std::move(socket), to, app_.env().resolver,
      {.reach = [this, who = peer.key, to](net::Ipv4 address) { return allows(who, to, address); },
       .know_name = [this, who = peer.key, to] { return policy_.names_destination(who, to); }},
      std::move(ticket));
}

/// A service that has said anything is there; what becomes of one that has not is told ahead of its address.
void Exposure::on_served(const forward::ClosedConnection& closed) {
  const forward::Service* const service = host_.find(closed.service);
  if (service != nullptr && !closed.service.empty()) {
    if (closed.cause == forward::Cause::kService) {
      unanswered_[closed.service] = {app_.scheduler().now(), closed.service_error};
    } else if (closed.cause == forward::Cause::kNormal || closed.stats.to_peer > 0) {
      unanswered_.erase(closed.service);
    }
  }
  report_closed(app_, closed);
}

/// Who is not asked by any client is looked at.
std::vector<Trouble> Exposure::health() const {
  std::vector<Trouble> out = listener_->troubles();
  std::optional<platform::ListeningPorts> ports;
  for (const forward::Service& service : host_.services()) {
    const auto failed = service.target.udp ? unanswered_.end() : unanswered_.find(service.name);
    std::string why = platform::why_nobody_listens(service.target, ports);
    // A port of this machine that is open again has been seen.
    const auto at = service.target.ipv4();
    if (why.empty() && (failed == unanswered_.end() || (at && at->is_loopback()))) continue;
    if (why.empty()) why = failed->second.why;
    out.push_back(
        {.code = "SERVICE_SILENT",
         .level = Trouble::Level::kWarning,
         .thing = fmt::format("service {} at {}", service.name, service.target.to_string()),
         .state = "peers cannot use it",
         .why = std::move(why),
         .advice = platform::is_closed_to_user(service.target)
                       ? "let this user connect to it: by its group, or its mode"
                       : "start what is to answer there, or expose another address",
         .since = failed != unanswered_.end() ? std::optional(failed->second.at) : std::nullopt});
  }
  return out;
}

void Exposure::on_listening(const PublicKey& peer, const std::string& address) {
  app_.output().event(
      events::ReverseListening{to_hex(peer.view()), address, true, {}},
      app_.quiet() ? "" : fmt::format("listening at {} for {}", address, app_.names().shown(peer)));
}

void Exposure::on_not_listening(const PublicKey& peer, const std::string& address,
                                const std::string& why) {
  app_.output().event(events::ReverseListening{to_hex(peer.view()), address, false, why},
                      app_.quiet() ? ""
                                   : printable(fmt::format("no longer listening at {} for {}{}{}",
                                                           address, app_.names().shown(peer),
                                                           why.empty() ? "" : ": ", why)));
}

/// Who connects here is a connection of the peer that he is led to.
std::optional<forward::Admission::Ticket> Exposure::admit_client(const PublicKey& peer) {
  auto ticket = app_.admission().admit(peer);
  if (ticket) return std::move(*ticket);
  ++refused_;
  listener_->refusals().add_excess(component(), ticket.error());
  return std::nullopt;
}

void Exposure::on_client(std::uint64_t id, PeerStream& to, const std::string& address) {
  to.set_on_open([this, &to, id, address] { report_connection(app_, id, to.info(), address); });
  report_path_changes(app_, id, to);
}

void Exposure::refuse(PeerStream& socket, const std::string& why) {
  ++refused_;
  listener_->refusals().add_excess(component(), why);
  socket.reset_because(why);
}

void Exposure::report_listening() const {
  std::string text = fmt::format("listening as {}\n", key_text(public_key()));
  std::vector<std::string> targets;
  for (const forward::Service& service : host_.services()) {
    targets.push_back(service.target.to_string());
    text += fmt::format("  {} -> {}{}\n", service.name, printable(service.target.to_string()),
                        service.proxy_header ? kProxyNote : "");
  }
  const Invitation lines = invitation_lines();
  const auto link = holesail_string();
  text += invitation_text(lines, link);
  events::Listening event{to_hex(public_key().view()),
                          key_text(public_key()),
                          names_of(host_.services()),
                          targets,
                          lines.connect,
                          {},
                          link};
  if (!lines.ssh.empty()) event.ssh = lines.ssh;
  app_.output().event(event, text);
}

Invitation Exposure::invitation_lines() const {
  return invitation({.key = public_key(),
                     .services = host_.services(),
                     .policy = policy_,
                     .bootstrap = app_.bootstrap(),
                     .host_name = platform::host_name(),
                     .own_key_only = own_key_only_});
}

/// What to type elsewhere: two or three lines, and what other programs are told with -v.
std::string Exposure::invitation_text(const Invitation& lines,
                                      const Omittable<std::string>& link) const {
  std::string text = "connect with: " + lines.connect;
  if (own_key_only_) text += ", FILE being a copy of this identity";
  if (!lines.ssh.empty()) text += "\nssh with: " + lines.ssh;
  if (listing_.wanted()) {
    text += "\nwith holesail: " + (link ? "holesail " + *link : "the string that the identity is");
  }
  if (!app_.log().enabled(LogLevel::kDebug)) return text;
  if (!lines.hypertele.empty()) text += "\nwith hypertele: " + lines.hypertele;
  if (!lines.holesail.empty() && !listing_.wanted()) text += "\nwith holesail: " + lines.holesail;
  return text;
}

/// What clients of holesail are given, unless it is a secret.
Omittable<std::string> Exposure::holesail_string() const {
  if (!listing_.wanted() || own_key_only_) return {};
  return "hs://0000" + key_text(public_key());
}

bool Exposure::has_udp() const {
  return std::any_of(host_.services().begin(), host_.services().end(),
                     [](const forward::Service& service) { return service.target.udp; });
}

void Exposure::collect(MetricSink& sink) const {
  LabellingSink labelled(sink, {{"exposed", key_text(public_key())}});
  forward::PipeStats total = host_.total();
  total += udp_.total();
  total += reverse_.total();
  forward::collect_tunnel(labelled,
                          host_.connections() + udp_.connections() + reverse_.connections(), total);
  udp_.drops().collect(labelled, udp_.flows());
  labelled.counter("hsfwd_tunnel_refused", "Connections refused because there were too many",
                   refused_);
  const auto& tested = listener_->reachability();
  labelled.gauge("hsfwd_exposed_reachable", "1: clients find the key and get through",
                 tested && tested->reachable() ? 1 : 0);
  labelled.gauge("hsfwd_exposed_shared", "1: another program serves the key as well",
                 tested && tested->shared ? 1 : 0);
  labelled.gauge("hsfwd_exposed_introducers", "Nodes that the key is announced at",
                 listener_->introducers().size());
  labelled.gauge("hsfwd_tunnel_guests", "Peers that want no service and measure the path",
                 listener_->guests());
}

Json Exposure::status() const {
  const auto& tested = listener_->reachability();
  const auto figures = Figures::of(*this);
  ExposeStatus out{.public_key = to_hex(public_key().view()), .key = key_text(public_key())};
  for (const forward::Service& service : host_.services()) {
    out.services.push_back({service.name, service.target.to_string(), service.proxy_header});
  }
  for (const PublicKey& key : policy_.keys()) {
    if (!out.allow) out.allow.emplace();
    out.allow->push_back(to_hex(key.view()));
  }
  if (!policy_.permits().empty()) out.permit = permit_texts(policy_.permits());
  if (!policy_.listens().empty()) out.permit_listen = permit_texts(policy_.listens());
  for (const auto& one : reverse_.listening()) {
    out.listening.push_back(
        {to_hex(one.peer.view()), key_text(one.peer), one.address, one.connections});
  }
  for (const net::Address& address : listener_->introducers())
    out.relays.push_back(address.to_string());
  if (tested) out.reachable = tested->reachable();
  out.shared = tested && tested->shared;
  out.connections = figures.at("hsfwd_tunnel_connections");
  if (has_udp()) {
    out.flows = udp_.flows();
    out.drops = drops_of(udp_.drops());
  }
  out.refused = figures.at("hsfwd_tunnel_refused");
  out.bytes_to_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "to_peer"}});
  out.bytes_from_peer = figures.at("hsfwd_tunnel_bytes", {{"direction", "from_peer"}});
  if (const auto why = problem()) out.problem = told(why->text);
  return encode(out);
}

}  // namespace hsfwd::cli
