// SPDX-License-Identifier: Apache-2.0
// CUBIC (RFC 9438) as a stranger to share a link with: what most of the world's TCP does. A model in the place of a path's
// congestion control, so that its losses are found and repaired as any stream's are. Slow start ends with the first loss, or with
// delay (HyStart, as in Linux, by the round-trip time alone). Paced as Linux does it: twice the window a round trip in slow start,
// 1.2 times after that.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "udx/congestion.hpp"

namespace hsfwd::bench {

class Cubic final : public udx::CongestionController {
 public:
  explicit Cubic(std::size_t payload) : payload_(static_cast<double>(payload)) {}

  void on_ack(const udx::AckSample& sample) override {
    smoothed_rtt_ = sample.smoothed_rtt;
    if (sample.has_rtt) min_rtt_ = std::min(min_rtt_.value_or(sample.rtt), sample.rtt);
    const double before = window_;
    // Who does not use the window does not open it.
    if (recovering_ || static_cast<double>(sample.prior_in_flight) * 2 < before * payload_) return;
    const double acked = static_cast<double>(sample.acked) / payload_;
    if (window_ < threshold_) {
      window_ += acked;
      if (delayed(sample)) threshold_ = window_;
    } else {
      grow(sample.now, acked);
    }
  }
  void on_recovery_start(Instant now, std::uint64_t) override {
    recovering_ = true;
    reduce(now);
  }
  void on_recovery_end(Instant) override { recovering_ = false; }
  void on_timeout(Instant now, std::uint64_t) override {
    reduce(now);
    window_ = kLeast;
  }
  void on_restart(Instant) override { epoch_.reset(); }
  void on_path_change(Instant) override { *this = Cubic(static_cast<std::size_t>(payload_)); }
  void set_packet_size(std::size_t payload) override { payload_ = static_cast<double>(payload); }

  std::uint64_t window() const override { return static_cast<std::uint64_t>(window_ * payload_); }
  double pacing_rate() const override {
    const double rtt = std::max(smoothed_rtt_, Duration::millis(1)).to_seconds();
    return (window_ < threshold_ ? 2 : 1.2) * window_ * payload_ / rtt;
  }

 private:
  // RFC 9438 sections 4 and 5.1.
  static constexpr double kC = 0.4;
  static constexpr double kBeta = 0.7;
  static constexpr double kFirst = 10;
  static constexpr double kLeast = 2;

  bool delayed(const udx::AckSample& sample) const {
    if (!sample.has_rtt || window_ < 16) return false;
    const auto slack = std::clamp(*min_rtt_ / 8, Duration::millis(4), Duration::millis(16));
    return sample.rtt > *min_rtt_ + slack;
  }

  void grow(Instant now, double acked) {
    if (!epoch_) {
      epoch_ = now;
      origin_ = std::max(most_, window_);
      reno_ = window_;
      period_ = std::cbrt((origin_ - window_) / kC);
    }
    const double t = (now - *epoch_ + smoothed_rtt_).to_seconds() - period_;
    const double target = std::clamp(origin_ + kC * t * t * t, window_, 1.5 * window_);
    const double alpha = reno_ < origin_ ? 3 * (1 - kBeta) / (1 + kBeta) : 1;
    reno_ += alpha * acked / window_;
    window_ += (target - window_) * std::min(1.0, acked / window_);
    window_ = std::max(window_, reno_);
  }

  void reduce(Instant) {
    // Fast convergence: who has less than last time leaves more to others.
    most_ = window_ < most_ ? window_ * (1 + kBeta) / 2 : window_;
    window_ = threshold_ = std::max(kLeast, window_ * kBeta);
    epoch_.reset();
  }

  // In packets, but for their size.
  double payload_;
  double window_ = kFirst;
  double threshold_ = 1e9;
  double most_ = 0;    // before the last loss
  double origin_ = 0;  // of the curve's plateau
  double reno_ = 0;    // what a Reno flow would have
  double period_ = 0;  // from the loss to the plateau, seconds
  std::optional<Instant> epoch_;
  std::optional<Duration> min_rtt_;
  Duration smoothed_rtt_;
  bool recovering_ = false;
};

}  // namespace hsfwd::bench
