// SPDX-License-Identifier: Apache-2.0
#include "cli/tunnels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "cli/table.hpp"
#include "cli/targets.hpp"
#include "cli/timeline.hpp"
#include "platform/listeners.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr const char* kChanged = "the configuration has changed";
// Whoever has the port may end, and an address come with a network that is dialled later.
constexpr Duration kTryAgain = 5_s;

std::string short_key(const PublicKey& key) {
  return key_text(key).substr(0, 12);
}

std::string missing_service(const std::optional<Extension>& extension, const std::string& service) {
  if (!extension) return "the peer is a plain one, without named services";
  return fmt::format("the peer has no service '{}'; it has {}", service,
                     fmt::join(extension->services, ", "));
}

std::vector<std::string> names_of(const std::vector<forward::Service>& services) {
  std::vector<std::string> out;
  for (const forward::Service& service : services) out.push_back(service.name);
  return out;
}

/// Whether a name server may have to be asked for it.
bool is_looked_up(const net::StreamAddress& at) {
  if (at.is_unix() || at.host == "localhost" || net::Ipv4::parse(at.host)) return false;
  return at.host.find(':') == std::string::npos;
}

}  // namespace

std::function<void()> when_all(std::size_t count, std::function<void()> done) {
  return [left = std::make_shared<std::size_t>(count), done = std::move(done)] {
    if (--*left == 0) done();
  };
}

void report_connection(const App& app, std::uint64_t id, const PeerInfo& peer,
                       const std::string& service) {
  const std::string path = to_string(peer.path);
  const std::string remote = peer.remote.to_string();
  app.output().event(
      "connection",
      {{"id", id},
       {"peer", to_hex(peer.key.view())},
       {"service", service},
       {"path", path},
       {"remote", remote}},
      app.quiet() ? ""
                  : fmt::format("connection {}: {} {} ({}, {})", id, peer.outgoing ? "to" : "from",
                                short_key(peer.key), path, remote));
}

void report_path_changes(const App& app, std::uint64_t id, PeerStream& stream) {
  stream.set_on_path_changed([&app, &stream, id] {
    const PeerInfo peer = stream.info();
    const std::string path = to_string(peer.path);
    const std::string remote = peer.remote.to_string();
    app.output().event(
        "path", {{"id", id}, {"path", path}, {"remote", remote}},
        app.quiet() ? "" : fmt::format("connection {} moved: {}, {}", id, path, remote));
  });
}

void report_closed(const App& app, const forward::ClosedConnection& closed) {
  app.output().event(
      "closed",
      {{"id", closed.id},
       {"bytesToPeer", closed.stats.to_peer},
       {"bytesFromPeer", closed.stats.from_peer},
       {"reason", closed.reason}},
      app.quiet() ? ""
                  : fmt::format("closed {}: {} to the peer, {} from it{}{}", closed.id,
                                count_text(closed.stats.to_peer, "byte"), closed.stats.from_peer,
                                closed.reason.empty() ? "" : "; ", printable(closed.reason)));
}

// --- Exposure ---

Exposure::Exposure(App& app, Settings settings)
    : app_(app),
      settings_(std::move(settings)),
      host_(app.scheduler(), app.streams(), app.connection_ids(), std::move(settings_.services),
            [this](const forward::ClosedConnection& closed) { report_closed(app_, closed); }),
      guests_(app.scheduler()),
      refusals_(app.scheduler(), app.log()),
      again_timer_(app.scheduler(), [this] { try_to_announce(); }) {
  if (settings_.lock) return;
  problem_ = fmt::format("identity {} is announced by another hsfwd process", settings_.identity);
}

Exposure::~Exposure() = default;

void Exposure::start(std::function<void(std::size_t)> on_announced) {
  on_announced_ = std::move(on_announced);
  if (problem_.empty()) return announce();
  app_.output().error("IDENTITY_IN_USE", problem_ + "; trying again");
  again_timer_.start(kTryAgain);
}

void Exposure::try_to_announce() {
  auto lock = platform::IdentityLock::acquire(public_key(), settings_.identity, app_.log());
  if (!lock) return again_timer_.start(kTryAgain);
  settings_.lock = std::move(*lock);
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
  ServerOptions options;
  options.allow = [this](const Visitor& visitor) {
    const bool allowed = admits(visitor.key);
    if (!allowed) refusals_.add(visitor.key);
    return allowed;
  };
  options.extension = [this](const std::optional<Extension>& theirs) {
    return answer_extension(theirs);
  };
  options.client_relays = [this] { return client_relays(); };
  options.on_reachability = [this](const Reachability& report) { report_reachability(report); };
  server_ = app_.node().create_server(
      [this](PeerSocket socket) { on_connection(std::move(socket)); }, std::move(options));
  server_->on_announced(on_announced_);
  if (!server_->listen(settings_.keys)) {
    throw UserError{kFailed, "KEY_IN_USE", "this identity is exposed twice"};
  }
}

