// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace hsfwd::rpc {

/// Whether the network answers, judged once a tick from the totals of answered and timed-out
/// requests.
class Health {
 public:
  enum class State { kOnline, kDegraded, kOffline };

  State state() const { return state_; }
  bool online() const { return state_ != State::kOffline; }
  /// True when the state changed.
  bool update(std::uint64_t responses, std::uint64_t timeouts);
  /// Forgets the history, as after a sleep. True when the state changed.
  bool reset();

 private:
  static constexpr std::size_t kWindow = 4;
  enum class Tick { kUnknown, kHealthy, kDegraded, kOffline };
  struct Entry {
    std::uint64_t responses = 0;
    std::uint64_t timeouts = 0;
    Tick verdict = Tick::kUnknown;
  };

  void judge(Entry& newest, const Entry& previous);
  bool set(State state);

  std::array<Entry, kWindow> window_{};
  std::size_t filled_ = 0;
  std::size_t head_ = 0;
  int offline_ticks_ = 0;
  int degraded_ticks_ = 0;
  int healthy_ticks_ = 0;
  bool degraded_ = false;
  State state_ = State::kOnline;
};

}  // namespace hsfwd::rpc
