// SPDX-License-Identifier: Apache-2.0
#include "cli/network_tunnel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/app.hpp"
#include "cli/events/tunnels.hpp"
#include "cli/timeline.hpp"
#include "cli/tun_status.hpp"
#include "node/address_pool.hpp"
#include "platform/host_network.hpp"
#include "platform/host_routes.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// A peer that is far away, or is only being reached, has answered by then.
constexpr Duration kExitPatience = 10_s;

}  // namespace

NetworkTunnel::NetworkTunnel(App& app, const TunSpec& spec, std::shared_ptr<KeyListener> listener,
                             Means means)
    : app_(app),
      listener_(std::move(listener)),
      means_(std::move(means)),
      settings_(spec.settings),
      network_({.scheduler = app.scheduler(),
                .random = app.loop().random(),
                .tunnels = *means_.tunnels,
                .links = {.dial = [this](const PublicKey& peer,
                                         std::uint64_t id) { return dial(peer, id); },
                          .take_id = [this] { return app_.connection_ids().take(); }},
                .host_networks =
                    [this] { return platform::host_networks(app_.loop().own_interfaces()); },
                .is_node_port = [this](std::uint16_t port) { return app_.node().has_port(port); }},
               listener_->public_key(), *this),
      again_timer_(app.scheduler(), [this] { keep_trying(); }),
      peer_report_(app, means_.silent) {
  settings_ = settings_of(spec);
  pool_ = spec.pool;
}

NetworkTunnel::~NetworkTunnel() {
  app_.scheduler().retire(std::move(names_));
  listener_->remove(*this);
}

/// With an IPv4 address of the pool for each that has none.
overlay::NetworkSettings NetworkTunnel::settings_of(const TunSpec& spec) const {
  overlay::NetworkSettings out = spec.settings;
  if (!spec.pool) return out;
  PoolAddresses fixed;
  std::vector<PublicKey> keys = {listener_->public_key()};
  const auto note = [&](const PublicKey& key, const ip::Ipv6& host) {
    if (host.is_mapped()) fixed.emplace(key, net::Ipv4{host.ipv4()});
  };
  for (const auto& address : out.addresses) note(listener_->public_key(), address.host);
  for (const overlay::NetworkPeer& peer : out.peers) {
    keys.push_back(peer.key);
    for (const ip::Ipv6& address : peer.addresses) note(peer.key, address);
  }
  const PoolAddresses given = assign_addresses(*spec.pool, keys, fixed);
  const auto of = [&](const PublicKey& key) -> std::optional<ip::Ipv6> {
    const auto found = given.find(key);
    if (found == given.end() || fixed.contains(key)) return std::nullopt;
    return ip::Ipv6::mapped(found->second.value);
  };
  if (const auto own = of(listener_->public_key()))
    out.addresses.push_back({*own, spec.pool->bits});
  for (overlay::NetworkPeer& peer : out.peers) {
    if (const auto address = of(peer.key)) peer.addresses.push_back(*address);
  }
  return out;
}

void NetworkTunnel::claim(Claims& claims) const {
  if (std::exchange(claims.network, true)) {
    throw UserError{kFailed, "NETWORK_IN_USE", "there is a network already"};
  }
}

void NetworkTunnel::prepare(Unavailable unavailable) {
  const std::string mistake = mistake_in(settings_);
  if (!mistake.empty()) throw UserError{kBadConfig, "BAD_NETWORK", "the network: " + mistake};
  listener_->prepare(unavailable);
  if (!open() && unavailable == Unavailable::kRefused) {
    throw UserError{kFailed, "TUN_FAILED", problem_};
  }
}

std::string NetworkTunnel::mistake_in(const overlay::NetworkSettings& settings) const {
  const std::string mistake = overlay::problem_with(listener_->public_key(), settings).text;
  return mistake.empty() ? overlay::exit_problem(settings) : mistake;
}

