// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/world.hpp"

namespace hsfwd::sim {

class HostSocket;

/// A machine of the simulated internet: an Env over virtual time, with one address at a time.
class Host final : public Station,
                   public net::UdpFactory,
                   public net::Interfaces,
                   public net::Resolver,
                   public net::WallClock {
 public:
  Host(World& world, Segment& segment, Ipv4 address, const LinkProfile& profile,
       std::uint64_t seed);
  ~Host() override;

  net::Env env();
  Scheduler& scheduler() { return scheduler_; }
  Random& random() { return random_; }
  Link& link() { return link_; }
  Ipv4 address() const { return address_; }

  /// Moves to another address, as a DHCP lease or another network brings it.
  void set_address(Segment& segment, Ipv4 address);
  /// No timers, no packets, until wake(); then all that is overdue runs at once.
  void sleep();
  void wake();
  bool asleep() const { return asleep_; }
  /// Datagrams that left the machine.
  std::uint64_t sent() const { return sent_; }
  /// Open UDP sockets.
  std::size_t sockets() const { return sockets_.size(); }

  /// Runs due timers and tasks, and asks the world to be woken for the next.
  void run();
  /// Moves the frozen instant to the world's, before a test calls into the host.
  void freeze();
  void schedule_wake();

  // Station, and the Env's parts
  void receive(Packet packet) override;
  Result<std::unique_ptr<net::UdpSocket>> bind(Address local, net::UdpObserver& observer) override;
  Result<std::unique_ptr<net::UdpSocket>, std::string> bind_for_programs(
      Address local, net::UdpObserver& observer, net::UdpLoad load) override;
  std::vector<net::Interface> list() override;
  std::unique_ptr<net::Lookup> resolve(const std::string& host, Done done) override;
  std::uint64_t unix_millis() override { return world_.unix_millis(); }

 private:
  friend class HostSocket;
  Result<std::unique_ptr<net::UdpSocket>> make_socket(Address local, net::UdpObserver& observer,
                                                      bool for_programs);
  void send(Packet packet);
  void deliver_batches();

  World& world_;
  Segment* segment_;
  Ipv4 address_;
  Link link_;
  Scheduler scheduler_;
  SeededRandom random_;
  std::map<std::uint16_t, HostSocket*> sockets_;
  std::vector<Packet> arrived_;  // at this instant, not delivered yet
  Instant next_wake_ = Instant::max();
  bool asleep_ = false;
  std::uint64_t sent_ = 0;
};

}  // namespace hsfwd::sim
