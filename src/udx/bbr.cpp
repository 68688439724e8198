// SPDX-License-Identifier: Apache-2.0
#include "udx/bbr.hpp"

#include <algorithm>

namespace hsfwd::udx {

namespace {
constexpr double kHighGain = 2.88539;  // 2/ln 2: doubles the delivery rate every round
constexpr double kDrainGain = 1 / kHighGain;
constexpr double kSteadyWindowGain = 2.0;
constexpr std::array<double, 8> kCycle = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
constexpr std::uint64_t kBandwidthRounds = 10;
constexpr std::uint64_t kAggregationRounds = 10;
constexpr Duration kMinRttExpiry = 10_s;
constexpr Duration kProbeRttTime = 200_ms;
constexpr Duration kWakeGranularity = 1_ms;
constexpr Duration kMaxAggregation = 100_ms;
constexpr std::uint64_t kInitialPackets = 10;
constexpr double kFullPipeGrowth = 1.25;
constexpr int kFullPipeRounds = 3;
// A hair below the estimate, so that queues of our own making drain.
constexpr double kPacingMargin = 0.99;
constexpr std::uint64_t kMaxQuantum = 64 * 1024;
// Of the packets of a round; what wireless paths lose without being full stays below or shows no
// queue.
constexpr double kCongestedLoss = 0.02;
// A round whose fastest packet took this much longer than the path needs has a standing queue.
constexpr double kStandingQueue = 1.25;
constexpr double kCapDecrease = 0.85;
constexpr std::uint64_t kCapGrowth = 32;  // one part in, each round without congestion
}  // namespace

void WindowedMax::update(double value, std::uint64_t round) {
  const Entry entry{value, round};
  if (value >= entries_[0].value || round - entries_[2].round > rounds_) {
    entries_ = {entry, entry, entry};
    return;
  }
  if (value >= entries_[1].value) {
    entries_[1] = entries_[2] = entry;
  } else if (value >= entries_[2].value) {
    entries_[2] = entry;
  }
  if (round - entries_[0].round > rounds_) {
    entries_ = {entries_[1], entries_[2], entry};
    if (round - entries_[0].round > rounds_) entries_ = {entries_[1], entries_[2], entry};
  } else if (entries_[1].round == entries_[0].round && round - entries_[1].round > rounds_ / 4) {
    entries_[1] = entries_[2] = entry;
  } else if (entries_[2].round == entries_[1].round && round - entries_[2].round > rounds_ / 2) {
    entries_[2] = entry;
  }
}

Bbr::Bbr(std::size_t payload, std::uint32_t random_phase)
    : payload_(payload),
      random_phase_(random_phase),
      pacing_gain_(kHighGain),
      window_gain_(kHighGain),
      bandwidth_(kBandwidthRounds),
      extra_acked_(kAggregationRounds),
      window_(kInitialPackets * payload) {
  pacing_rate_ = kHighGain * static_cast<double>(window_) / kWakeGranularity.to_seconds();
}

std::uint64_t Bbr::bdp(double gain) const {
  if (!min_rtt_ || bandwidth_.best() <= 0) return kInitialPackets * payload_;
  const Duration rtt = std::max(*min_rtt_, kWakeGranularity);
  return static_cast<std::uint64_t>(gain * bandwidth_.best() * rtt.to_seconds());
}

std::uint64_t Bbr::inflight_target(double gain) const {
  // Room for bursts that leave in one system call, and for the last packets of a round.
  const auto quantum = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(pacing_rate_ * kWakeGranularity.to_seconds()), 2 * payload_,
      kMaxQuantum);
  return bdp(gain) + 3 * quantum;
}

std::uint64_t Bbr::probe_rtt_window() const {
  return std::max(bdp(0.5), min_window());
}

std::uint64_t Bbr::window() const {
  const std::uint64_t window = std::min(window_, congestion_cap_.value_or(window_));
  return mode_ == Mode::kProbeRtt ? std::min(window, probe_rtt_window()) : window;
}

void Bbr::on_ack(const AckSample& sample) {
  update_round(sample);
  check_congestion(sample);
  update_bandwidth(sample);
  update_aggregation(sample);
  update_cycle(sample);
  check_full_pipe(sample);
  check_drain(sample);
  update_min_rtt(sample);
  set_gains();
  set_pacing_rate(sample);
  set_window(sample);
}