/// What is in the way of the pool, for people.
std::string NetworkTunnel::pool_problem() const {
  if (!pool_ || means_.apart) return {};
  const net::PacketTunnel* const own = network_.interface();
  const auto routes = platform::host_routes(own != nullptr ? own->name() : settings_.interface);
  const auto checked = check_pool(*pool_, routes);
  if (checked) return {};
  const auto& route = checked.error().route;
  return fmt::format("the pool {}: {}{}", pool_->to_string(), to_string(checked.error().refusal),
                     route ? fmt::format(" ({})", route->to_string()) : "");
}

bool NetworkTunnel::open() {
  const bool had_problem = !problem_.empty();
  const bool out = try_to_open();
  if (!had_problem) problem_since_ = app_.scheduler().now();
  return out;
}

bool NetworkTunnel::try_to_open() {
  // With an exit nothing else leaves, whatever becomes of the interface.
  if (const auto held = network_.hold(settings_); !held) {
    problem_ = held.error();
    narrow(Exit::kAsBefore);
    return false;
  }
  // Of one that is in use here since it was looked at, the peers change all the same.
  const bool is_new = network_.interface() == nullptr || pool_ != pool_in_use_;
  problem_ = is_new ? pool_problem() : "";
  if (!problem_.empty()) {
    narrow(Exit::kAsWanted);
    return false;
  }
  problem_ = use(settings_);
  if (problem_.empty()) pool_in_use_ = pool_;
  return problem_.empty();
}

/// What is wrong, for people; empty if nothing is.
std::string NetworkTunnel::use(const overlay::NetworkSettings& settings) {
  const auto opened = network_.open(settings);
  // Where it failed, the interface that there was has been made anew: the resolver does not know that one.
  const bool is_another = opened ? *opened : network_.interface() != nullptr;
  const bool is_known = names_ && all_names_ == network_.forwards_names();
  if (network_.interface() != nullptr && (is_another || !is_known)) announce_names();
  return opened ? "" : opened.error();
}

/// What the settings take away is gone, though the rest of them cannot be had: addresses stay as they were.
void NetworkTunnel::narrow(Exit exit) {
  if (network_.interface() == nullptr) return;
  const overlay::NetworkSettings before = network_.settings();
  overlay::NetworkSettings after = settings_;
  after.interface = before.interface;
  after.addresses = before.addresses;
  if (exit == Exit::kAsBefore) {
    after.exit = before.exit;
    after.direct = before.direct;
    after.name_servers = before.name_servers;
  }
  after.peers.clear();
  for (const overlay::NetworkPeer& old : before.peers) {
    const auto is_it = [&](const auto& peer) { return peer.key == old.key; };
    const auto found = std::find_if(settings_.peers.begin(), settings_.peers.end(), is_it);
    if (found == settings_.peers.end()) continue;
    overlay::NetworkPeer& peer = after.peers.emplace_back(*found);
    peer.addresses = old.addresses;
  }
  static_cast<void>(use(after));
}

void NetworkTunnel::announce_names() {
  if (!means_.names) return;
  // It is gone ahead of the next one.
  app_.scheduler().retire(std::move(names_));
  app_.scheduler().collect();
  all_names_ = network_.forwards_names();
  std::vector<std::string> domains = {kNetworkDomain};
  if (all_names_) domains.emplace_back(net::kAllNames);
  names_ = means_.names->open({.interface = network_.interface()->name(),
                               .servers = {ip::host_text(overlay::name_server_address())},
                               .domains = std::move(domains)},
                              [this](const std::string& problem) { on_names(problem); });
}

void NetworkTunnel::on_names(const std::string& problem) {
  names_problem_ = problem;
  if (problem.empty() || !all_names_) return;
  names_problem_ = resolver_advice();
}

std::optional<Tunnel::Problem> NetworkTunnel::problem() const {
  if (!problem_.empty()) return Problem{"TUN_FAILED", problem_};
  if (!listener_->problem().empty()) return Problem{"IDENTITY_IN_USE", listener_->problem()};
  return std::nullopt;
}

void NetworkTunnel::start() {
  listener_->start(*this);
  network_.start();
  report();
}

