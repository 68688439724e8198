// SPDX-License-Identifier: Apache-2.0
// How a node gets to know the network, and whether the network can reach it: by a query towards its
// own id, and the checks that this makes worthwhile.
//
//   idle ─► asking ─────────────┬─► checking ─► asking again
//             │ └─► awaiting a pong      │            │
//             ▼            ▼             ▼            ▼
//            done (somebody was there), or alone (nobody has answered)
//
// Asking: the first node that answers is asked for a pong to the server socket; where one comes in
// time, a full check is worth its requests. Who passes the check has another id from then on, and
// asks again under that. A later look, once the address is in doubt, has no second query, since the
// table is full already, but waits for the pong, since nobody waits for the look. Who is alone looks
// again as soon as anybody answers anything.
#pragma once

#include <cstdint>

#include "net/address.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::rpc {

struct BootstrapOptions {
  /// A check is made only if a single node's pong promises that it passes.
  bool quick_check = true;
  /// A check is made whatever the pong would show. Instead of the quick one.
  bool always_check = false;
  /// False for who knows where it is: there is nothing that it would look for a second time.
  bool looks_again = true;
};

/// What a bootstrap starts, and whom it asks. Each beginning is followed by one event of Bootstrap,
/// maybe from inside the call, unless what was begun is cancelled.
class BootstrapHost {
 public:
  virtual ~BootstrapHost() = default;
  /// Begins the query towards the node's own id: any number of on_reply(), then on_query_done().
  virtual void find_neighbours() = 0;
  /// Begins to ask `node` to answer to the server socket: on_pong().
  virtual void ask_for_pong(const net::Address& node) = 0;
  /// Begins the full check: on_checked().
  virtual void check_reachability() = 0;
  /// Answers that the node has had so far, to whatever it asked.
  virtual std::uint64_t responses() const = 0;
  virtual bool firewalled() const = 0;
  /// A look is over, and somebody was there; what it has not shown is so no more.
  virtual void on_looked() = 0;
  /// The first look is over, whether or not somebody was there.
  virtual void on_first_look() = 0;
};

class Bootstrap {
 public:
  enum class State { kIdle, kAsking, kAwaitingPong, kChecking, kAskingAgain, kDone, kAlone };

  /// The host outlives it.
  Bootstrap(Scheduler& scheduler, BootstrapOptions options, BootstrapHost& host);

  void start();
  /// Ends the look under way, if any, whose query, pong and check the host has cancelled; the next
  /// one begins at the end of the dispatch.
  void look_again();
  /// From now on as if a look had been had, though whatever is under way goes on.
  void skip() { bootstrapped_ = true; }
  /// Now and then: whether somebody has answered meanwhile.
  void on_tick();

  void on_reply(const net::Address& from);
  void on_query_done();
  void on_pong(bool came);
  /// `changed`: it passed, and the node's id may be another one now.
  void on_checked(bool changed);

  State state() const { return state_; }
  /// The first look is over.
  bool bootstrapped() const { return bootstrapped_; }

 private:
  enum class Pong { kUnwanted, kWanted, kAwaited, kCame, kMissing };

  void look();
  void ask(State asking);
  void conclude_query();
  void finish();

  const BootstrapOptions options_;
  BootstrapHost& host_;
  State state_ = State::kIdle;
  Pong pong_ = Pong::kUnwanted;
  bool bootstrapped_ = false;
  bool heard_nobody_ = false;           // when the last query was over
  std::uint64_t responses_before_ = 0;  // it
  Task look_again_task_;
};

}  // namespace hsfwd::rpc
