// SPDX-License-Identifier: Apache-2.0
#include "cli/tun_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/identity_forms.hpp"
#include "cli/network_tunnel.hpp"
#include "cli/planner.hpp"
#include "cli/preflight.hpp"
#include "cli/rates.hpp"
#include "cli/table.hpp"
#include "node/address_pool.hpp"
#include "platform/identity_file.hpp"
#include "platform/packet_tunnels.hpp"
#include "platform/standard_streams.hpp"
#include "resolver/name_table.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// Of the table.
constexpr std::size_t kTunPeerColumn = 0;

using Text = Planner::Text;

constexpr config::Key kKeysOfTun[] = {
    {.name = "peers",
     .type = config::Key::Type::kTexts,
     .needed = "peers: keys, or names from [peer.NAME]"},
    {.name = "name"},
    {.name = "identity"},
    {.name = "pool"},
    {.name = "address", .type = config::Key::Type::kTexts},
    {.name = "allow",
     .type = config::Key::Type::kTexts,
     .instead =
         "leave it out to allow everything, or write \"none\", or a port, such as \"tcp:22\""},
    {.name = "offer", .type = config::Key::Type::kTexts},
    {.name = "exit"},
    {.name = "direct", .type = config::Key::Type::kTexts},
    {.name = "dns", .type = config::Key::Type::kTexts},
    {.name = "mtu", .type = config::Key::Type::kInteger},
    {.name = "offload", .type = config::Key::Type::kBoolean}};

template <class Parse>
auto parsed(const Planner& planner, const char* key, const Text& text, Parse&& parse) {
  auto out = parse(text.value);
  if (!out) {
    planner.mistake(text.line, fmt::format("{} {}: {}", key, in_quotes(text.value), out.error()));
  }
  return std::move(*out);
}

std::optional<overlay::PortRules> read_rules(const Planner& planner,
                                             const std::vector<Text>& texts) {
  if (texts.empty()) return std::nullopt;
  if (texts.size() == 1 && texts.front().value == kAllowNothing) return overlay::PortRules();
  std::vector<std::string> words;
  for (const Text& text : texts) {
    parsed(planner, "allow", text, overlay::PortRule::parse);
    words.push_back(text.value);
  }
  auto rules = overlay::PortRules::parse(words);
  if (!rules) planner.mistake(texts.front().line, "allow: " + rules.error());
  return std::move(*rules);
}

overlay::Nospoon read_nospoon(const Planner& planner, const Text& text,
                              const overlay::NetworkPeer& peer) {
  for (const auto role : {overlay::Nospoon::kServer, overlay::Nospoon::kClient}) {
    if (text.value != to_string(role)) continue;
    if (std::any_of(peer.addresses.begin(), peer.addresses.end(),
                    [](const ip::Ipv6& address) { return address.is_mapped(); })) {
      return role;
    }
    planner.mistake(text.line, fmt::format("a nospoon {} has no address but its own: give its IPv4 "
                                           "address there, such as address = \"10.0.0.{}\"",
                                           text.value, role == overlay::Nospoon::kServer ? 1 : 2));
  }
  planner.mistake(text.line, fmt::format("nospoon {}: what that peer is, \"server\" or \"client\"",
                                         in_quotes(text.value)));
}

overlay::NetworkPeer read_peer(const Planner& planner, const Text& text,
                               const std::optional<overlay::PortRules>& allow) {
  const PeerReference peer = planner.peer(text);
  if (peer.identity) {
    planner.mistake(text.line, "a holesail address with a secret is no peer of a network");
  }
  overlay::NetworkPeer out{.key = peer.key, .allow = allow};
  const config::Peer* const named = planner.named(text.value);
  // Of one that the folder beside the file gives a name to nothing else is known.
  if (named != nullptr || planner.named_peers().contains(text.value)) out.name = text.value;
  if (named == nullptr) return out;
  for (const Text& address : named->addresses) {
    const auto parsed_address = parsed(planner, "address", address, parse_interface_address);
    if (parsed_address.bits != ip::Prefix::kBits) {
      planner.mistake(address.line, fmt::format("address {}: a peer has an address, not a network",
                                                in_quotes(address.value)));
    }
    out.addresses.push_back(parsed_address.host);
  }
  for (const Text& network : named->networks) {
    out.networks.push_back(parsed(planner, "networks", network, parse_network));
  }
  if (auto own = read_rules(planner, named->allow)) out.allow = std::move(own);
  if (named->nospoon) out.nospoon = read_nospoon(planner, *named->nospoon, out);
  return out;
}

