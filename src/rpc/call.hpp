// SPDX-License-Identifier: Apache-2.0
// Outgoing requests: numbering, timeouts, repeats, and a window that keeps bursts off the network.
//
// Differs from upstream: an answer counts only from the address asked, on the socket it is expected
// on, under a transaction id drawn at random, where upstream numbers requests one after the other
// and matches by number alone; timeouts adapt to the peer by default, where upstream has an option
// for it; an answer lets the next waiting request out at once, where upstream lets them out every
// 750 ms; a node that is silent while all others are is not held to be gone; one that is silent
// while others are heard is noted as such for a while.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/env.hpp"
#include "rpc/message.hpp"
#include "rpc/strays.hpp"
#include "util/bounded_map.hpp"
#include "util/owned_set.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::rpc {

struct RequestSpec {
  net::Address to;
  /// A node that has to answer itself: its silence, while others are heard, is held against it, and a
  /// timeout then removes it from the routing table.
  std::optional<NodeId> to_id;
  CommandCode command;
  std::optional<Target> target;
  std::optional<Token> token;
  std::optional<Bytes> value;
  int retries = 3;         // repeats after the first transmission
  Duration extra_timeout;  // the answer is known to take this much longer
  Duration pace;           // of repeats: until the first, doubled for each further; 0: adaptive
  net::UdpSocket* socket = nullptr;       // nullptr: the one the node sends from
  net::UdpSocket* answered_on = nullptr;  // nullptr: the one it is asked from
  bool urgent = false;                    // not held back by the window
  bool uncut = false;                     // arrives in one piece or not at all, whatever its size
};

struct Reply {
  net::Address from;                 // who was asked
  std::optional<NodeId> from_id;     // verified
  net::UdpSocket* socket = nullptr;  // the one it came in on
  ResponseMessage message;
  Duration rtt;
};

/// The only error is Errc::kTimeout: no transmission was answered.
using CallResult = Result<Reply>;

class Calls;

/// A request that belongs to the object it is a member of; destroying it forgets it. The callback is
/// called at most once per start, with the views of the reply valid during the call. It may restart
/// the call, but not delete it.
class Call {
 public:
  using Done = std::function<void(const CallResult&)>;

