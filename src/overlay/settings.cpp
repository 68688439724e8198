// SPDX-License-Identifier: Apache-2.0
#include "overlay/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "node/key_address.hpp"

namespace hsfwd::overlay {

namespace {

const char* name_of(const NetworkPeer& peer, std::string& room) {
  room = peer.name.empty() ? key_text(peer.key) : peer.name;
  return room.c_str();
}

}  // namespace

std::vector<ip::Ipv6> addresses_of(const NetworkPeer& peer) {
  std::vector<ip::Ipv6> out;
  if (!peer.nospoon) out.push_back(key_address(peer.key));
  out.insert(out.end(), peer.addresses.begin(), peer.addresses.end());
  return out;
}

std::array<ip::Prefix, 2> networks_of_everything() {
  return {ip::Prefix::around_ipv4(0, 0), ip::Prefix::around(ip::Ipv6::any(), 0)};
}

SettingsProblem problem_with(const PublicKey& own, const NetworkSettings& settings) {
  std::map<ip::Prefix, std::string> taken;
  std::string room;
  const auto take = [&](const ip::Prefix& prefix, const std::string& whose) -> std::string {
    const auto [at, added] = taken.emplace(prefix, whose);
    if (added) return {};
    return fmt::format("{} and {} both have {}", at->second, whose, prefix.to_string());
  };
  const auto host = [](const ip::Ipv6& address) {
    return ip::Prefix::around(address, ip::Prefix::kBits);
  };
  std::string problem = take(host(key_address(own)), "this host");
  for (const auto& address : settings.addresses) {
    if (problem.empty()) problem = take(host(address.host), "this host");
  }
  for (const auto& network : settings.offers) {
    if (problem.empty()) problem = take(network, "this host");
  }
  if (!problem.empty()) return {problem, std::nullopt};
  for (std::size_t i = 0; i < settings.peers.size(); ++i) {
    const NetworkPeer& peer = settings.peers[i];
    const std::string whose = name_of(peer, room);
    if (peer.key == own) return {fmt::format("{} has this host's own key", whose), i};
    for (const auto& address : addresses_of(peer)) {
      if (problem.empty()) problem = take(host(address), whose);
    }
    for (const auto& network : peer.networks) {
      if (network.overlaps(network_prefix())) {
        return {fmt::format("{} of {} has addresses of keys, which are their own",
                            network.to_string(), whose),
                i};
      }
      if (problem.empty()) problem = take(network, whose);
    }
    if (!problem.empty()) return {problem, i};
  }
  return {};
}

std::string exit_problem(const NetworkSettings& settings) {
  const auto is_exit = [&](const NetworkPeer& peer) { return peer.key == settings.exit; };
  if (!settings.exit) {
    if (!settings.direct.empty()) return "networks are direct past an exit, and there is none";
    if (settings.name_servers.empty()) return "";
    return "servers for all names are asked through an exit, and there is none";
  }
  if (std::none_of(settings.peers.begin(), settings.peers.end(), is_exit)) {
    return "the exit is none of the peers";
  }
  const bool has_ipv4 = std::any_of(settings.addresses.begin(), settings.addresses.end(),
                                    [](const auto& address) { return address.is_ipv4(); });
  return has_ipv4
             ? ""
             : "an exit takes an IPv4 address of this machine in the network (address or pool)";
}

net::TunnelSettings tunnel_settings(const PublicKey& own, const NetworkSettings& settings,
                                    bool beside_another) {
  net::TunnelSettings out;
  out.name = settings.interface;
  out.mtu = settings.mtu;
  out.may_offload = settings.may_offload;
  out.addresses.push_back({key_address(own), ip::Prefix::kBits});
  for (const auto& address : settings.addresses) out.addresses.push_back(address);
  const auto lead = [&](const ip::Prefix& to) {
    out.routes.push_back({.to = to, .even_marked = true});
  };
  // All keys' addresses, so that programs hear at once of one that is nobody's here.
  if (!beside_another) lead(network_prefix());
  for (const NetworkPeer& peer : settings.peers) {
    if (beside_another && !peer.nospoon) {
      lead(ip::Prefix::around(key_address(peer.key), ip::Prefix::kBits));
    }
    for (const auto& address : peer.addresses) {
      const auto covered = [&](const auto& ours) { return ours.network().contains(address); };
      if (std::any_of(settings.addresses.begin(), settings.addresses.end(), covered)) continue;
      lead(ip::Prefix::around(address, ip::Prefix::kBits));
    }
    // The addresses at which this host reaches its peers may lie in these.
    for (const auto& network : peer.networks) out.routes.push_back({.to = network});
    if (!peer.networks.empty()) out.firewall_mark = kFirewallMark;
  }
  if (settings.exit) {
    for (const ip::Prefix& everything : networks_of_everything())
      out.routes.push_back({.to = everything});
    out.firewall_mark = kFirewallMark;
    out.kill_switch = true;
    out.direct = settings.direct;
  }
  return out;
}

}  // namespace hsfwd::overlay