void Bbr::update_round(const AckSample& sample) {
  round_start_ = sample.rate_valid && sample.prior_delivered >= next_round_delivered_;
  if (round_start_) {
    next_round_delivered_ = sample.delivered_total;
    ++round_;
  }
}

void Bbr::check_congestion(const AckSample& sample) {
  if (round_start_) {
    const double total = static_cast<double>(round_acked_ + round_lost_);
    const bool losing = static_cast<double>(round_lost_) > kCongestedLoss * total;
    const bool queueing = min_rtt_ && round_min_rtt_ < Duration::max() &&
                          round_min_rtt_.to_seconds() > min_rtt_->to_seconds() * kStandingQueue;
    if (losing && queueing) {
      const auto reduced =
          static_cast<std::uint64_t>(kCapDecrease * static_cast<double>(round_max_in_flight_));
      congestion_cap_ = std::max(reduced, min_window());
      full_pipe_ = true;
    } else if (congestion_cap_) {
      *congestion_cap_ += std::max(*congestion_cap_ / kCapGrowth, 2 * payload_);
      if (*congestion_cap_ > 2 * window_) congestion_cap_.reset();
    }
    round_acked_ = round_lost_ = round_max_in_flight_ = 0;
    round_min_rtt_ = Duration::max();
  }
  round_acked_ += sample.acked;
  round_lost_ += sample.lost;
  round_max_in_flight_ = std::max(round_max_in_flight_, sample.prior_in_flight);
  if (sample.has_rtt) round_min_rtt_ = std::min(round_min_rtt_, sample.rtt);
}

void Bbr::update_bandwidth(const AckSample& sample) {
  if (!sample.rate_valid || sample.interval <= Duration()) return;
  const double rate = static_cast<double>(sample.delivered) / sample.interval.to_seconds();
  // A sample taken while the application had nothing to send only shows a lower bound.
  if (rate >= bandwidth_.best() || !sample.app_limited) bandwidth_.update(rate, round_);
}

void Bbr::update_aggregation(const AckSample& sample) {
  if (sample.acked == 0) return;
  const double expected = bandwidth_.best() * (sample.now - aggregation_start_).to_seconds();
  if (static_cast<double>(aggregation_bytes_) <= expected) {
    aggregation_bytes_ = 0;
    aggregation_start_ = sample.now;
  }
  aggregation_bytes_ += sample.acked;
  const double explained = bandwidth_.best() * (sample.now - aggregation_start_).to_seconds();
  const double extra = static_cast<double>(aggregation_bytes_) - explained;
  const double cap =
      std::min(static_cast<double>(window_), bandwidth_.best() * kMaxAggregation.to_seconds());
  extra_acked_.update(std::clamp(extra, 0.0, cap), round_);
}

void Bbr::enter_probe_bandwidth(Instant now) {
  mode_ = Mode::kProbeBandwidth;
  // Anywhere in the cycle but in the phase that drains what was never probed for.
  cycle_phase_ = static_cast<int>(random_phase_ % (kCycle.size() - 1));
  if (cycle_phase_ >= 1) ++cycle_phase_;
  cycle_start_ = now;
}

void Bbr::update_cycle(const AckSample& sample) {
  if (mode_ != Mode::kProbeBandwidth) return;
  const double gain = kCycle[static_cast<std::size_t>(cycle_phase_)];
  const bool full_length = sample.now - cycle_start_ > min_rtt_.value_or(Duration());
  bool advance = full_length;
  if (gain > 1) {
    advance = full_length && (sample.lost > 0 || sample.prior_in_flight >= inflight_target(gain));
    // A sender without enough data never fills the pipe; it need not try for ever.
    advance = advance || (full_length && sample.app_limited);
  } else if (gain < 1) {
    advance = full_length || sample.prior_in_flight <= inflight_target(1.0);
  }
  if (!advance) return;
  cycle_phase_ = (cycle_phase_ + 1) % static_cast<int>(kCycle.size());
  cycle_start_ = sample.now;
}