bool Exposure::admits(const PublicKey& key) const {
  return settings_.allow.empty() || settings_.allow.contains(key);
}

/// The relays of clients that are named on the list may know this machine by its key, as they do.
ClientRelayPolicy Exposure::client_relays() const {
  if (!settings_.client_relays) return ClientRelayPolicy::kRefuse;
  return settings_.allow.empty() ? ClientRelayPolicy::kAnonymous : ClientRelayPolicy::kOpen;
}

void Exposure::change(std::vector<forward::Service> services, std::set<PublicKey> allow,
                      bool client_relays) {
  settings_.allow = std::move(allow);
  settings_.client_relays = client_relays;
  host_.set_services(std::move(services), kChanged);
  host_.end_connections(
      [this](const forward::OpenConnection& connection) {
        return !admits(connection.peer->remote_key());
      },
      kChanged);
}

void Exposure::close(std::function<void()> done) {
  again_timer_.stop();
  if (server_) return server_->close(std::move(done));
  closed_task_.emplace(app_.scheduler(), std::move(done));
  closed_task_->post();
}

void Exposure::end_connections(const std::string& reason) {
  closing_ = true;
  host_.end_connections([](const forward::OpenConnection&) { return true; }, reason);
}

void Exposure::leave(std::function<void()> done) {
  closing_ = true;
  const auto both = when_all(2, std::move(done));
  host_.leave(kEnding, kEndingTime, both);
  close(both);
}

std::vector<net::Address> Exposure::relays() const {
  return server_ ? server_->introducers() : std::vector<net::Address>();
}

void Exposure::collect(MetricSink& sink) const {
  LabellingSink labelled(sink, {{"exposed", key_text(public_key())}});
  host_.collect(labelled);
  labelled.counter("hsfwd_tunnel_refused", "Connections refused because there were too many",
                   refused_);
  labelled.gauge("hsfwd_tunnel_guests", "Peers that want no service and measure the path",
                 guests_.count());
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
  if (closing_ || !admits(accepted.remote_key())) return;
  std::unique_ptr<PeerStream> socket = accepted.release();
  auto ticket = app_.admission().admit(socket->remote_key());
  if (!ticket) return refuse(*socket, ticket.error());
  const PeerInfo peer = socket->info();
  const auto& extension = peer.extension;
  if (extension && !extension->wants_service()) {
    app_.log().info("expose", "{} examines the connection", key_text(socket->remote_key()));
    guests_.add(std::move(socket), std::move(*ticket));
    return;
  }
  const forward::Service* service = host_.find(extension ? extension->service : "");
  if (service == nullptr) {
    host_.turn_away(std::move(socket), std::move(*ticket));
    return;
  }
  if (const auto dial = ticket->start_dial(); !dial) return refuse(*socket, dial.error());
  const std::uint64_t id = app_.connection_ids().next;
  report_connection(app_, id, peer, service->name);
  report_path_changes(app_, id, *socket);
  host_.serve(std::move(socket), *service, std::move(*ticket));
}

void Exposure::refuse(PeerStream& socket, const std::string& why) {
  ++refused_;
  refusals_.add_excess(why);
  socket.reset_because(why);
}

/// Reported only when it changed.
void Exposure::report_reachability(const Reachability& report) {
  const bool told = reported_ && *reported_ == report;
  if (told) return;
  report_sharing(report.shared);
  reported_ = report;
  const auto texts = [](const std::vector<net::Address>& addresses) {
    std::vector<std::string> out;
    for (const net::Address& address : addresses) out.push_back(address.to_string());
    return out;
  };
  const std::size_t tried = report.passed.size() + report.failed.size() + report.elsewhere.size();
  std::string summary = "there is no network, or no introducer";
  if (!report.elsewhere.empty()) {
    summary = fmt::format("{} of {} lead to another program with this identity",
                          report.elsewhere.size(), count_text(tried, "introducer"));
  } else if (tried > 0) {
    summary = fmt::format("{} of {} passed the test, a search finds {}", report.passed.size(),
                          count_text(tried, "introducer"), report.found);
  }
  if (!report.reachable()) {
    app_.log().warning("expose", "peers cannot reach this machine: {}; still trying", summary);
  } else {
    app_.log().info("expose", "tested: {}", summary);
  }
  app_.output().event("reachability",
                      {{"publicKey", to_hex(public_key().view())},
                       {"reachable", report.reachable()},
                       {"relays", texts(report.passed)},
                       {"failed", texts(report.failed)},
                       {"found", report.found},
                       {"shared", report.shared}},
                      "");
}