void NetworkTunnel::keep_trying() {
  if (!open()) return again_timer_.start(kTunnelTryAgain);
  report();
}

void NetworkTunnel::report() {
  if (!problem_.empty()) {
    app_.output().error("TUN_FAILED", problem_text());
    if (network_.interface() == nullptr) again_timer_.start(kTunnelTryAgain);
    return;
  }
  if (means_.silent) return;
  const auto addresses = tun_texts(network_.addresses());
  const std::string& interface = network_.interface()->name();
  app_.output().event(
      events::NetworkReady{interface, to_hex(listener_->public_key().view()),
                           key_text(listener_->public_key()), addresses},
      fmt::format("ready: network {}, this machine is {}\nits key: {}{}", interface,
                  fmt::join(addresses, " and "), key_text(listener_->public_key()), exit_line()));
  for (const std::string& doubt :
       doubts_of(settings_, platform::host_network(settings_.interface))) {
    app_.log().warning("tun", "{}", doubt);
  }
}

std::string NetworkTunnel::exit_line() const {
  if (!settings_.exit) return {};
  return fmt::format("\nexit: what is for no peer and no local network goes through {}, or nowhere",
                     tun_peer_name(network_.peer(*settings_.exit)));
}

std::string NetworkTunnel::problem_text() const {
  if (network_.interface() == nullptr) return problem_ + "; trying again";
  // Without a pool nobody knows the addresses of new peers.
  return problem_ + (network_.settings().peers == settings_.peers
                         ? "; the interface stays as it was"
                         : "; addresses stay as they were, and there are no new peers");
}

std::optional<Tunnel::Problem> NetworkTunnel::change(const TunnelSpec& spec) {
  const auto& wanted = static_cast<const TunSpec&>(spec);
  const overlay::NetworkSettings settings = settings_of(wanted);
  const bool same = settings == settings_ && wanted.pool == pool_;
  const bool is_being_tried = same && network_.interface() == nullptr;
  // A file is checked for it as far as its identity is known. Who has left is out in any case.
  const std::string mistake = mistake_in(settings);
  settings_ = settings;
  pool_ = wanted.pool;
  peer_report_.keep(settings_.peers);
  again_timer_.stop();
  const bool had_interface = network_.interface() != nullptr;
  const bool opened = open();
  // Of what has changed the report follows in any case.
  if (opened && same && !had_interface) report();
  if (!opened && network_.interface() == nullptr) again_timer_.start(kTunnelTryAgain);
  if (!mistake.empty()) return Problem{"BAD_NETWORK", "the network: " + mistake};
  if (opened || is_being_tried) return std::nullopt;
  return Problem{"TUN_FAILED", problem_text()};
}

void NetworkTunnel::close(const std::string& reason, std::function<void()> done) {
  again_timer_.stop();
  network_.close(reason);
  // In order: nothing is held any longer, also if it never came to an interface.
  static_cast<void>(means_.tunnels->hold({}));
  listener_->stop(*this, std::move(done));
}

void NetworkTunnel::leave(std::function<void()> done) {
  close(kEnding, std::move(done));
}

// --- Peers ---

std::unique_ptr<PeerStream> NetworkTunnel::dial(const PublicKey& peer, std::uint64_t id) {
  ConnectOptions options;
  options.key_pair = listener_->keys();
  if (!network_.nospoon(peer)) {
    options.extension = Extension{.features = Extension::kNoService | Extension::kIpPackets};
    options.session = true;
  }
  options.timeline = log_timeline(app_, id, peer, "");
  return app_.node().connect_stream(peer, std::move(options));
}

/// A stock client that is a peer of the network speaks nospoon, and comes for nothing else.
bool NetworkTunnel::is_meant(const PublicKey& who, const std::optional<Extension>& client) const {
  const bool nospoon = network_.nospoon(who).has_value();
  const bool wants = nospoon ? !client : client && client->wants_packets();
  return wants && network_.interface() != nullptr;
}

bool NetworkTunnel::expects(const PublicKey& who) const {
  return network_.nospoon(who) == overlay::Nospoon::kClient;
}