void Bbr::check_full_pipe(const AckSample& sample) {
  if (full_pipe_ || !round_start_ || sample.app_limited) return;
  if (bandwidth_.best() >= full_bandwidth_ * kFullPipeGrowth) {
    full_bandwidth_ = bandwidth_.best();
    full_rounds_ = 0;
    return;
  }
  full_pipe_ = ++full_rounds_ >= kFullPipeRounds;
}

void Bbr::check_drain(const AckSample& sample) {
  if (mode_ == Mode::kStartup && full_pipe_) mode_ = Mode::kDrain;
  if (mode_ == Mode::kDrain && sample.in_flight <= inflight_target(1.0)) {
    enter_probe_bandwidth(sample.now);
  }
}

void Bbr::update_min_rtt(const AckSample& sample) {
  const bool expired = min_rtt_ && sample.now - min_rtt_at_ > kMinRttExpiry;
  if (sample.has_rtt && (!min_rtt_ || sample.rtt <= *min_rtt_ || expired)) {
    min_rtt_ = sample.rtt;
    min_rtt_at_ = sample.now;
  }
  if (expired && !restarting_ && mode_ != Mode::kProbeRtt) {
    mode_ = Mode::kProbeRtt;
    probe_rtt_done_at_.reset();
  }
  if (mode_ == Mode::kProbeRtt) hold_probe_rtt(sample);
  if (sample.acked > 0) restarting_ = false;
}

void Bbr::hold_probe_rtt(const AckSample& sample) {
  if (!probe_rtt_done_at_) {
    if (sample.in_flight <= probe_rtt_window()) {
      probe_rtt_done_at_ = sample.now + kProbeRttTime;
      probe_rtt_round_done_ = false;
      next_round_delivered_ = sample.delivered_total;
    }
    return;
  }
  if (round_start_) probe_rtt_round_done_ = true;
  if (!probe_rtt_round_done_ || sample.now < *probe_rtt_done_at_) return;
  min_rtt_at_ = sample.now;
  if (full_pipe_) {
    enter_probe_bandwidth(sample.now);
  } else {
    mode_ = Mode::kStartup;
  }
}

void Bbr::set_gains() {
  switch (mode_) {
    case Mode::kStartup:
      pacing_gain_ = window_gain_ = kHighGain;
      break;
    case Mode::kDrain:
      pacing_gain_ = kDrainGain;
      window_gain_ = kHighGain;
      break;
    case Mode::kProbeBandwidth:
      pacing_gain_ = kCycle[static_cast<std::size_t>(cycle_phase_)];
      window_gain_ = kSteadyWindowGain;
      break;
    case Mode::kProbeRtt:
      pacing_gain_ = window_gain_ = 1;
      break;
  }
}

void Bbr::set_pacing_rate(const AckSample& sample) {
  double rate = pacing_gain_ * bandwidth_.best() * kPacingMargin;
  if (bandwidth_.best() <= 0) {
    const Duration rtt = std::max(sample.smoothed_rtt, kWakeGranularity);
    rate = kHighGain * static_cast<double>(window_) / rtt.to_seconds();
  }
  if (full_pipe_ || rate > pacing_rate_ || bandwidth_.best() <= 0) pacing_rate_ = rate;
}

void Bbr::set_window(const AckSample& sample) {
  const std::uint64_t target =
      inflight_target(window_gain_) + static_cast<std::uint64_t>(extra_acked_.best());
  if (full_pipe_) {
    window_ = std::min(window_ + sample.acked, target);
  } else if (window_ < target || sample.delivered_total < kInitialPackets * payload_) {
    window_ += sample.acked;
  }
  window_ = std::max(window_, min_window());
}

void Bbr::on_recovery_start(Instant, std::uint64_t) {}

void Bbr::on_recovery_end(Instant) {
  window_ = std::max(window_, saved_window_);
  saved_window_ = 0;
}

void Bbr::on_timeout(Instant, std::uint64_t in_flight) {
  saved_window_ = std::max(saved_window_, window_);
  window_ = std::max(in_flight + payload_, min_window());
}

void Bbr::on_restart(Instant) {
  restarting_ = true;
  aggregation_bytes_ = 0;
  if (mode_ == Mode::kProbeBandwidth) pacing_rate_ = bandwidth_.best() * kPacingMargin;
}

void Bbr::on_path_change(Instant) {
  *this = Bbr(payload_, random_phase_);
}

}  // namespace hsfwd::udx
