// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/key_listener.hpp"
#include "cli/network_peer_report.hpp"
#include "cli/tun_kind.hpp"
#include "cli/tunnel.hpp"
#include "net/split_dns.hpp"
#include "overlay/network.hpp"

namespace hsfwd::cli {

/// A private network under a key of this machine.
class NetworkTunnel final : public Tunnel, Offer, overlay::NetworkObserver {
 public:
  /// Where its interface is, and who is told about its names.
  struct Means {
    std::unique_ptr<net::PacketTunnelFactory> tunnels;
    net::SplitDnsFactory* names = nullptr;  // outlives it; nullptr: nobody
    // The network is one of its own, in which there is nothing else.
    bool apart = false;
    // Standard output is somebody else's: only errors are reported, and peers that are not reachable.
    bool silent = false;
  };

  NetworkTunnel(App& app, const TunSpec& spec, std::shared_ptr<KeyListener> listener, Means means);
  ~NetworkTunnel() override;

  void claim(Claims& claims) const override;
  void prepare(Unavailable unavailable) override;
  std::optional<Problem> problem() const override;
  void start() override;
  std::optional<Problem> change(const TunnelSpec& spec) override;
  void report() override;
  void on_network_change() override { network_.on_addresses_changed(); }
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override;
  std::vector<Trouble> health() const override;
  Json status() const override;
  void collect(MetricSink& sink) const override { network_.collect(sink); }
  std::vector<forward::OpenConnection> connections() const override;

 private:
  // Offer
  const char* component() const override { return "tun"; }
  bool admits(const PublicKey& who) const override { return network_.admits(who); }
  bool is_meant(const PublicKey& who, const std::optional<Extension>& client) const override;
  bool expects(const PublicKey& who) const override;
  Extension answer(const PublicKey& who, const Extension& client) const override;
  void on_connection(std::unique_ptr<PeerStream> peer) override;
  ClientRelayPolicy client_relays() const override { return ClientRelayPolicy::kOpen; }
  // overlay::NetworkObserver
  void on_peer_changed(const PublicKey& peer) override;
  void on_interface_lost(const std::string& reason) override;

  std::unique_ptr<PeerStream> dial(const PublicKey& peer, std::uint64_t id);
  overlay::NetworkSettings settings_of(const TunSpec& spec) const;
  std::string mistake_in(const overlay::NetworkSettings& settings) const;
  std::string pool_problem() const;
  bool open();
  bool try_to_open();
  std::string use(const overlay::NetworkSettings& settings);
  /// What an interface that stays does about an exit: it may be what cannot be had.
  enum class Exit { kAsWanted, kAsBefore };
  void narrow(Exit exit);
  void announce_names();
  void on_names(const std::string& problem);
  std::string exit_line() const;
  void keep_trying();
  /// With what becomes of it.
  std::string problem_text() const;

  App& app_;
  const std::shared_ptr<KeyListener> listener_;
  const Means means_;
  overlay::NetworkSettings settings_;
  std::optional<ip::Prefix> pool_;
  std::optional<ip::Prefix> pool_in_use_;
  overlay::Network network_;
  std::string problem_;    // of the interface
  Instant problem_since_;  // if there is one
  std::unique_ptr<net::SplitDns> names_;
  bool all_names_ = false;  // are asked through the network, as names_ was told
  std::string names_problem_;
  Timer again_timer_;
  NetworkPeerReport peer_report_;
};

}  // namespace hsfwd::cli