void Exposure::report_sharing(bool shared) const {
  if (shared == (reported_ && reported_->shared)) return;
  if (shared) {
    app_.log().warning("expose",
                       "another program also serves {}, and each gets part of the connections: if "
                       "a disk or container was copied, give one of them its own identity (hsfwd "
                       "keygen); if it is an older instance, stop it",
                       key_text(public_key()));
  } else {
    app_.log().warning("expose", "no other program serves {} any longer", key_text(public_key()));
  }
}

void Exposure::report_listening() const {
  std::string text = fmt::format("listening as {}\n", key_text(public_key()));
  for (const forward::Service& service : host_.services()) {
    text += fmt::format("  {} -> {}\n", service.name, printable(service.target.to_string()));
  }
  text += fmt::format("connect with: hsfwd connect {} -L PORT", key_text(public_key()));
  app_.output().event("listening",
                      {{"publicKey", to_hex(public_key().view())},
                       {"key", key_text(public_key())},
                       {"services", names_of(host_.services())}},
                      text);
}

// --- PeerTunnel ---

PeerTunnel::PeerTunnel(App& app, PeerReference peer, std::vector<forward::LocalForward> forwards)
    : app_(app), peer_(std::move(peer)), again_timer_(app.scheduler(), [this] { try_again(); }) {
  for (forward::LocalForward& forward : forwards)
    listening_.push_back({std::move(forward), nullptr});
  for (Listening& entry : listening_) {
    entry.forward = std::make_unique<forward::PortForward>(
        app_.scheduler(), app_.streams(), app_.connection_ids(),
        [this, &entry](std::uint64_t id) { return dial(entry.wanted.service, id); },
        [this](const forward::ClosedConnection& closed) { on_closed(closed); });
  }
}

PeerTunnel::~PeerTunnel() {
  if (question_) question_->set_observer(nullptr);
}

std::string PeerTunnel::Listening::address() const {
  return (forward->listening() ? forward->address() : wanted.listen).to_string();
}

void PeerTunnel::collect(MetricSink& sink) const {
  for (const Listening& entry : listening_) {
    LabellingSink labelled(sink, {{"listen", entry.address()}, {"peer", key_text(peer_.key)}});
    entry.forward->collect(labelled);
  }
}

void PeerTunnel::listen() {
  listen_if_possible();
  if (const std::string why = problem(); !why.empty()) {
    throw UserError{kFailed, "LISTEN_FAILED", why};
  }
}

void PeerTunnel::listen_if_possible() {
  for (Listening& entry : listening_) try_to_listen(entry);
}

void PeerTunnel::try_to_listen(Listening& entry) {
  const auto listened = entry.forward->listen(entry.wanted.listen);
  entry.problem = listened ? std::string() : listened.error();
}

std::string PeerTunnel::problem() const {
  std::string out;
  for (const Listening& entry : listening_) {
    if (entry.problem.empty()) continue;
    out += fmt::format("{} {}: {}", out.empty() ? "cannot listen on" : ", nor on", entry.address(),
                       entry.problem);
  }
  return out;
}

void PeerTunnel::try_again() {
  for (Listening& entry : listening_) {
    if (!entry.problem.empty()) listen_again(entry);
  }
  if (!problem().empty()) again_timer_.start(kTryAgain);
}

/// To listen on a name waits for its addresses, and nothing else goes on meanwhile. At the start
/// that may be; now it has to be known that there are some.
void PeerTunnel::listen_again(Listening& entry) {
  const auto listen_now = [this, &entry] {
    try_to_listen(entry);
    if (entry.problem.empty()) report_ready(entry);
  };
  if (!is_looked_up(entry.wanted.listen)) return listen_now();
  app_.scheduler().retire(std::move(entry.lookup));
  entry.lookup = app_.env().resolver.resolve(entry.wanted.listen.host,
                                             [listen_now](const Result<net::Ipv4>& found) {
                                               if (found) listen_now();
                                             });
}

