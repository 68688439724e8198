// SPDX-License-Identifier: Apache-2.0
// A private network of peers, each known by its key: packets of this host find the peer that has the address,
// and packets of a peer the host, if they are that peer's and it may send them.
//
//   host ──► PacketTunnel ──► Routes ──► filter notes ──► Link ──► peer
//   host ◄── PacketTunnel ◄── filter ◄── whose source? ◄── Link ◄── peer
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ip/icmp.hpp"
#include "net/packet_tunnel.hpp"
#include "net/vicinity.hpp"
#include "overlay/drops.hpp"
#include "overlay/filter.hpp"
#include "overlay/link.hpp"
#include "overlay/names.hpp"
#include "overlay/routes.hpp"
#include "overlay/settings.hpp"
#include "util/bounded_map.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd::overlay {

/// Bytes of memory that packets take which wait, of all peers together.
inline constexpr std::size_t kMaxWaiting = std::size_t{16} << 20;

class NetworkObserver {
 public:
  virtual ~NetworkObserver() = default;
  /// Another state, connection or path of that peer's.
  virtual void on_peer_changed(const PublicKey& peer) = 0;
  /// The interface is gone, see net::PacketTunnelObserver. The network has no interface until it is opened again.
  virtual void on_interface_lost(const std::string& reason) = 0;
};

struct PeerStatus {
  PublicKey key;
  std::string name;
  std::vector<ip::Ipv6> addresses;   // first the one of its key, but for nospoon
  std::vector<ip::Prefix> networks;  // behind it
  std::optional<Nospoon> nospoon;    // what it is, if it speaks that
  Link::State state = Link::State::kIdle;
  std::optional<Link::InUse> connection;
  std::optional<std::size_t> max_packet;
  LinkTraffic traffic;
  Drops drops;
  std::string error;
};

class Network final : net::PacketTunnelObserver, LinkOwner {
 public:
  struct Surroundings {
    Scheduler& scheduler;
    Random& random;
    net::PacketTunnelFactory& tunnels;
    Link::Outside links;
    /// Those that this host has besides this network.
    std::function<net::HostNetworks()> host_networks;
    /// A UDP port of the node's: what comes from there is never led into the network, which it carries.
    std::function<bool(std::uint16_t port)> is_node_port;
  };

  /// `own`: the key of this host in the network.
  Network(Surroundings surroundings, const PublicKey& own, NetworkObserver& observer);
  ~Network() override;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// From now on these settings, as far as peers are concerned: those that stay keep their connections. The
  /// interface is made, or made anew unless it is what is asked for already; true: it was. The error is for
  /// people; the interface is then as it was before, if there was one and it can be had again.
  Result<bool, std::string> open(const NetworkSettings& settings);
  /// Peers that are dialled without any packet, nospoon servers, are from now on, while there is an interface.
  void start();
  /// Nothing goes past the exit of these settings, if they have one, though the interface is not to be had yet. The error is for people.
  Result<void, std::string> hold(const NetworkSettings& settings);
  /// Ends all connections and takes the interface away.
  void close(const std::string& reason);

  /// Whether that key is a peer that may connect, which a nospoon server does not.
  bool admits(const PublicKey& key) const;
  /// What that key is, if it is a peer that speaks nospoon: its connections say nothing of themselves.
  std::optional<Nospoon> nospoon(const PublicKey& key) const;
  /// A connection for IP packets that a peer has made. It goes if the key is no such peer's.
  void accept(std::unique_ptr<PeerStream> stream);

  /// This host has other addresses than before: each peer that is connected is asked whether it still is. See
  /// Link::check.
  void on_addresses_changed();

  const PublicKey& own_key() const { return own_; }
  /// First the one of the key.
  const std::vector<ip::Ipv6>& addresses() const { return addresses_; }
  /// nullptr while there is none.
  const net::PacketTunnel* interface() const { return tunnel_.get(); }
  const NetworkSettings& settings() const { return settings_; }
  std::vector<PeerStatus> peers() const;
  /// Of one of the peers.
  PeerStatus peer(const PublicKey& key) const;
  /// Of NAME.hsfwd, for programs of this host.
  const NameServer& names() const { return names_; }
  /// Whether names of all domains are asked for through the network.
  bool forwards_names() const { return !settings_.name_servers.empty(); }
  /// Whether anything from beyond it has come in since there is this exit.
  bool exit_has_answered() const { return exit_has_answered_; }
  /// Since when something has gone there that nothing has come back for; nothing once anything has.
  std::optional<Instant> exit_asked_at() const {
    return exit_has_answered_ ? std::nullopt : exit_asked_at_;
  }
  /// Those of no peer.
  Drops drops() const;
  void collect(MetricSink& sink) const;

