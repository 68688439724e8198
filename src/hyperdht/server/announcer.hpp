// SPDX-License-Identifier: Apache-2.0
// Keeps one server reachable: announces its key to the three nodes closest to it, which become its
// relays, and watches them.
//
// A cycle: query ─► announce to the closest ─► publish the relays ─► unannounce from old ones.
// Between cycles the relays are asked for what they store, which keeps the way back through a NAT
// open.
//
// Differs from upstream:
// - a relay forwards to the address it saw when we announced, and an instance of the same identity
//   that ends takes the announcement of both away; so when an answer shows that the relay sees us
//   under another address by now, or has nothing of us, the next cycle starts at once; one for
//   which that is so again and again is followed ever later, and then left out;
// - the relays are on hosts of their own, and in /24s of their own, as long as there are such;
// - the relays of the cycle before stay published until all announcements of the new one are
//   settled;
// - a cycle that reaches nobody is tried again soon, with pauses that grow, or at once when a relay
//   answers again; a watchdog sees to it that one that hangs does not stop the others.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hyperdht/wire/messages.hpp"
#include "rpc/node.hpp"

namespace hsfwd::hyperdht {

class Announcer {
 public:
  /// `on_cycle` is called after each cycle with the number of relays that took the announcement.
  Announcer(rpc::Node& node, const crypto::KeyPair& keys,
            std::function<void(std::size_t)> on_cycle);
  ~Announcer();

  void start();
  /// A new cycle as soon as the one under way is done: the network changed.
  void refresh();
  /// A relay turned out not to do its work: it is left out for a while, as long as there are others.
  void avoid(const Address& relay);
  /// Unannounces from the current relays and from those that are just being asked; `done` is called
  /// once they answered or timed out.
  void stop(std::function<void()> done);
  /// Ends everything without a word, to the relays and to the owner.
  void cancel();

  /// What relays see of us, for hole punching.
  const std::vector<RelayInfo>& relays() const { return relays_; }
  /// What clients are told for their next connect: the own public address if it is open, then the
  /// relays, three at most.
  const std::vector<Address>& relay_addresses() const { return relay_addresses_; }
  /// A relay of this or one of the last two cycles.
  bool is_relay(const Address& address) const;
  /// What is stored for us: the record names no relays, the storing node itself is one.
  const Bytes& record() const { return record_; }
  bool running() const { return state_ != State::kIdle && state_ != State::kStopped; }

 private:
  enum class State { kIdle, kQuerying, kAnnouncing, kWatching, kStopping, kStopped };

  struct Announcement {
    RelayInfo relay;
    std::unique_ptr<rpc::Call> call;
    void cancel() { call->cancel(); }
    bool accepted = false;
  };
  struct Watch {
    RelayInfo relay;
    std::unique_ptr<rpc::Call> ask;
    bool answered = false;
  };
  /// Takes an announcement back: asks the node for a token first.
  struct Withdrawal {
    Address from;
    std::unique_ptr<rpc::Call> find;
    std::unique_ptr<rpc::Call> withdraw;
    bool done = false;
    void cancel() {
      find->cancel();
      if (withdraw) withdraw->cancel();
    }
  };

  void begin_cycle();
  void on_query_done();
  std::vector<const rpc::ClosestReply*> choose_relays();
  void announce_to(const rpc::ClosestReply& reply);
  void on_announced(Announcement& announcement, const rpc::CallResult& result);
  void publish();
  void withdraw_old(const std::set<Address>& before);
  void withdraw(const Address& from);
  void on_found(Withdrawal& withdrawal, const rpc::CallResult& result);
  void on_withdrawn(Withdrawal& withdrawal);
  void ask_for_record(rpc::Call& call, const Address& node) const;

  void watch_round();
  void on_answer(Watch& watch, const rpc::CallResult& result);
  void follow(const Address& relay, const std::string& what);
  void end_watch_round();
  void on_timer();
  void abandon_cycle();
  void end_cycle();

  rpc::Node& node_;
  const crypto::KeyPair keys_;
  const rpc::Target target_;
  const Bytes record_;
  std::function<void(std::size_t)> on_cycle_;
  State state_ = State::kIdle;

  std::unique_ptr<rpc::Query> query_;
  std::vector<Address> closest_;
  std::vector<std::unique_ptr<Announcement>> announcements_;
  std::size_t unsettled_ = 0;
  std::vector<RelayInfo> relays_;
  std::vector<Address> relay_addresses_;
  std::set<Address> recent_[3];         // relays of this cycle and of the two before
  std::map<Address, Instant> avoided_;  // until when
  /// Of what a relay knows of us.
  struct Changes {
    int count = 0;
    Instant last;
  };
  std::map<Address, Changes> changes_;

  std::vector<Watch> watches_;
  std::size_t unanswered_ = 0;
  int rounds_left_ = 0;
  bool refresh_wanted_ = false;
  int failed_cycles_ = 0;
  Instant retry_at_;  // the next cycle, after a failed one
  Timer timer_;       // the next watch round, or the next cycle
  Timer watchdog_;    // for the cycle under way

  std::vector<std::unique_ptr<Withdrawal>> withdrawals_;
  std::function<void()> on_stopped_;
};

}  // namespace hsfwd::hyperdht