Extension NetworkTunnel::answer(const PublicKey&, const Extension&) const {
  return Extension{.features = Extension::kIpPackets};
}

void NetworkTunnel::on_connection(std::unique_ptr<PeerStream> peer) {
  network_.accept(std::move(peer));
}

void NetworkTunnel::on_peer_changed(const PublicKey& key) {
  peer_report_.on_changed(network_.peer(key));
}

void NetworkTunnel::on_interface_lost(const std::string& reason) {
  problem_ = reason;
  problem_since_ = app_.scheduler().now();
  report();
}

// --- What shows ---

std::vector<Trouble> NetworkTunnel::health() const {
  std::vector<Trouble> out;
  if (!problem_.empty()) {
    const bool missing = network_.interface() == nullptr;
    out.push_back(
        {.code = "TUN_FAILED",
         .thing = "the network",
         .state = missing ? "it has no interface" : "it is not as configured",
         .why = problem_,
         .advice = "hsfwd check says what this machine does not allow; hsfwd keeps trying",
         .since = problem_since_});
  }
  for (Trouble& one : listener_->troubles()) out.push_back(std::move(one));
  for (const overlay::PeerStatus& peer : network_.peers()) {
    if (auto one = peer_report_.trouble(peer)) out.push_back(std::move(*one));
  }
  const auto asked = network_.exit_asked_at();
  if (settings_.exit && network_.interface() != nullptr && asked &&
      app_.scheduler().now() - *asked >= kExitPatience) {
    out.push_back({.code = "EXIT_SILENT",
                   .level = Trouble::Level::kWarning,
                   .thing = "exit " + tun_peer_name(network_.peer(*settings_.exit)),
                   .state = "nothing has come back through it",
                   .why = "it is not reached, does not offer the internet, or does not forward",
                   .advice = R"(there: offer = ["internet"], and forward and translate addresses)",
                   .since = *asked,
                   .of_network = true});
  }
  if (!names_problem_.empty()) {
    out.push_back(
        {.code = "NAMES",
         .level = Trouble::Level::kWarning,
         .thing = "names of peers",
         .state = "this machine does not know them",
         .why = names_problem_,
         .advice = fmt::format("programs may ask {} themselves; addresses work in any case",
                               ip::host_text(overlay::name_server_address()))});
  }
  return out;
}

Json NetworkTunnel::status() const {
  const net::PacketTunnel* const interface = network_.interface();
  TunStatus out{.interface = interface != nullptr ? interface->name() : "",
                .public_key = to_hex(listener_->public_key().view()),
                .key = key_text(listener_->public_key()),
                .addresses = tun_texts(network_.addresses()),
                .mtu = interface != nullptr ? interface->mtu() : settings_.mtu,
                .offers = tun_offers(settings_),
                .drops = tun_drops(network_.drops())};
  for (const overlay::PeerStatus& peer : network_.peers()) {
    out.peers.push_back(tun_peer_status(peer));
    if (peer.key == network_.settings().exit) out.exit = tun_peer_name(peer);
  }
  if (out.exit) out.exit_answers = network_.exit_has_answered();
  const overlay::NetworkSettings& used = network_.settings();
  if (!used.direct.empty()) out.direct = tun_texts(used.direct);
  if (!used.name_servers.empty()) out.name_servers = tun_texts(used.name_servers);
  if (!names_problem_.empty()) out.names_problem = told(names_problem_);
  if (const auto why = problem()) out.problem = told(why->text);
  return encode(out);
}

std::vector<forward::OpenConnection> NetworkTunnel::connections() const {
  std::vector<forward::OpenConnection> out;
  for (const overlay::PeerStatus& peer : network_.peers()) {
    if (!peer.connection) continue;
    out.push_back({.id = peer.connection->id,
                   .peer = peer.connection->stream,
                   .service = "tun",
                   .stats = {.to_peer = peer.traffic.bytes_to_peer,
                             .from_peer = peer.traffic.bytes_from_peer},
                   .since = peer.connection->since});
  }
  return out;
}

}  // namespace hsfwd::cli