 private:
  // Of the host
  void on_packets(net::PacketTunnel& tunnel, std::span<MutableBytes> packets) override;
  void on_tunnel_lost(net::PacketTunnel& tunnel, const std::string& reason) override;
  // Of peers
  void on_packets(Link& link, std::span<const MutableBytes> packets) override;
  void on_undeliverable(Link& link, ByteView packet) override;
  void on_link_changed(Link& link) override;
  void note_exit_asked();

  /// A host and its port of UDP.
  using Caller = std::pair<ip::Ipv6, std::uint16_t>;
  static constexpr std::size_t kMaxCallers = 64;  // of a peer's

  struct Peer {
    NetworkPeer settings;
    std::unique_ptr<Link> link;
    std::optional<TokenBucket> answers = std::nullopt;  // to what it may not send
    // Who has lately come to our node through the network, such as another program of the peer's host.
    BoundedMap<Caller, std::monostate> callers{kMaxCallers};
  };

  Result<bool, std::string> try_to_open(const NetworkSettings& settings);
  net::TunnelSettings wanted(const NetworkSettings& settings) const;
  Result<void, std::string> make_interface();
  void retire_tunnel();
  void use(const NetworkSettings& settings);
  void use_peer(const NetworkPeer& settings);
  void name_peers();
  Link* link_for(const ip::Packet& packet, MutableBytes bytes);
  Link* refuse(Drop reason);
  bool is_loop(const Link& link, const ip::Packet& packet);
  bool fits(Link& link, const ip::Packet& packet, MutableBytes bytes);
  void flush(Link* link);
  std::optional<MutableBytes> checked(Link& link, MutableBytes bytes);
  void to_host(std::span<const MutableBytes> packets);
  void answer_name(const ip::Packet& packet);
  void ask_server(MutableBytes question);
  bool is_for_node(const ip::Packet& packet) const;
  bool take_name_answer(const ip::Packet& packet);
  MutableBytes answer_room();
  void answer_host(const ip::Packet& packet, ip::Unreachable reason);
  void answer_peer(Link& link, const ip::Packet& packet);
  bool is_own(const ip::Ipv6& host) const;
  bool is_offered(const ip::Ipv6& host) const;
  bool is_offered_internet(const ip::Ipv6& host);
  bool is_error_from_the_way(const ip::Packet& packet);
  bool is_this_host(const ip::Ipv6& host);

  const Surroundings around_;
  const PublicKey own_;
  NetworkObserver& observer_;
  NetworkSettings settings_;
  std::vector<ip::Ipv6> addresses_;
  Routes routes_;
  Filter filter_;
  Filter internet_filter_;  // of what comes through the exit from elsewhere
  PacketPool pool_{kMaxWaiting};
  NameServer names_;
  std::map<PublicKey, Peer> links_;
  bool started_ = false;
  std::unique_ptr<net::PacketTunnel> tunnel_;
  bool beside_another_ = false;  // see tunnel_settings
  Drops drops_;                  // but for those of tunnel_
  TokenBucket answers_;          // to the host, to what goes nowhere
  TokenBucket too_bigs_;

  std::vector<MutableBytes> batch_;  // on its way, of one call
  bool exit_has_answered_ = false;
  std::optional<Instant> exit_asked_at_;  // first
  net::Vicinity vicinity_;
  // The last destination, as packets come in trains.
  ip::Ipv6 last_to_;
  Link* last_link_ = nullptr;
  Filter* last_filter_ = nullptr;
  std::array<std::uint8_t, net::kTunnelHeadroom + ip::kMaxIcmpSize + net::kTunnelTailroom>
      answer_{};
};

}  // namespace hsfwd::overlay
