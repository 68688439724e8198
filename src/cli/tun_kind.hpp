// SPDX-License-Identifier: Apache-2.0
// [tun]: a network interface behind which peers are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/events/event.hpp"
#include "cli/peer_reference.hpp"
#include "cli/tunnel.hpp"
#include "overlay/network.hpp"
#include "platform/host_network.hpp"

namespace hsfwd::cli {

extern const TunnelKind kTunKind;

struct DropStatus {
  std::string reason;
  std::uint64_t packets = 0;
  static constexpr void fields(auto list) {
    list(field("reason", &DropStatus::reason), field("packets", &DropStatus::packets));
  }
};

struct TunPeerStatus {
  std::string peer;
  std::string name;
  std::vector<std::string> addresses;
  std::vector<std::string> networks;  // behind it
  Omittable<std::string> nospoon;     // server, client: what it is, if it speaks that
  std::string state;                  // idle, dialling, open, resting
  Omittable<std::string> path;
  Omittable<std::string> remote;
  Omittable<double> rtt_millis;
  Omittable<std::uint64_t> max_packet;  // bytes of an IP packet that goes whole
  std::uint64_t packets_to_peer = 0;
  std::uint64_t packets_from_peer = 0;
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t bytes_from_peer = 0;
  Omittable<std::uint64_t> rate_to_peer;  // bytes a second, by two of status --watch
  Omittable<std::uint64_t> rate_from_peer;
  std::vector<DropStatus> drops;
  Omittable<std::string> problem;
  static constexpr void fields(auto list) {
    list(field("peer", &TunPeerStatus::peer), field("name", &TunPeerStatus::name),
         field("addresses", &TunPeerStatus::addresses), field("networks", &TunPeerStatus::networks),
         field("nospoon", &TunPeerStatus::nospoon), field("state", &TunPeerStatus::state),
         field("path", &TunPeerStatus::path), field("remote", &TunPeerStatus::remote),
         field("rttMillis", &TunPeerStatus::rtt_millis),
         field("maxPacket", &TunPeerStatus::max_packet),
         field("packetsToPeer", &TunPeerStatus::packets_to_peer),
         field("packetsFromPeer", &TunPeerStatus::packets_from_peer),
         field("bytesToPeer", &TunPeerStatus::bytes_to_peer),
         field("bytesFromPeer", &TunPeerStatus::bytes_from_peer),
         field("rateToPeer", &TunPeerStatus::rate_to_peer),
         field("rateFromPeer", &TunPeerStatus::rate_from_peer),
         field("drops", &TunPeerStatus::drops), field("problem", &TunPeerStatus::problem));
  }
};

struct TunStatus {
  std::string interface;  // empty while there is none
  std::string public_key;
  std::string key;
  std::vector<std::string> addresses;
  std::uint64_t mtu = 0;
  std::vector<std::string> offers;                   // networks, or "internet"
  Omittable<std::string> exit;                       // the peer that all else goes through
  Omittable<bool> exit_answers;                      // anything has come back through it
  Omittable<std::vector<std::string>> direct;        // networks past it
  Omittable<std::vector<std::string>> name_servers;  // asked through it for all other names
  std::vector<TunPeerStatus> peers;
  std::vector<DropStatus> drops;         // of no peer
  Omittable<std::string> names_problem;  // why NAME.hsfwd is not known on this machine
  Omittable<std::string> problem;
  static constexpr void fields(auto list) {
    list(field("interface", &TunStatus::interface), field("publicKey", &TunStatus::public_key),
         field("key", &TunStatus::key), field("addresses", &TunStatus::addresses),
         field("mtu", &TunStatus::mtu), field("offers", &TunStatus::offers),
         field("exit", &TunStatus::exit), field("exitAnswers", &TunStatus::exit_answers),
         field("direct", &TunStatus::direct), field("nameServers", &TunStatus::name_servers),
         field("peers", &TunStatus::peers), field("drops", &TunStatus::drops),
         field("namesProblem", &TunStatus::names_problem), field("problem", &TunStatus::problem));
  }
};

struct TunSpec final : TunnelSpec {
  const TunnelKind& kind() const override { return kTunKind; }
  /// The key of the network stays the same, whatever else changes.
  std::string key() const override { return identity; }
  bool same(const TunnelSpec& other) const override;
  std::size_t number() const override { return settings.peers.size(); }
  Contradiction contradiction() const override;
  void check(Preflight& preflight) const override;
  std::unique_ptr<Tunnel> make(App& app) const override;

  std::string identity;  // path
  overlay::NetworkSettings settings;
  /// Of which every peer without an IPv4 address of its own gets one, and so does this machine.
  std::optional<ip::Prefix> pool;
  std::vector<int> peer_lines;  // where the file has the key of each peer; empty: there is no file
};

/// Where a resolver does not ask through an exit by itself, for people.
std::string resolver_advice();
/// What is wrong with what it says of an exit, for people; empty if nothing is.
std::string exit_problem(const TunSpec& spec);
/// Why it would not work on this machine as it is, one line each for people.
std::vector<std::string> doubts_of(const overlay::NetworkSettings& settings,
                                   const platform::HostNetwork& host);

/// In place of rules: peers may begin nothing here.
inline constexpr const char* kAllowNothing = "none";
/// Among offers: this machine's way to the internet.
inline constexpr const char* kOfferInternet = "internet";
/// What names of peers end with.
inline constexpr const char* kNetworkDomain = "hsfwd";

// The words of a network, on the command line and in files. The errors are one clause for people.
Result<ip::InterfaceAddress, std::string> parse_interface_address(const std::string& text);
Result<ip::Prefix, std::string> parse_network(const std::string& text);
/// One of what this machine offers: a network, or kOfferInternet.
Result<void, std::string> add_offer(const std::string& text, overlay::NetworkSettings& settings);
Result<ip::Ipv6, std::string> parse_name_server(const std::string& text);
Result<std::size_t, std::string> parse_tunnel_mtu(std::int64_t mtu);
/// A network for addresses that are given out; docs/protocol/network.md section 3.
Result<ip::Prefix, std::string> parse_pool(const std::string& text);
/// Why an interface cannot be called so, with the name; empty if it can.
std::string interface_name_problem(const std::string& name);

}  // namespace hsfwd::cli
