// SPDX-License-Identifier: Apache-2.0
// What a node is to others: whether they can reach it, and whether it is a member that they may keep
// in their tables and store values at.
//
//                     check passed           stable, or told to be a member
//        firewalled ───────────────► open ────────────────────────────────► persistent
//           ▲ ▲                       │ ▲                                     │   │
//           │ └──────── doubt ────────┘ └────────────────── sleep ────────────┘   │
//           └────────────────────────────────── doubt ────────────────────────────┘
//
// Adaptive: nobody has said what it is to be, so it becomes a member after twenty minutes awake in
// one place, if a check passes then, and is none after a sleep.
#pragma once

#include <cstdint>
#include <optional>

#include "net/address.hpp"

namespace hsfwd::rpc {

class Membership {
 public:
  enum class State { kFirewalled, kOpen, kPersistent };

  Membership(bool firewalled, bool adaptive);

  State state() const { return state_; }
  bool firewalled() const { return state_ == State::kFirewalled; }
  bool persistent() const { return state_ == State::kPersistent; }

  /// A check has passed.
  void open();
  /// Open at an address. `same`: its id is the one that the node had before; what was persistent
  /// before a doubt is so again then. True when it is persistent now, and so with `persist`.
  bool settle(bool same, bool persist);
  /// The address may be another one. True when it was persistent.
  bool doubt();
  /// A look around has not confirmed what the node was before the doubt.
  void forget() { was_persistent_ = false; }
  /// The machine slept. True when it was persistent, and is so no more.
  bool sleep();

  /// Once a tick, with our host as others see it: whether it is time for the check that would make a
  /// member of it. The same network gives the same verdict, so there is none twice for one host.
  bool check_is_due(const std::optional<net::Ipv4>& host);
  /// That check has begun.
  void note_check(const std::optional<net::Ipv4>& host);

 private:
  State state_;
  const bool adaptive_;
  bool was_persistent_ = false;  // when the address came into doubt
  std::uint32_t stable_in_;      // ticks
  std::optional<net::Ipv4> last_checked_;
};

}  // namespace hsfwd::rpc
