// SPDX-License-Identifier: Apache-2.0
// What a private network is told: who is in it, under which addresses, and what they may reach.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ip/address.hpp"
#include "net/packet_tunnel.hpp"
#include "node/keys.hpp"
#include "overlay/port_rules.hpp"

namespace hsfwd::overlay {

/// Bytes: what is left of an Ethernet frame behind IP and UDP (28), UDX (20) and the seal (25), rounded down
/// to what other tunnels have as well.
inline constexpr std::size_t kDefaultMtu = 1420;

/// The first of those that are tried for datagrams that carry packets, and for tables of routes. None of their
/// bits is one that Kubernetes (0xc000), Cilium (0x0f00), AWS's VPC CNI (0x80), Tailscale or Calico (above 16 bits)
/// look at by itself.
inline constexpr std::uint32_t kFirewallMark = 0x2060;

/// What a peer is that speaks nospoon in place of our protocol.
enum class Nospoon : std::uint8_t {
  kServer,  // is dialled, and stays connected
  kClient,  // dials us, and is never dialled
};
/// As it is called in files and in status.
inline const char* to_string(Nospoon role) {
  return role == Nospoon::kServer ? "server" : "client";
}

struct NetworkPeer {
  PublicKey key;
  std::string name;                  // for people and DNS; may be empty
  std::vector<ip::Ipv6> addresses;   // beside the one of its key
  std::vector<ip::Prefix> networks;  // behind it, whose packets it takes and sends
  std::optional<PortRules> allow;    // what it may reach here; everything if unset
  /// Such a peer does not have the address of its key.
  std::optional<Nospoon> nospoon = std::nullopt;

  bool operator==(const NetworkPeer&) const = default;
};

struct NetworkSettings {
  std::string interface = "hsfwd%d";  // see net::TunnelSettings
  std::size_t mtu = kDefaultMtu;
  bool may_offload = true;
  std::vector<ip::InterfaceAddress> addresses;  // of this host, beside the one of its key
  std::vector<ip::Prefix> offers;               // networks behind this host that peers may reach
  bool offers_internet = false;                 // see internet.hpp
  /// The peer that everything goes through which is in no network of a peer's or of this host's.
  std::optional<PublicKey> exit = std::nullopt;
  /// With an exit: networks that leave past it. Of those that this host is in, private and local ones do so by themselves.
  std::vector<ip::Prefix> direct = {};
  /// Who is asked, through the network, for names that are not the network's; the first that answers.
  std::vector<ip::Ipv6> name_servers = {};
  std::vector<NetworkPeer> peers;

  bool operator==(const NetworkSettings&) const = default;
};

struct SettingsProblem {
  std::string text;                 // for people; empty if the settings can be tried
  std::optional<std::size_t> peer;  // the number of the one that it was found at, from 0

  bool empty() const { return text.empty(); }
};

/// All of a peer's own, first the one of its key. nospoon knows none of keys.
std::vector<ip::Ipv6> addresses_of(const NetworkPeer& peer);

/// Of IPv4 and IPv6 each the one that contains all hosts.
std::array<ip::Prefix, 2> networks_of_everything();

/// What is wrong with the settings, as far as who has what is concerned. `own`: the key of this host.
SettingsProblem problem_with(const PublicKey& own, const NetworkSettings& settings);
/// What is wrong with what they say of an exit, for people; empty if nothing is. All addresses of this host are in them.
std::string exit_problem(const NetworkSettings& settings);

/// The interface that they ask for. `beside_another`: the route to all keys is another network's on this host, so
/// that this one has a route to each of its peers.
net::TunnelSettings tunnel_settings(const PublicKey& own, const NetworkSettings& settings,
                                    bool beside_another);

}  // namespace hsfwd::overlay
