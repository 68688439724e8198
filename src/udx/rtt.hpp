// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "util/time.hpp"

namespace hsfwd::udx {

/// Round-trip time of a path, from acknowledgements of packets that were sent once.
class RttEstimator {
 public:
  /// What is known before the first sample, from a handshake over this path or a detour.
  void set_hint(Duration rtt) { hint_ = rtt; }
  void add_sample(Duration rtt, Instant now);
  /// Forgets everything but the hint: the path is another.
  void reset();

  bool has_sample() const { return smoothed_.has_value(); }
  /// There is a sample, or a hint in its place: the times below are more than guesses.
  bool known() const { return has_sample() || hint_; }
  /// Smoothed; the hint or a cautious guess before the first sample.
  Duration smoothed() const;
  Duration latest() const { return latest_; }
  /// Lowest sample of the last five minutes; the smoothed value before any.
  Duration min() const { return has_sample() ? min_ : smoothed(); }
  /// How long to wait for an acknowledgement before the newest packet is sent again to get one.
  Duration tail_probe_wait() const;
  /// How long to wait for an acknowledgement before everything is taken for lost.
  Duration retransmission_timeout() const;

 private:
  std::optional<Duration> hint_;
  std::optional<Duration> smoothed_;
  Duration variation_;
  Duration latest_;
  Duration min_;
  Duration window_min_;  // of the window that is filling
  Instant window_start_;
};

}  // namespace hsfwd::udx