/// Of those that are peers all the same, and cannot be reached as it looks.
void warn_of_peers(Planner& planner, const TunSpec& spec) {
  for (std::size_t i = 0; i < spec.settings.peers.size(); ++i) {
    const overlay::NetworkPeer& peer = spec.settings.peers[i];
    if (peer.name.empty() || resolver::is_host_name(peer.name)) continue;
    planner.warn(spec.peer_lines[i],
                 fmt::format("{} is not a name that is found in the network (letters, digits, '-' "
                             "and '_'): that peer is {}.{}",
                             in_quotes(peer.name), key_text(peer.key), kNetworkDomain));
  }
}

/// Its packets would leave with an address of another network of this machine's, which is none in this one.
void warn_of_ipv4(Planner& planner, const std::string& name) {
  const config::Peer* const named = planner.named(name);
  for (const Text& address : named != nullptr ? named->addresses : std::vector<Text>()) {
    const auto parsed_address = ip::InterfaceAddress::parse(address.value);
    if (!parsed_address || !parsed_address->is_ipv4()) continue;
    planner.warn(address.line,
                 fmt::format("nothing gets to {} of {} from here: this machine has no IPv4 address "
                             "in the network (address or pool in [tun])",
                             address.value, in_quotes(name)));
  }
}

/// After the peers.
void read_exit(const config::Section& section, Planner& planner, TunSpec& out) {
  overlay::NetworkSettings& settings = out.settings;
  const auto exit = section.text("exit");
  const auto servers = section.texts("dns");
  const auto direct = section.texts("direct");
  for (const auto* list : {&servers, &direct}) {
    if (exit || list->empty()) continue;
    planner.mistake(list->front().line, fmt::format("{} needs an exit, and none is set",
                                                    list == &servers ? "dns" : "direct"));
  }
  if (!exit) return;
  settings.exit = planner.peer(*exit).key;
  for (const Text& server : servers) {
    settings.name_servers.push_back(parsed(planner, "dns", server, parse_name_server));
  }
  for (const Text& network : direct) {
    settings.direct.push_back(parsed(planner, "direct", network, parse_network));
  }
  const std::string problem = exit_problem(out);
  if (!problem.empty()) {
    planner.mistake(exit->line, fmt::format("exit {}: {}", in_quotes(exit->value), problem));
  }
  if (servers.empty()) {
    planner.warn(exit->line,
                 "this machine's own resolver is asked for names as before, past the exit if it is "
                 "in the local network; dns = [\"ADDRESS\"] asks a server through the exit");
  }
}

/// After its addresses.
void read_peers(const config::Section& section, Planner& planner, TunSpec& out) {
  const bool has_ipv4 =
      out.pool || std::any_of(out.settings.addresses.begin(), out.settings.addresses.end(),
                              [](const auto& address) { return address.is_ipv4(); });
  const auto allow = read_rules(planner, section.texts("allow"));
  std::set<PublicKey> known;
  for (const Text& text : section.texts("peers")) {
    overlay::NetworkPeer peer = read_peer(planner, text, allow);
    if (!known.insert(peer.key).second) {
      planner.mistake(text.line, fmt::format("{} is among the peers twice", in_quotes(text.value)));
    }
    const config::Peer* const named = planner.named(text.value);
    if (peer.nospoon && !has_ipv4) {
      planner.mistake(named->nospoon->line,
                      fmt::format("with {}, which speaks nospoon, this machine needs an IPv4 "
                                  "address that it knows: address in [tun], such as 10.0.0.2/24",
                                  in_quotes(text.value)));
    }
    if (!has_ipv4) warn_of_ipv4(planner, text.value);
    out.settings.peers.push_back(std::move(peer));
    out.peer_lines.push_back(named != nullptr ? named->line : text.line);
  }
}

