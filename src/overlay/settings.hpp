// SPDX-License-Identifier: Apache-2.0
// What a private network is told: who is in it, under which addresses, and what they may reach.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ip/address.hpp"
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
  std::vector<NetworkPeer> peers;

  bool operator==(const NetworkSettings&) const = default;
};

struct SettingsProblem {
  std::string text;                 // for people; empty if the settings can be tried
  std::optional<std::size_t> peer;  // the number of the one that it was found at, from 0

  bool empty() const { return text.empty(); }
};

}  // namespace hsfwd::overlay
