// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "net/env.hpp"
#include "rpc/node_id.hpp"
#include "util/token_bucket.hpp"

namespace hsfwd::rpc {

/// Nodes that have asked us something and never answered us. A question may come under any address,
/// and the id of that address is no secret, so that it says nothing of who is there: each is sent a
/// ping, once, and what it answers counts. These pings are no calls: who is silent is nobody, which
/// says nothing of our line, and has no place in the window that our own questions need.
///
/// While there are few members, some are that on trial from their first question on, as upstream
/// has all, and get the ping a little later: a network that begins grows by them.
class Newcomers {
 public:
  explicit Newcomers(const net::Env& env);

  struct Trial {
    NodeId id;
    net::Address node;
    net::UdpSocket* socket = nullptr;  // that it asked
    bool pinged = false;
  };
  /// False where others are on trial, of its network or in all.
  bool begin_trial(const Trial& trial);
  /// Those that have not answered, whose time is over; they are forgotten.
  std::vector<Trial> end_trials();
  /// Those that get their ping now.
  std::vector<Trial> next_trials();
  void end_trial(const NodeId& id) {
    std::erase_if(trials_, [&](const Trial& trial) { return trial.id == id; });
  }

  /// The tid of the ping to be sent to `node` from `socket`; nothing where it has had one lately,
  /// or others have had too many.
  std::optional<std::uint16_t> begin(const net::UdpSocket& socket, const net::Address& node);
  /// Whether this is the answer to its ping. A wrong one ends the wait: in another's name there is
  /// one guess.
  bool on_response(const net::UdpSocket& socket, const net::Address& from, std::uint16_t tid);

  // A table has some 200 places, which a network that comes up all at once fills in a few seconds;
  // later there is a newcomer now and then. A /24 gets 32 of the places.
  static constexpr TokenRate kAll{.per_second = 64, .capacity = 256};
  static constexpr TokenRate kNetwork{.per_second = 4, .capacity = 32};
  static constexpr std::size_t kTrials = 4;
  /// Until the same node may have another one: it was lost, or the node is there by now.
  static constexpr Duration kPause = 5_s;

 private:
  struct Place {
    net::Address node;
    const net::UdpSocket* socket = nullptr;
    Instant at;
    std::uint16_t tid = 0;
    bool waits = false;
  };
  static constexpr std::size_t kPlaces = 1024;  // of 32 bytes; 16 s at the full rate

  Place& place(const net::Address& node);
  bool take(const net::Address& node);

  const net::Env env_;
  std::uint64_t secret_;
  TokenBucket all_;
  TokenBuckets networks_;
  std::vector<Place> places_;  // none before the first
  std::vector<Trial> trials_;
};

}  // namespace hsfwd::rpc