void read_tun(const config::Section& section, Planner& planner) {
  auto out = std::make_shared<TunSpec>();
  out->identity = planner.identity(section.text("identity"));
  overlay::NetworkSettings& settings = out->settings;
  if (const auto name = section.text("name")) {
    const std::string problem = interface_name_problem(name->value);
    if (!problem.empty()) {
      planner.mistake(name->line, "name: " + problem);
    }
    settings.interface = name->value;
  }
  if (const auto mtu = section.integer("mtu")) {
    const auto bytes = parse_tunnel_mtu(mtu->value);
    if (!bytes) planner.mistake(mtu->line, "mtu: " + bytes.error());
    settings.mtu = *bytes;
  }
  settings.may_offload = section.boolean("offload").value_or(true);
  for (const Text& address : section.texts("address")) {
    settings.addresses.push_back(parsed(planner, "address", address, parse_interface_address));
  }
  if (const auto pool = section.text("pool")) {
    out->pool = parsed(planner, "pool", *pool, parse_pool);
  }
  for (const Text& offer : section.texts("offer")) {
    const auto added = add_offer(offer.value, settings);
    if (!added) {
      planner.mistake(offer.line,
                      fmt::format("offer {}: {}", in_quotes(offer.value), added.error()));
    }
  }
  read_peers(section, planner, *out);
  read_exit(section, planner, *out);
  warn_of_peers(planner, *out);
  planner.add(std::move(out));
}

std::vector<std::string> words_of(const std::vector<DropStatus>& drops) {
  std::vector<std::string> out;
  for (const DropStatus& drop : drops) {
    out.push_back(fmt::format("{} {}", drop.packets, drop.reason));
  }
  return out;
}

std::string peer_state(const TunPeerStatus& peer) {
  if (peer.path) {
    return fmt::format("{}, {}, {:.1f} ms", *peer.path, peer.remote.value_or(""),
                       peer.rtt_millis.value_or(0));
  }
  return peer.state;
}

std::string exit_text(const TunStatus& tun) {
  std::string out =
      fmt::format("\n  exit:      {}, for all but peers and local networks", *tun.exit);
  if (tun.direct) {
    out += fmt::format("\n{}", list_text("  direct:    ", *tun.direct, platform::output_width()));
  }
  return out;
}

/// What was not reached, then what is busy, then what is there.
std::vector<TunPeerStatus> sorted_tun_peers(std::vector<TunPeerStatus> peers) {
  const auto trouble = [](const TunPeerStatus& one) { return one.problem && !one.path; };
  std::stable_sort(peers.begin(), peers.end(), [&](const auto& a, const auto& b) {
    if (trouble(a) != trouble(b)) return trouble(a);
    if (rate_of(a) != rate_of(b)) return rate_of(a) > rate_of(b);
    return a.path && !b.path;
  });
  return peers;
}

std::string tun_text(const TunStatus& tun) {
  std::string out =
      fmt::format("\n\nnetwork {}, MTU {}",
                  tun.interface.empty() ? "without an interface" : tun.interface, tun.mtu);
  out += fmt::format("\n{}", list_text("  addresses: ", tun.addresses, platform::output_width()));
  if (!tun.offers.empty()) {
    out += fmt::format("\n{}", list_text("  offers:    ", tun.offers, platform::output_width()));
  }
  if (tun.exit) out += exit_text(tun);
  if (tun.name_servers) {
    out += fmt::format("\n{}",
                       list_text("  dns:       ", *tun.name_servers, platform::output_width()));
  }
  Table table({"PEER", "ADDRESS", "STATE", "TO PEER", "FROM PEER"});
  table.may_shorten(kTunPeerColumn);
  std::string problems;
  for (const TunPeerStatus& peer : sorted_tun_peers(tun.peers)) {
    // What people gave it, before the one of its key.
    const bool is_given = peer.addresses.size() > 1 && !peer.nospoon;
    const std::string& address = peer.addresses[is_given ? 1 : 0];
    table.add({peer.name, address, peer_state(peer), size_text(peer.bytes_to_peer),
               size_text(peer.bytes_from_peer)},
              rate_notes(peer));
    if (!peer.drops.empty()) {
      problems += fmt::format("\n{}: dropped {}", peer.name, fmt::join(words_of(peer.drops), ", "));
    }
  }
  out += "\n\n" + table.to_string(platform::output_width());
  if (!tun.drops.empty()) {
    problems += fmt::format("\ndropped {}", fmt::join(words_of(tun.drops), ", "));
  }
  return problems.empty() ? out : out + "\n" + problems;
}