void PeerTunnel::change(PeerReference peer, const std::string& service) {
  const bool elsewhere = peer.key != peer_.key;
  peer_ = std::move(peer);
  for (Listening& entry : listening_) {
    const bool other_service = std::exchange(entry.wanted.service, service) != service;
    if (elsewhere || other_service) entry.forward->abort_all(kChanged);
  }
}

void PeerTunnel::close(const std::string& reason) {
  again_timer_.stop();
  for (Listening& entry : listening_) entry.forward->close(reason);
}

void PeerTunnel::leave(const std::function<void()>& done) {
  again_timer_.stop();
  const auto all = when_all(listening_.size(), done);
  for (Listening& entry : listening_) entry.forward->leave(kEnding, kEndingTime, all);
}

std::unique_ptr<PeerStream> PeerTunnel::dial(const std::string& service, std::uint64_t id) {
  ConnectOptions options;
  options.key_pair = peer_.identity;
  options.extension = Extension{.features = 0, .service = service};
  options.timeline = log_timeline(app_, app_.scheduler(), id);
  auto socket = app_.node().connect_stream(peer_.key, std::move(options));
  socket->set_on_open(
      [this, raw = socket.get(), service, id] { on_open(raw->info(), service, id); });
  report_path_changes(app_, id, *socket);
  return socket;
}

std::string service_problem(const PeerInfo& peer, const std::string& service) {
  const auto& extension = peer.extension;
  const bool served = extension ? !extension->service.empty() : service.empty();
  return served ? "" : missing_service(extension, service);
}

void PeerTunnel::on_open(const PeerInfo& peer, const std::string& service, std::uint64_t id) {
  const std::string problem = service_problem(peer, service);
  if (problem.empty()) {
    report_connection(app_, id, peer, peer.extension ? peer.extension->service : service);
    return;
  }
  app_.output().error("NO_SUCH_SERVICE", problem);
  for (Listening& entry : listening_) entry.forward->abort(id, problem);
}

void PeerTunnel::on_closed(const forward::ClosedConnection& closed) {
  report_closed(app_, closed);
}

void PeerTunnel::ask_for_services() {
  const bool named = std::any_of(listening_.begin(), listening_.end(), [](const Listening& entry) {
    return !entry.wanted.service.empty();
  });
  if (!named) return;
  ConnectOptions options;
  options.key_pair = peer_.identity;
  options.extension = Extension{.features = Extension::kNoService, .service = {}, .services = {}};
  question_ = app_.node().connect_stream(peer_.key, std::move(options));
  question_->set_observer(&asking_);
  question_->set_on_open([this] { on_services_told(); });
}

/// The announcement of a peer outlives it, and a refused client hears nothing.
void PeerTunnel::on_not_answered() {
  const UserError error = connect_error(question_->info().error, peer_.name);
  app_.scheduler().delete_later(std::move(question_));
  app_.output().error(error.code, error.message + "; listening anyway");
}

void PeerTunnel::on_services_told() {
  const std::optional<Extension> extension = question_->info().extension;
  question_->reset();
  app_.scheduler().delete_later(std::move(question_));
  std::set<std::string> missing;
  for (const Listening& entry : listening_) {
    const std::string& service = entry.wanted.service;
    const bool there =
        extension && std::find(extension->services.begin(), extension->services.end(), service) !=
                         extension->services.end();
    if (!service.empty() && !there) missing.insert(service);
  }
  for (const std::string& service : missing) {
    app_.output().error("NO_SUCH_SERVICE",
                        missing_service(extension, service) + "; listening anyway");
  }
}

void PeerTunnel::report_ready() {
  for (const Listening& entry : listening_) {
    if (entry.problem.empty()) {
      report_ready(entry);
      continue;
    }
    app_.output().error("LISTEN_FAILED",
                        fmt::format("cannot listen on {} (for {}): {}; trying again",
                                    entry.address(), peer_.name, entry.problem));
    again_timer_.start(kTryAgain);
  }
}

void PeerTunnel::report_ready(const Listening& entry) const {
  const std::string& service = entry.wanted.service;
  app_.output().event(
      "ready",
      {{"listen", entry.address()}, {"peer", to_hex(peer_.key.view())}, {"service", service}},
      printable(fmt::format("ready: {} leads to {}{}{}", entry.address(), peer_.name,
                            service.empty() ? "" : ", service ", service)));
}

}  // namespace hsfwd::cli
