// SPDX-License-Identifier: Apache-2.0
// The sockets and datagrams of one attempt to punch through the NATs between two peers. What is said
// about it in messages is up to ClientPunch and ServerPunch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/nat/endpoint.hpp"
#include "hyperdht/nat/nat_probe.hpp"
#include "hyperdht/nat/punch_limits.hpp"

namespace hsfwd::hyperdht {

struct Context;

/// What a pair of NATs calls for.
enum class PunchStrategy {
  kNone,
  kConsistent,    // punch to the addresses the peer told
  kRandomProbes,  // punch to random ports of the peer's host
  kBirthday,      // punch from many sockets to the peer's one address
};
const char* to_string(PunchStrategy strategy);

/// `verified`: the peer has proven that it is reached at one of its addresses, a client to a server
/// in the eyes of several introducers. Without that nobody gets hundreds of datagrams.
PunchStrategy choose_strategy(Firewall own, Firewall remote, bool verified);

/// Events come from the event loop; the puncher may be destroyed through Scheduler::retire.
class HolepuncherObserver {
 public:
  virtual ~HolepuncherObserver() = default;
  /// A punch came in from a host of the peer's. To a client this is success.
  virtual void on_punch(net::UdpSocket& socket, const net::Address& from) = 0;
  /// All that the strategy has was tried.
  virtual void on_exhausted() = 0;
};

/// Differs from upstream: consistent punches come denser at first, a server opens its own NAT
/// before it answers a punch request, all punches of a server leave from one socket, and random
/// ports are tried faster and none twice. Punches count only from hosts that the peer is said to be
/// at, and are echoed a few times to each address. Nothing is sent to own addresses, nor to private
/// ones at the word of somebody outside; and while a client's host is not confirmed, to two
/// addresses of it at most.
class Holepuncher final : private PunchListener {
 public:
  enum class Role { kClient, kServer };
  /// How often who waits for another random punch to end looks whether it has.
  static constexpr Duration kTurnPoll = 250_ms;
  struct RemoteAddress {
    net::Address address;
    PeerProof proof = PeerProof::kNone;  // of the host
  };
  struct Remote {
    Firewall firewall = Firewall::kUnknown;
    bool punching = false;
    std::vector<RemoteAddress> addresses;
  };
  /// What the peer says of itself, through an introducer.
  struct Statement {
    Firewall firewall = Firewall::kUnknown;
    bool punching = false;
    std::vector<net::Address> addresses;
    net::Address seen;                   // the peer, as the introducer says
    net::Address teller;                 // the introducer
    std::optional<net::Ipv4> proven;     // a host of the peer's
    PeerProof proof = PeerProof::kNone;  // of that host; stays so for later statements
  };

  /// A server punches from the node's PunchSocket, if that is ready.
  Holepuncher(const Context& context, Role role, Firewall remote_firewall,
              HolepuncherObserver& observer);
  ~Holepuncher() override;
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
  void update_remote(const Statement& statement);
  /// The introducer says that the peer is there: from that host punches may come.
  void introduce(const net::Address& seen, const net::Address& teller);
  PeerProof proof_of(net::Ipv4 host) const;

  /// Punches now and twice again soon: the peer is known to have opened its NAT for it, and more
  /// hangs on it than three datagrams. Not again for the same address.
  void punch_soon(const net::Address& to, const net::Address& teller);
  /// A punch that opens the own NAT and dies on the way.
  void open_session(const net::Address& to, const net::Address& teller);

  /// Calls `done` once the NAT's verdict is settled: true if punching has a chance with it. With
  /// `reopen`, an unstable verdict is answered with fresh sockets, up to three times in the life of
  /// the puncher. One analysis at a time; `done` may come at once.
  void analyze(bool reopen, std::function<void(bool stable)> done);
  bool unstable() const;

  /// Takes the node's budget for random punches, if these NATs call for one. False: not now.
  bool reserve();
  void release();
  bool needs_budget() const;
  /// A strategy would fit if only the peer's host were confirmed.
  bool lacks_proof() const;
  /// Starts the strategy that fits; kNone: none does, or there is no budget for it. Once; later calls
  /// return what is running.
  PunchStrategy start();
  bool punching() const { return strategy_ != PunchStrategy::kNone && !stopped_; }
  PunchStrategy strategy() const { return strategy_; }
  std::uint64_t datagrams() const { return datagrams_; }
  void stop();
  /// The path stands: the peer is at that host.
  void on_path(const net::Address& peer);

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
  const RemoteAddress* confirmed_address() const;
  bool may_punch_at(const net::Address& to, const net::Address& teller) const;
  std::vector<net::Address> candidates(const Statement& statement) const;
  void expect(net::Ipv4 host);
  std::uint16_t next_random_port();
  void open_birthday_sockets();
  bool affords(net::Ipv4 host);
  void send(net::UdpSocket& socket, const net::Address& to, bool low_ttl);
  void transmit(net::UdpSocket& socket, const net::Address& to, bool low_ttl);
  // PunchListener
  bool on_punch(PoolSocket& socket, const net::Address& from) override;
  int* echoes_left_for(const net::Address& address);
  void echo();

  void step();
  void soon_step();
  void consistent_step();
  void probe_step();
  void birthday_step();
  void next_step(Duration delay);

  const Context& context_;
  const Role role_;
  HolepuncherObserver& observer_;
  std::vector<std::shared_ptr<PoolSocket>> sockets_;  // the first is the one that was classified
  const PoolSocket* ready_socket_ = nullptr;          // one of them, if it is the node's
  std::unique_ptr<NatProbe> probe_;
  Remote remote_;
  std::vector<net::Ipv4> expected_;  // hosts that the peer is said to be at

  std::function<void(bool)> analyzed_;
  bool may_reopen_ = false;
  bool reopened_ = false;  // in this analysis
  int reopens_left_;

  PunchStrategy strategy_ = PunchStrategy::kNone;
  bool stopped_ = false;
  bool holds_budget_ = false;
  int steps_ = 0;
  net::Address soon_;  // the last one that was punched at soon
  int unconfirmed_sent_ = 0;
  struct Echoes {
    net::Address to;
    int left;
  };
  std::vector<Echoes> echoes_;
  std::weak_ptr<PoolSocket> echo_socket_;
  net::Address echo_to_;
  int repeats_left_ = 0;  // of the last echo
  std::vector<bool> tried_ports_;
  std::uint64_t datagrams_ = 0;
  Timer step_timer_;
  Timer echo_timer_;
};

}  // namespace hsfwd::hyperdht
