// SPDX-License-Identifier: Apache-2.0
#include "overlay/network.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "ip/mss.hpp"
#include "net/internet.hpp"
#include "node/key_address.hpp"
#include "overlay/quote.hpp"
#include "util/metrics.hpp"

namespace hsfwd::overlay {

namespace {

// RFC 4443, section 2.4f: answers to packets that go nowhere are few, whoever sends how many of them.
constexpr TokenRate kAnswers = {.per_second = 100, .capacity = 50};
// Without these a host's TCP does not find the size of the path: they have a purse of their own.
constexpr TokenRate kTooBigs = {.per_second = 1000, .capacity = 100};

// A host that browses has some hundred conversations; one that shares files, some ten thousand. 2.5 MiB of memory. Nothing
// that comes in opens any, so that those of before this process, or of before the exit, are taken up as they go on.
constexpr ConversationLimits kInternetConversations = {.most = 32'768, .picks_up = true};

// At least what a part of a packet has around it, docs/protocol/forward.md section 10.
constexpr std::size_t kPartRoom = 8;

constexpr const char* kChanged = "the configuration has changed";

bool is_everything(const ip::Prefix& network) {
  return network.length() == 0;
}

}  // namespace

Network::Network(Surroundings surroundings, const PublicKey& own, NetworkObserver& observer)
    : around_(std::move(surroundings)),
      own_(own),
      observer_(observer),
      filter_(routes_, around_.random),
      internet_filter_(routes_, around_.random, kInternetConversations),
      names_({name_server_address()}, around_.random),
      answers_(kAnswers),
      too_bigs_(kTooBigs),
      vicinity_(around_.host_networks) {
  batch_.reserve(net::kMaxTunnelBatch);
}

Network::~Network() {
  retire_tunnel();
}

void Network::retire_tunnel() {
  drops_ = drops();
  around_.scheduler.retire(std::move(tunnel_));
}

// --- Settings ---

net::TunnelSettings Network::wanted(const NetworkSettings& settings) const {
  return tunnel_settings(own_, settings, beside_another_);
}

Result<bool, std::string> Network::open(const NetworkSettings& settings) {
  auto out = try_to_open(settings);
  if (started_) start();
  return out;
}

Result<bool, std::string> Network::try_to_open(const NetworkSettings& settings) {
  const bool stays = tunnel_ && wanted(settings) == wanted(settings_);
  const std::optional<NetworkSettings> before = tunnel_ ? std::optional(settings_) : std::nullopt;
  use(settings);
  if (stays) return false;
  const auto made = make_interface();
  if (made) return true;
  if (before) {
    // As it was, for the peers that there are now.
    NetworkSettings back = settings;
    back.interface = before->interface;
    back.mtu = before->mtu;
    back.may_offload = before->may_offload;
    back.addresses = before->addresses;
    use(back);
    static_cast<void>(make_interface());
  }
  return Err(made.error());
}

Result<void, std::string> Network::hold(const NetworkSettings& settings) {
  return around_.tunnels.hold(wanted(settings));
}

Result<void, std::string> Network::make_interface() {
  // Two interfaces cannot have one name, nor the same addresses.
  retire_tunnel();
  around_.scheduler.collect();
  beside_another_ = false;
  auto tunnel = around_.tunnels.open(wanted(settings_), *this);
  if (!tunnel && tunnel.error().taken_route == network_prefix()) {
    beside_another_ = true;
    tunnel = around_.tunnels.open(wanted(settings_), *this);
  }
  if (!tunnel) return Err(tunnel.error().text);
  tunnel_ = std::move(*tunnel);
  return {};
}

void Network::use(const NetworkSettings& settings) {
  const auto before_exit = settings_.exit;
  settings_ = settings;
  last_link_ = nullptr;
  if (settings.exit != before_exit) {
    exit_has_answered_ = false;
    exit_asked_at_.reset();
  }
  addresses_ = {key_address(own_)};
  for (const auto& address : settings.addresses) addresses_.push_back(address.host);
  std::set<PublicKey> wanted;
  for (const NetworkPeer& peer : settings.peers) wanted.insert(peer.key);
  for (auto& [key, peer] : links_) {
    if (wanted.contains(key)) continue;
    peer.link->close(kChanged);
    filter_.remove_rules(key);
    internet_filter_.remove_rules(key);
  }
  std::erase_if(links_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  routes_ = {};
  // What is this host's is no peer's, whatever networks a peer has.
  for (const ip::Ipv6& address : addresses_) {
    static_cast<void>(routes_.add(ip::Prefix::around(address, ip::Prefix::kBits), own_));
  }
  for (const ip::Prefix& network : settings.offers) static_cast<void>(routes_.add(network, own_));
  for (const NetworkPeer& peer : settings.peers) use_peer(peer);
  if (settings.exit && links_.contains(*settings.exit)) {
    for (const ip::Prefix& everything : networks_of_everything()) {
      static_cast<void>(routes_.add(everything, *settings.exit));
    }
    // Addresses of the network that are no peer's are nobody's.
    static_cast<void>(routes_.add(network_prefix(), own_));
    for (const auto& address : settings.addresses) {
      static_cast<void>(routes_.add(address.network(), own_));
    }
  }
  name_peers();
  names_.set_forwarding(settings.name_servers, addresses_);
}

void Network::use_peer(const NetworkPeer& settings) {
  const PublicKey& key = settings.key;
  Peer& peer = links_[key];
  Link::Terms terms;
  if (settings.nospoon) terms = {.nospoon = settings.nospoon, .max_inbound = settings_.mtu};
  if (peer.link && peer.link->terms() != terms) {
    peer.link->close(kChanged);
    peer.link.reset();
  }
  if (!peer.link) {
    peer.link = std::make_unique<Link>(around_.scheduler, pool_, own_, key, terms, around_.links,
                                       static_cast<LinkOwner&>(*this));
    peer.answers.emplace(kAnswers);
  }
  peer.settings = settings;
  if (settings.allow) {
    filter_.set_rules(key, *settings.allow);
  } else {
    filter_.remove_rules(key);
  }
  // What contradicts was refused by problem_with.
  for (const ip::Ipv6& address : addresses_of(settings)) {
    static_cast<void>(routes_.add(ip::Prefix::around(address, ip::Prefix::kBits), key));
  }
  for (const auto& network : settings.networks) static_cast<void>(routes_.add(network, key));
  // Nothing that begins elsewhere comes in through the exit.
  settings_.exit == key ? internet_filter_.set_rules(key, PortRules())
                        : internet_filter_.remove_rules(key);
}

void Network::start() {
  started_ = true;
  if (!tunnel_) return;
  for (auto& [key, peer] : links_) peer.link->start();
}

void Network::name_peers() {
  std::vector<resolver::NamedPeer> out;
  const auto add = [&](const PublicKey& key, const std::string& name,
                       const std::vector<ip::Ipv6>& addresses) {
    resolver::NamedPeer peer{name, key_text(key), std::nullopt, std::nullopt};
    for (const ip::Ipv6& address : addresses) {
      auto& first = address.is_mapped() ? peer.ipv4 : peer.ipv6;
      if (!first) first = address;
    }
    out.push_back(std::move(peer));
  };
  for (const NetworkPeer& peer : settings_.peers) add(peer.key, peer.name, addresses_of(peer));
  add(own_, "", addresses_);
  std::vector<ip::Prefix> networks = {network_prefix()};
  for (const auto& address : settings_.addresses) {
    if (address.is_ipv4() && address.bits < ip::Prefix::kBits)
      networks.push_back(address.network());
  }
  names_.set_names(std::move(out), std::move(networks));
}

void Network::close(const std::string& reason) {
  started_ = false;
  for (auto& [key, peer] : links_) peer.link->close(reason);
  retire_tunnel();
}

bool Network::admits(const PublicKey& key) const {
  return links_.contains(key) && nospoon(key) != Nospoon::kServer;
}

std::optional<Nospoon> Network::nospoon(const PublicKey& key) const {
  const auto found = links_.find(key);
  return found != links_.end() ? found->second.settings.nospoon : std::nullopt;
}

void Network::accept(std::unique_ptr<PeerStream> stream) {
  if (!admits(stream->remote_key()) || !tunnel_) {
    stream->reset_because("there is no network for this key");
    around_.scheduler.retire(std::move(stream));
    return;
  }
  Link& link = *links_.at(stream->remote_key()).link;
  link.accept(std::move(stream));
}

void Network::on_addresses_changed() {
  vicinity_.forget();
  for (auto& [key, peer] : links_) peer.link->check();
}

void Network::on_link_changed(Link& link) {
  observer_.on_peer_changed(link.peer());
}

void Network::on_tunnel_lost(net::PacketTunnel&, const std::string& reason) {
  retire_tunnel();
  observer_.on_interface_lost(reason);
}

// --- From the host ---

void Network::on_packets(net::PacketTunnel&, std::span<MutableBytes> packets) {
  Link* link = nullptr;
  for (const MutableBytes bytes : packets) {
    const auto packet = ip::Packet::parse(bytes);
    if (!packet) {
      drops_.add(Drop::kMalformed);
      continue;
    }
    const MutableBytes whole = bytes.first(packet->bytes.size());
    Link* const to = link_for(*packet, whole);
    if (to == nullptr) continue;
    if (to != link) flush(std::exchange(link, to));
    batch_.push_back(whole);
  }
  flush(link);
}

void Network::flush(Link* link) {
  if (link != nullptr && !batch_.empty()) link->send(batch_);
  batch_.clear();
}

Link* Network::refuse(Drop reason) {
  drops_.add(reason);
  return nullptr;
}

Link* Network::link_for(const ip::Packet& packet, MutableBytes bytes) {
  if (!is_own(packet.source) && !is_offered(packet.source) && !is_offered_internet(packet.source) &&
      !is_error_from_the_way(packet)) {
    return refuse(Drop::kForeign);
  }
  if (packet.destination.is_multicast()) return refuse(Drop::kGroup);
  if (names_.has_address(packet.destination)) {
    answer_name(packet);
    return nullptr;
  }
  if (last_link_ == nullptr || packet.destination != last_to_) {
    const Routes::Route* const route = routes_.route_to(packet.destination);
    if (route == nullptr || route->peer == own_) {
      answer_host(packet, ip::Unreachable::kNoRoute);
      return refuse(Drop::kNoRoute);
    }
    last_to_ = packet.destination;
    last_link_ = links_.at(route->peer).link.get();
    last_filter_ = is_everything(route->network) ? &internet_filter_ : &filter_;
  }
  Link& link = *last_link_;
  if (is_loop(link, packet)) return refuse(Drop::kLoop);
  if (!fits(link, packet, bytes)) return nullptr;
  if (last_filter_ == &internet_filter_) note_exit_asked();
  last_filter_->note_outbound(link.peer(), packet, around_.scheduler.now());
  return &link;
}

/// Whether it is a datagram of our node's, which carry the network, and would go round in it. One that answers somebody who
/// has come through the network is none, unless it is what a connection of the network goes over.
bool Network::is_loop(const Link& link, const ip::Packet& packet) {
  // The node's own sockets speak IPv4.
  if (!packet.is_udp() || !packet.source.is_mapped()) return false;
  if (!around_.is_node_port(packet.ports->source)) return false;
  if (!is_own(packet.source) && !is_this_host(packet.source)) return false;
  const Caller to{packet.destination, packet.ports->destination};
  if (!links_.at(link.peer()).callers.contains(to)) return true;
  return std::any_of(links_.begin(), links_.end(), [&](const auto& entry) {
    const auto connection = entry.second.link->in_use();
    if (!connection) return false;
    const net::Address remote = connection->stream->info().remote;
    return to == Caller{ip::Ipv6::mapped(remote.host.value), remote.port};
  });
}

/// Whether it can go to the peer as it is. Its sender is told what would.
bool Network::fits(Link& link, const ip::Packet& packet, MutableBytes bytes) {
  const auto most = link.max_packet();
  if (!most) return true;
  const std::size_t mtu = std::max(*most, net::kMinMtuV6);
  if ((packet.tcp_flags & ip::tcp_flag::kSyn) != 0) ip::clamp_mss(packet, bytes, mtu);
  if (bytes.size() <= mtu) return true;
  const MutableBytes room = answer_room();
  const MutableBytes answer = ip::packet_too_big(packet, mtu, packet.destination, room);
  // It may be cut: in two, and no more.
  if (answer.empty() && bytes.size() <= 2 * (*most - kPartRoom)) return true;
  link.drop(Drop::kTooBig);
  if (!answer.empty() && too_bigs_.try_take(around_.scheduler.now(), 1)) to_host({&answer, 1});
  return false;
}

void Network::on_undeliverable(Link&, ByteView bytes) {
  const auto packet = ip::Packet::parse(bytes);
  if (!packet) return;
  const auto answer =
      names_.forwarder().undeliverable(*packet, around_.scheduler.now(), answer_room());
  if (!answer) return answer_host(*packet, ip::Unreachable::kNoRoute);
  if (!answer->empty()) to_host({&*answer, 1});
}

// --- From peers ---

void Network::on_packets(Link& link, std::span<const MutableBytes> packets) {
  batch_.clear();
  for (const MutableBytes bytes : packets) {
    if (const auto packet = checked(link, bytes)) batch_.push_back(*packet);
  }
  to_host(batch_);
  batch_.clear();
}

std::optional<MutableBytes> Network::checked(Link& link, MutableBytes bytes) {
  const auto packet = ip::Packet::parse(bytes);
  if (!packet) {
    link.drop(Drop::kMalformed);
    return std::nullopt;
  }
  const Routes::Route* const route = routes_.route_to(packet->source);
  const bool comes_from_anywhere = route != nullptr && is_everything(route->network);
  const auto refused = [&](Drop reason) {
    // Of strangers there are many, and none of them waits for us.
    if (!comes_from_anywhere) answer_peer(link, *packet);
    link.drop(reason);
    return std::nullopt;
  };
  if (route == nullptr || route->peer != link.peer()) {
    link.drop(Drop::kSpoofed);
    return std::nullopt;
  }
  const bool is_ours = is_own(packet->destination) || is_offered(packet->destination);
  if (!is_ours && !is_offered_internet(packet->destination)) return refused(Drop::kNotForUs);
  if (take_name_answer(*packet)) return std::nullopt;
  // Who may use our way to the internet may use it all, but for what of this machine is seen there.
  const bool passes_through = !is_ours && !comes_from_anywhere &&
                              (!is_this_host(packet->destination) || is_for_node(*packet));
  Filter& filter = comes_from_anywhere ? internet_filter_ : filter_;
  if (!passes_through &&
      filter.judge_inbound(link.peer(), *packet, around_.scheduler.now()) != Verdict::kPass) {
    return refused(Drop::kRefused);
  }
  exit_has_answered_ = exit_has_answered_ || comes_from_anywhere;
  if (is_for_node(*packet)) {
    links_.at(link.peer()).callers.note({packet->source, packet->ports->source});
  }
  const MutableBytes whole = bytes.first(packet->bytes.size());
  if ((packet->tcp_flags & ip::tcp_flag::kSyn) != 0) {
    if (const auto most = link.max_packet()) {
      ip::clamp_mss(*packet, whole, std::max(*most, net::kMinMtuV6));
    }
  }
  return whole;
}

/// Its port is open to everybody on this host's other addresses.
bool Network::is_for_node(const ip::Packet& packet) const {
  return packet.is_udp() && packet.destination.is_mapped() &&
         around_.is_node_port(packet.ports->destination);
}

/// True: it was one.
bool Network::take_name_answer(const ip::Packet& packet) {
  if (names_.forwarder().waiting() == 0 || !is_own(packet.destination)) return false;
  const auto answer = names_.forwarder().answer(packet, around_.scheduler.now(), answer_room());
  if (!answer) return false;
  exit_has_answered_ = true;
  if (!answer->empty()) to_host({&*answer, 1});
  return true;
}

void Network::to_host(std::span<const MutableBytes> packets) {
  if (packets.empty()) return;
  const std::size_t taken = tunnel_ ? tunnel_->write(packets) : 0;
  drops_.add(Drop::kHostFull, packets.size() - taken);
}

MutableBytes Network::answer_room() {
  return MutableBytes(answer_).subspan(net::kTunnelHeadroom, ip::kMaxIcmpSize);
}

void Network::answer_name(const ip::Packet& packet) {
  const NameServer::Reply reply = names_.answer(packet, around_.scheduler.now(), answer_room());
  if (reply.packet.empty()) return;
  reply.to_peer ? ask_server(reply.packet) : to_host({&reply.packet, 1});
}

void Network::ask_server(MutableBytes question) {
  const auto packet = ip::Packet::parse(question);
  const PublicKey* const key = routes_.find(packet->destination);
  if (key == nullptr || *key == own_) return;
  if (*key == settings_.exit) note_exit_asked();
  links_.at(*key).link->send({&question, 1});
}

void Network::note_exit_asked() {
  if (!exit_asked_at_) exit_asked_at_ = around_.scheduler.now();
}

/// As if it came from where the packet was to go: Linux takes nothing that comes in under its own IPv4 address.
void Network::answer_host(const ip::Packet& packet, ip::Unreachable reason) {
  if (!answers_.try_take(around_.scheduler.now(), 1)) return;
  const MutableBytes room = answer_room();
  const MutableBytes answer = ip::unreachable(packet, reason, packet.destination, room);
  if (!answer.empty()) to_host({&answer, 1});
}

/// So that the program there does not wait for what it may not have.
void Network::answer_peer(Link& link, const ip::Packet& packet) {
  TokenBucket& answers = *links_.at(link.peer()).answers;
  if (!answers.try_take(around_.scheduler.now(), 1)) return;
  const MutableBytes room = answer_room();
  const MutableBytes answer =
      ip::unreachable(packet, ip::Unreachable::kProhibited, packet.destination, room);
  if (!answer.empty()) link.send({&answer, 1});
}

bool Network::is_own(const ip::Ipv6& host) const {
  return std::find(addresses_.begin(), addresses_.end(), host) != addresses_.end();
}

bool Network::is_offered(const ip::Ipv6& host) const {
  return std::any_of(settings_.offers.begin(), settings_.offers.end(),
                     [&](const ip::Prefix& network) { return network.contains(host); });
}

/// Routers on the way to the internet, such as a home's or a carrier's, may have addresses of their own networks; what they say of
/// a peer's packets is for that peer.
bool Network::is_error_from_the_way(const ip::Packet& packet) {
  if (!settings_.offers_internet || !is_error(packet)) return false;
  const auto quote = quote_of(packet);
  return quote && quote->source == packet.destination && is_offered_internet(quote->destination);
}

/// Neighbours are not the internet, whatever addresses they have.
bool Network::is_offered_internet(const ip::Ipv6& host) {
  if (!settings_.offers_internet || !net::is_internet(host)) return false;
  return !vicinity_.is_near(host, around_.scheduler.now()) || is_this_host(host);
}

bool Network::is_this_host(const ip::Ipv6& host) {
  return vicinity_.is_this_host(host, around_.scheduler.now());
}

// --- What shows ---

std::vector<PeerStatus> Network::peers() const {
  std::vector<PeerStatus> out;
  for (const NetworkPeer& settings : settings_.peers) out.push_back(peer(settings.key));
  return out;
}

PeerStatus Network::peer(const PublicKey& key) const {
  const auto& [settings, link, answers, callers] = links_.at(key);
  PeerStatus out{.key = key,
                 .name = settings.name,
                 .addresses = addresses_of(settings),
                 .networks = settings.networks,
                 .nospoon = settings.nospoon,
                 .state = link->state(),
                 .connection = link->in_use(),
                 .max_packet = link->max_packet(),
                 .traffic = link->traffic(),
                 .drops = link->drops(),
                 .error = link->error()};
  if (!out.connection) out.max_packet.reset();
  return out;
}

Drops Network::drops() const {
  Drops out = drops_;
  const net::TunnelDrops of_host = tunnel_ ? tunnel_->drops() : net::TunnelDrops();
  out.add(Drop::kQueueFull, of_host.full);
  out.add(Drop::kLate, of_host.late);
  return out;
}

void Network::collect(MetricSink& sink) const {
  drops().collect(sink);
  sink.counter("hsfwd_network_name_queries", "Questions about names that were answered",
               names_.queries());
  sink.counter("hsfwd_network_names_dropped",
               "Packets to the name server without an answer, because there were too many",
               names_.dropped());
  for (const auto& [key, peer] : links_) {
    LabellingSink labelled(sink, {{"peer", key_text(key)}});
    const LinkTraffic& traffic = peer.link->traffic();
    const auto count = [&](const char* name, const char* help, std::uint64_t to,
                           std::uint64_t from) {
      labelled.counter(name, help, to, {{"direction", "to_peer"}});
      labelled.counter(name, help, from, {{"direction", "from_peer"}});
    };
    count("hsfwd_network_packets", "IP packets passed on", traffic.packets_to_peer,
          traffic.packets_from_peer);
    count("hsfwd_network_bytes", "Bytes of IP packets passed on", traffic.bytes_to_peer,
          traffic.bytes_from_peer);
    peer.link->drops().collect(labelled);
  }
}

}  // namespace hsfwd::overlay