std::string tuns_text(const Json& list) {
  std::string out;
  for (const auto& tun : decoded<std::vector<TunStatus>>(list)) out += tun_text(tun);
  return out;
}

std::string peers_of_network(std::size_t number) {
  return number == 0 ? "" : count_text(number, "peer", "peers") + " in the network";
}

}  // namespace

const TunnelKind kTunKind = {.section = {"tun", kKeysOfTun, true},
                             .read = read_tun,
                             .list = "networks",
                             .fields = names_of_fields<TunStatus>,
                             .text = tuns_text,
                             .number = "networkPeers",
                             .number_text = peers_of_network,
                             .has_peers = true};

bool TunSpec::same(const TunnelSpec& other) const {
  const auto& tun = static_cast<const TunSpec&>(other);
  return identity == tun.identity && settings == tun.settings && pool == tun.pool;
}

/// Of an identity that is yet to be made nothing is known, but of peers.
Contradiction TunSpec::contradiction() const {
  const auto own = platform::read_identity(identity, identity_of_other_form);
  const PublicKey key = own && *own ? (*own)->keys.public_key : PublicKey();
  const overlay::SettingsProblem problem = overlay::problem_with(key, settings);
  const bool has_line = problem.peer && *problem.peer < peer_lines.size();
  return {problem.text, has_line ? peer_lines[*problem.peer] : 0};
}

void TunSpec::check(Preflight& preflight) const {
  preflight.check_identity(identity);
  for (std::string& doubt : doubts_of(settings, platform::host_network(settings.interface))) {
    preflight.doubt(std::move(doubt));
  }
}

std::string resolver_advice() {
  return fmt::format(
      "programs ask this machine's own resolvers for names, past the exit: systemd-resolved does "
      "not run here; let them ask {} (nameserver in /etc/resolv.conf)",
      ip::host_text(overlay::name_server_address()));
}

std::string exit_problem(const TunSpec& spec) {
  overlay::NetworkSettings settings = spec.settings;
  if (spec.pool) settings.addresses.push_back({spec.pool->host, spec.pool->bits});
  return overlay::exit_problem(settings);
}

std::vector<std::string> doubts_of(const overlay::NetworkSettings& settings,
                                   const platform::HostNetwork& host) {
  std::vector<std::string> out;
  const auto look = [&](bool is_ipv4, bool forwards, const char* variable) {
    std::vector<std::string> offers;
    for (const ip::Prefix& network : settings.offers) {
      if (network.is_ipv4() == is_ipv4) offers.push_back(network.to_string());
    }
    // Of those that lead to the internet some know IPv4 only.
    if (is_ipv4 && settings.offers_internet) offers.emplace_back("the internet");
    if (forwards || offers.empty()) return;
    out.push_back(fmt::format(
        "[tun]: peers do not get to {}, which it offers: this machine does not forward {} "
        "(sysctl {}=1)",
        fmt::join(offers, ", "), is_ipv4 ? "IPv4" : "IPv6", variable));
  };
  look(true, host.forwards_ipv4, "net.ipv4.ip_forward");
  look(false, host.forwards_ipv6, "net.ipv6.conf.all.forwarding");
  if (settings.exit && !host.strict_interfaces.empty()) {
    std::string words = "net.ipv4.conf.all.rp_filter=2";
    for (const std::string& interface : host.strict_interfaces) {
      words += fmt::format(" net.ipv4.conf.{}.rp_filter=2", interface);
    }
    out.push_back(fmt::format(
        "[tun]: no answer gets back past the exit: this machine drops what comes in by another "
        "interface than it would go out by (sysctl {})",
        words));
  }
  if (!settings.name_servers.empty() && !host.has_resolved) {
    out.push_back(fmt::format("[tun]: {}", resolver_advice()));
  }
  if (settings.exit && settings.offers_internet) {
    out.emplace_back(
        "[tun]: it has an exit and offers the internet: what peers send there leaves by this "
        "machine's exit, if it translates their addresses, or not at all");
  }
  if (!host.has_interface) {
    out.emplace_back(
        "[tun]: to make a network interface takes CAP_NET_ADMIN, which this user does not have; "
        "root has it, and so has the systemd unit with a drop-in that gives it");
  }
  return out;
}

