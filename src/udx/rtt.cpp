// SPDX-License-Identifier: Apache-2.0
#include "udx/rtt.hpp"

#include <algorithm>

namespace hsfwd::udx {

namespace {
// RFC 6298 starts with one second. So does upstream, whose first lost packet costs exactly that.
constexpr Duration kInitialTimeout = 1_s;
// Peers acknowledge every packet at once, so there is no delayed acknowledgement to wait for: the
// floor only has to cover a busy receiver. Linux has the same.
constexpr Duration kMinTimeout = 200_ms;
constexpr Duration kMaxTimeout = 30_s;
// The minimum forgets what is older than one to two of these.
constexpr Duration kMinWindow = 300_s;
// A guess for pacing before anything was measured.
constexpr Duration kGuess = 100_ms;
// With a hint from the handshake the first timeout need not be the cautious second.
constexpr std::int64_t kHintFactor = 3;
// Repeating one packet is cheap, waiting for the timeout at the start of a connection is not.
constexpr Duration kUnknownTailProbe = 250_ms;
constexpr Duration kMinTailProbe = 10_ms;
}  // namespace

void RttEstimator::add_sample(Duration rtt, Instant now) {
  latest_ = rtt;
  if (!smoothed_) {
    smoothed_ = rtt;
    variation_ = rtt / 2;
    min_ = window_min_ = rtt;
    window_start_ = now;
    return;
  }
  const Duration difference = rtt > *smoothed_ ? rtt - *smoothed_ : *smoothed_ - rtt;
  variation_ = (variation_ * 3 + difference) / 4;
  smoothed_ = (*smoothed_ * 7 + rtt) / 8;
  window_min_ = std::min(window_min_, rtt);
  min_ = std::min(min_, rtt);
  if (now - window_start_ > kMinWindow) {
    min_ = window_min_;
    window_min_ = rtt;
    window_start_ = now;
  }
}

void RttEstimator::reset() {
  smoothed_.reset();
  variation_ = latest_ = min_ = Duration();
}

Duration RttEstimator::smoothed() const {
  if (smoothed_) return *smoothed_;
  return hint_.value_or(kGuess);
}

Duration RttEstimator::tail_probe_wait() const {
  if (smoothed_) return std::max(*smoothed_ * 2, kMinTailProbe);
  return hint_ ? std::max(*hint_ * 5 / 4, kMinTailProbe) : kUnknownTailProbe;
}

Duration RttEstimator::retransmission_timeout() const {
  if (smoothed_) {
    return std::clamp(*smoothed_ + variation_ * 4, kMinTimeout, kMaxTimeout);
  }
  if (hint_) return std::clamp(*hint_ * kHintFactor, kMinTimeout, kInitialTimeout);
  return kInitialTimeout;
}

}  // namespace hsfwd::udx
