// SPDX-License-Identifier: Apache-2.0
// Whether the peer of a connection still answers: asked once there is doubt, and now and then while
// nothing is said.
#pragma once

#include <functional>
#include <optional>

#include "util/scheduler.hpp"

namespace hsfwd::hyperdht {

class SecureStream;

/// A doubted path has a few seconds to prove itself.
class PathCheck {
 public:
  /// `on_dead` is called with the reason of the doubt.
  PathCheck(SecureStream& stream, Scheduler& scheduler, std::function<void(const char*)> on_dead);

  /// Asks the peer for a sign of life. No effect while a check is under way.
  void start(const char* reason);
  void stop() { timer_.stop(); }

 private:
  void on_timer();

  SecureStream& stream_;
  Scheduler& scheduler_;
  std::function<void(const char*)> on_dead_;
  std::optional<std::uint64_t> heard_before_;  // packets
  Instant until_;
  const char* reason_ = nullptr;
  Timer timer_;
};

/// After a while without writing: keeps NAT mappings open and shows when the peer is gone.
class Keepalive {
 public:
  /// `interval`: 0 for none. `on_silent`: the peer has not been heard of for too long.
  Keepalive(SecureStream& stream, Scheduler& scheduler, const Duration& interval,
            std::function<void()> on_silent);

  void start() { on_timer(); }
  void stop() { timer_.stop(); }

 private:
  void on_timer();
  void ask_for_life();

  SecureStream& stream_;
  Scheduler& scheduler_;
  const Duration& interval_;
  std::function<void()> on_silent_;
  // Behind the own end: packets so far, and when there was a new one.
  std::uint64_t heard_ = 0;
  Instant heard_at_;
  Timer timer_;
};

}  // namespace hsfwd::hyperdht
