// SPDX-License-Identifier: Apache-2.0
// The sockets and datagrams of one attempt to punch through the NATs between two peers. What is said
// about it in messages is up to ClientPunch and ServerPunch.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/endpoint.hpp"
#include "hyperdht/nat_probe.hpp"

namespace hsfwd::hyperdht {

/// What a pair of NATs calls for.
enum class PunchStrategy {
  kNone,
  kConsistent,    // punch to the addresses the peer told
  kRandomProbes,  // punch to random ports of the peer's host
  kBirthday,      // punch from many sockets to the peer's one address
};
const char* to_string(PunchStrategy strategy);

/// `verified`: the peer has proven that it is reached at one of its addresses. Without that nobody
/// gets hundreds of datagrams.
PunchStrategy choose_strategy(Firewall own, Firewall remote, bool verified);

/// Events come from the event loop; the puncher may be destroyed through Scheduler::retire.
class HolepuncherObserver {
 public:
  virtual ~HolepuncherObserver() = default;
  /// A punch came in. To a client this is success; a server has already answered it in kind.
  virtual void on_punch(net::UdpSocket& socket, const net::Address& from) = 0;
  /// All that the strategy has was tried.
  virtual void on_exhausted() = 0;
};

/// Differs from upstream: consistent punches come denser at first, a server opens its own NAT before
/// it answers a punch request, all punches of a server leave from one socket, and random ports are
/// tried faster and none twice.
class Holepuncher {
 public:
  enum class Role { kClient, kServer };
  /// How often who waits for another random punch to end looks whether it has.
  static constexpr Duration kTurnPoll = 250_ms;
  struct RemoteAddress {
    net::Address address;
    bool verified = false;  // the host is
  };
  struct Remote {
    Firewall firewall = Firewall::kUnknown;
    bool punching = false;
    std::vector<RemoteAddress> addresses;
  };

  /// A server punches from the node's PunchSocket, if that is ready.
  Holepuncher(Dht& dht, Role role, Firewall remote_firewall, HolepuncherObserver& observer);
  ~Holepuncher();
  Holepuncher(const Holepuncher&) = delete;
  Holepuncher& operator=(const Holepuncher&) = delete;

  /// There is a socket. False after the system refused to give one.
  bool usable() const { return !sockets_.empty(); }
  net::UdpSocket& socket() { return sockets_.front()->socket(); }
  NatClassifier& nat() { return probe_->nat(); }
  const NatClassifier& nat() const { return probe_->nat(); }
  /// Somebody reports how it sees the socket.
  void add_sample(const net::Address& ours, const net::Address& reporter);

  const Remote& remote() const { return remote_; }
  /// What the peer says of itself. `verified`: a host of its that is proven; stays so for later.
  void update_remote(Firewall firewall, bool punching, const std::vector<net::Address>& addresses,
                     std::optional<net::Ipv4> verified);

  /// Punches now and twice again soon: the peer is known to have opened its NAT for it, and more hangs
  /// on it than three datagrams.
  void punch_soon(const net::Address& to);
  /// A punch that opens the own NAT and dies on the way.
  void open_session(const net::Address& to);

  /// Calls `done` once the NAT's verdict is settled: true if punching has a chance with it. With
  /// `reopen`, an unstable verdict is answered with fresh sockets, up to three times in the life of
  /// the puncher. One analysis at a time; `done` may come at once.
  void analyze(bool reopen, std::function<void(bool stable)> done);
  bool unstable() const;

  /// Takes the node's budget for random punches, if these NATs call for one. False: not now.
  bool reserve();
  void release();
  bool needs_budget() const;
  /// Starts the strategy that fits; kNone: none does, or there is no budget for it. Once; later calls
  /// return what is running.
  PunchStrategy start();
  bool punching() const { return strategy_ != PunchStrategy::kNone && !stopped_; }
  PunchStrategy strategy() const { return strategy_; }
  std::uint64_t datagrams() const { return datagrams_; }
  void stop();

  /// Twice upstream's: a probe of the other side hits one twice as soon.
  static constexpr std::size_t kBirthdaySockets = 512;
  /// Random ports tried: at most this many a second, and in all.
  static constexpr int kProbesPerSecond = 250;
  static constexpr int kMaxProbes = 1750;

 private:
  bool take_ready_socket();
  bool acquire();
  void let_go(PoolSocket& socket);
  void reopen();
  void finish_analysis();
  const RemoteAddress* verified_address() const;
  std::uint16_t next_random_port();
  void open_birthday_sockets();
  void send(net::UdpSocket& socket, const net::Address& to, bool low_ttl);
  void on_punch(const std::shared_ptr<PoolSocket>& socket, const net::Address& from);
  void echo();

  void step();
  void soon_step();
  void consistent_step();
  void probe_step();
  void birthday_step();
  void next_step(Duration delay);

  Dht& dht_;
  const Role role_;
  HolepuncherObserver& observer_;
  std::vector<std::shared_ptr<PoolSocket>> sockets_;  // the first is the one that was classified
  const PoolSocket* ready_socket_ = nullptr;  // one of them, if it is the node's
  std::unique_ptr<NatProbe> probe_;
  Remote remote_;

  std::function<void(bool)> analyzed_;
  bool may_reopen_ = false;
  bool reopened_ = false;  // in this analysis
  int reopens_left_;

  PunchStrategy strategy_ = PunchStrategy::kNone;
  bool stopped_ = false;
  bool holds_budget_ = false;
  int steps_ = 0;
  net::Address soon_;
  std::weak_ptr<PoolSocket> echo_socket_;
  net::Address echo_to_;
  int echoes_left_ = 0;
  std::vector<bool> tried_ports_;
  std::uint64_t datagrams_ = 0;
  Timer step_timer_;
  Timer echo_timer_;
};

}  // namespace hsfwd::hyperdht