std::unique_ptr<Tunnel> TunSpec::make(App& app) const {
  const platform::Identity own = require_identity(identity, app.loop().random());
  return std::make_unique<NetworkTunnel>(
      app, *this, app.key_listeners().get(app, own.keys, identity),
      NetworkTunnel::Means{.tunnels = platform::make_packet_tunnel_factory(app.loop()),
                           .names = &app.split_dns()});
}

Result<ip::InterfaceAddress, std::string> parse_interface_address(const std::string& text) {
  const auto out = ip::InterfaceAddress::parse(text);
  if (!out) return Err<std::string>("is not an address such as 10.246.0.1/16 or fd00::1/64");
  const std::uint32_t ipv4 = out->is_ipv4() ? out->host.ipv4() : 1;
  if (out->host.is_any() || out->host.is_multicast() || out->host.is_loopback() || ipv4 == 0 ||
      ipv4 >> 24 == 127 || ipv4 >> 28 == 14) {
    return Err<std::string>("is not an address that an interface can have");
  }
  const int hosts = ip::Prefix::kBits - out->bits;  // bits
  const std::uint32_t all = (hosts < 32 ? 1U << hosts : 0U) - 1;
  const bool is_network = hosts > 1 && out->network().host == out->host;
  if (is_network || (out->is_ipv4() && hosts > 1 && (ipv4 & all) == all)) {
    return Err<std::string>(
        "is a network; give this machine's address in it, such as 10.246.0.1/16");
  }
  return *out;
}

Result<ip::Prefix, std::string> parse_network(const std::string& text) {
  const auto out = ip::Prefix::parse(text);
  if (out) {
    if (out->length() == 0) {
      return Err<std::string>("is everything; to send everything through a peer, name it as exit");
    }
    return *out;
  }
  if (out.error() != Errc::kRefused)
    return Err<std::string>("is not a network such as 192.168.1.0/24");
  const auto host = ip::InterfaceAddress::parse(text);
  return Err(fmt::format("is a host in a network; the network is {}", host->network().to_string()));
}

Result<void, std::string> add_offer(const std::string& text, overlay::NetworkSettings& settings) {
  if (text == kOfferInternet) {
    settings.offers_internet = true;
    return {};
  }
  const auto everything = ip::Prefix::parse(text);
  if (everything && everything->length() == 0) {
    return Err(
        fmt::format("is everything, this machine's neighbours too; \"{}\" offers its way to "
                    "the internet, and a network of its own is offered by its address",
                    kOfferInternet));
  }
  auto network = parse_network(text);
  if (!network) {
    return Err(fmt::format("{}, nor is it \"{}\"", network.error(), kOfferInternet));
  }
  settings.offers.push_back(*network);
  return {};
}

Result<ip::Ipv6, std::string> parse_name_server(const std::string& text) {
  const auto out = ip::parse_host(text);
  if (!out) return Err<std::string>("is not an address such as 9.9.9.9 or 2620:fe::fe");
  const bool is_v4 = out->is_mapped();
  if (out->is_any() || out->is_loopback() || out->is_multicast() ||
      (is_v4 && (out->ipv4() == 0 || out->ipv4() >> 24 == 127 || out->ipv4() >> 28 >= 14))) {
    return Err<std::string>("is not an address that a server in the network can have");
  }
  return *out;
}

Result<ip::Prefix, std::string> parse_pool(const std::string& text) {
  const auto out = parse_network(text);
  if (!out) return Err(out.error());
  const auto checked = check_pool(*out, {});
  if (!checked) return Err<std::string>(to_string(checked.error().refusal));
  return *out;
}

Result<std::size_t, std::string> parse_tunnel_mtu(std::int64_t mtu) {
  if (mtu < static_cast<std::int64_t>(net::kMinMtuV6) ||
      mtu > static_cast<std::int64_t>(net::kMaxMtu)) {
    return Err(fmt::format("{} is not a number of bytes from {} to {}", mtu, net::kMinMtuV6,
                           net::kMaxMtu));
  }
  return static_cast<std::size_t>(mtu);
}

std::string interface_name_problem(const std::string& name) {
  net::TunnelSettings settings;
  settings.name = name;
  return net::problem_with(settings);
}

}  // namespace hsfwd::cli