  Call(Calls& calls, Done done);
  ~Call() { cancel(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// Called when the first transmission was not answered in time; repeats go on.
  void on_slow(std::function<void()> slow) { slow_ = std::move(slow); }
  /// Called after each repeat.
  void on_repeat(std::function<void()> repeat) { repeat_ = std::move(repeat); }
  void start(RequestSpec spec);
  void cancel();
  bool active() const { return active_; }
  const net::Address& to() const { return spec_.to; }

 private:
  friend class Calls;
  void transmit();
  bool expects(const net::UdpSocket& socket, const net::Address& from) const;
  bool traced() const;
  std::string command_text() const;
  void trace_answer(const net::Address& from, std::uint64_t error) const;
  Duration timeout() const;
  void on_timer();
  void finish(const CallResult& result);

  Calls& calls_;
  Done done_;
  std::function<void()> slow_;
  std::function<void()> repeat_;
  RequestSpec spec_;
  Bytes datagram_;
  std::uint16_t tid_ = 0;
  int sent_ = 0;
  Instant started_at_;
  Instant sent_at_;
  std::uint64_t sent_turn_ = 0;
  bool active_ = false;
  bool waiting_ = false;   // for the window
  bool seen_out_ = false;  // nobody but Calls waits for it
  Timer timer_;
};

/// Round-trip times by peer, for timeouts. In two generations, since each answer notes one: an order
/// would cost more than that the limit is not exact.
class PeerTimes {
 public:
  explicit PeerTimes(Random& random) : random_(random) {}
  void add(const net::Address& peer, Duration rtt);
  /// `attempt` counts from 1.
  Duration timeout(const net::Address& peer, int attempt);

 private:
  struct Entry {
    Duration average;
    Duration deviation;
  };
  Entry* find(const net::Address& peer);

  Random& random_;
  std::unordered_map<net::Address, Entry> young_;
  std::unordered_map<net::Address, Entry> old_;
};

/// Peers that do not answer, until they are heard again or have not been asked for ten minutes.
class SilentPeers {
 public:
  /// A transmission was not answered in time. Of those that overlap one counts: a slow path, or a
  /// burst of losses, holds up all of them.
  void add(const net::Address& peer, Instant sent_at, Instant now);
  void remove(const net::Address& peer) { entries_.erase(peer); }
  void clear() { entries_.clear(); }
  /// Transmissions in a row.
  int count(const net::Address& peer, Instant now) const;

 private:
  static constexpr std::size_t kMaxPeers = 1024;
  struct Entry {
    int count = 0;
    Instant last;
  };
  BoundedMap<net::Address, Entry> entries_{kMaxPeers};
};

struct CallStats {
  std::uint64_t sent = 0;  // requests, without repeats
  std::uint64_t repeats = 0;
  std::uint64_t responses = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t stray_responses = 0;
};

/// What the requests of a node have in common.
class Calls {
 public:
  /// What the calls need of their node.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual net::UdpSocket& sending_socket() = 0;
    /// The id to be written into packets that leave from `socket`.
    virtual std::optional<NodeId> id_on(const net::UdpSocket& socket) = 0;
    virtual void on_reply(const Reply& reply) = 0;
    virtual void on_timeout(const net::Address& to, const std::optional<NodeId>& id) = 0;
  };

  Calls(const net::Env& env, Owner& owner);
  ~Calls();

  /// True when a call was waiting for this response. Of one that none waits for nothing is read but
  /// its transaction id.
  bool on_response(net::UdpSocket& socket, const net::Address& from, ByteView datagram);
  /// Every 750 ms: what was sent four turns ago leaves the window, answered or not.
  void drain();
  /// A socket is going away: calls that would repeat from it use the node's own.
  void forget_socket(const net::UdpSocket& socket);

  /// Somebody was heard since then: silence is the peer's, not that of our own line.
  bool heard_since(Instant when) const { return heard_at_ >= when; }
  /// When that was last; nothing if it never was.
  std::optional<Instant> heard_at() const {
    return heard_at_ == kNever ? std::nullopt : std::optional(heard_at_);
  }
  /// A packet of the network came in, whoever sent it.
  void note_line_up() { heard_at_ = env_.now(); }
  /// It has answered.
  void note_heard(const net::Address& from) {
    note_line_up();
    silent_.remove(from);
  }
  /// How many transmissions in a row the peer has not answered, while others were heard.
  int unanswered(const net::Address& peer) const { return silent_.count(peer, env_.now()); }
  /// Sees a call to its end that its owner does not wait for any longer: a late answer is learnt
  /// from, and silence is noted. Only one for each address, and not many.
  void see_out(std::unique_ptr<Call> call);
  std::size_t in_flight() const { return active_.size(); }
  const CallStats& stats() const { return stats_; }
  void collect(MetricSink& sink) const;
  const Strays& strays() const { return strays_; }

  static constexpr Duration kDrainInterval = 750_ms;

 private:
  friend class Call;

  /// Unanswered transmissions of the last four drain intervals. What is answered frees its place at
  /// once, so that a quick network is not slowed down.
  class Window {
   public:
    bool full() const { return total_ >= 2 * kMax || slots_[turn_ % kSlots] >= kMax; }
    /// Returns the turn, for on_ended.
    std::uint64_t on_sent();
    void on_ended(std::uint64_t sent_turn);
    void turn();

   private:
    static constexpr int kMax = 80;  // upstream's
    static constexpr std::size_t kSlots = 4;
    std::array<int, kSlots> slots_{};
    std::uint64_t turn_ = 0;
    int total_ = 0;
  };

  std::uint16_t draw_tid();
  void settle(Call& call, net::UdpSocket& socket, const net::Address& from,
              const ResponseMessage& message);
  void send_waiting();
  void on_seen_out(const Call& call);

  net::Env env_;
  Owner& owner_;
  PeerTimes times_;
  SilentPeers silent_;
  Window window_;
  std::unordered_map<std::uint16_t, Call*> active_;
  std::deque<Call*> waiting_;
  OwnedSet<Call> seen_out_;
  CallStats stats_;
  Strays strays_;
  static constexpr Instant kNever = Instant::from_micros(std::numeric_limits<std::int64_t>::min());
  Instant heard_at_ = kNever;
  Task send_waiting_task_;
};

}  // namespace hsfwd::rpc
