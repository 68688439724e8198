// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/packet_tunnel.hpp"
#include "sim/host.hpp"

namespace hsfwd::sim {

class HostTunnel;

/// The tunnels of a simulated machine, and the machine's side of them: a test says what the host sends
/// into one, and sees what arrives at the host.
class Tunnels final : public net::PacketTunnelFactory {
 public:
  /// Packets that wait to be read, as of a kernel's interface; the host loses what is more.
  static constexpr std::size_t kQueue = 500;

  explicit Tunnels(Host& host) : host_(host) {}
  ~Tunnels() override;

  Result<std::unique_ptr<net::PacketTunnel>, net::TunnelError> open(
      const net::TunnelSettings& settings, net::PacketTunnelObserver& observer) override;

  // --- The host's side; each of these takes the name of a tunnel that is there ---
  bool exists(const std::string& name) const { return tunnels_.contains(name); }
  /// How often one was asked for.
  std::size_t opens() const { return opens_; }
  const net::TunnelSettings& settings(const std::string& name) const;
  /// Larger ones than the MTU are lost, as the host itself would refuse them.
  void send(const std::string& name, Bytes packet);
  /// What has arrived, in order; and forgets it.
  std::vector<Bytes> take_received(const std::string& name);
  /// How many more packets the host takes; without end at first.
  void set_room(const std::string& name, std::size_t packets);
  /// Somebody deletes the interface, or sets it down.
  void lose(const std::string& name, const std::string& reason);
  /// Somebody sets the MTU.
  void set_mtu(const std::string& name, std::size_t mtu);

 private:
  friend class HostTunnel;
  HostTunnel& at(const std::string& name) const;

  Host& host_;
  std::map<std::string, HostTunnel*> tunnels_;
  std::size_t opens_ = 0;
};

}  // namespace hsfwd::sim
