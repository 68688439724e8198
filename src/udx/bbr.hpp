// SPDX-License-Identifier: Apache-2.0
// BBR, version 1: sends at the measured bottleneck rate with about two bandwidth-delay products
// under way, and takes no loss for a sign of congestion by itself.
//
// Differs from the version in Linux:
// - loss together with a standing queue is congestion: the window is capped then, and the cap grows
//   again slowly. Loss without a queue is the nature of the path;
// - no policer detection, and no packet conservation in recovery, which on paths with random loss
//   would be permanent;
// - a round-trip time below a millisecond counts as one when the window is computed: endpoints in
//   user space are woken in batches, and a window of microseconds would starve between them;
// - probing for the minimal round-trip time halves the window instead of closing it to four packets.
#pragma once

#include <array>
#include <optional>

#include "udx/congestion.hpp"

namespace hsfwd::udx {

/// Maximum over a number of rounds, from the three best candidates (Nichols' algorithm).
class WindowedMax {
 public:
  explicit WindowedMax(std::uint64_t rounds) : rounds_(rounds) {}
  void update(double value, std::uint64_t round);
  double best() const { return entries_[0].value; }
  void reset() { entries_ = {}; }

 private:
  struct Entry {
    double value = 0;
    std::uint64_t round = 0;
  };
  std::uint64_t rounds_;
  std::array<Entry, 3> entries_{};
};

class Bbr final : public CongestionController {
 public:
  /// `random_phase`: where in its cycle of probes this flow begins, so that flows do not probe in
  /// step. Any number.
  Bbr(std::size_t payload, std::uint32_t random_phase);

  void on_ack(const AckSample& sample) override;
  void on_recovery_start(Instant now, std::uint64_t in_flight) override;
  void on_recovery_end(Instant now) override;
  void on_timeout(Instant now, std::uint64_t in_flight) override;
  void on_restart(Instant now) override;
  void on_path_change(Instant now) override;
  void set_packet_size(std::size_t payload) override { payload_ = payload; }
  std::uint64_t window() const override;
  double pacing_rate() const override { return pacing_rate_; }

  enum class Mode { kStartup, kDrain, kProbeBandwidth, kProbeRtt };
  Mode mode() const { return mode_; }
  double bandwidth() const { return bandwidth_.best(); }

 private:
  void update_round(const AckSample& sample);
  void update_bandwidth(const AckSample& sample);
  void update_aggregation(const AckSample& sample);
  void update_cycle(const AckSample& sample);
  void check_full_pipe(const AckSample& sample);
  void check_congestion(const AckSample& sample);
  void check_drain(const AckSample& sample);
  void update_min_rtt(const AckSample& sample);
  void hold_probe_rtt(const AckSample& sample);
  void set_gains();
  void set_pacing_rate(const AckSample& sample);
  void set_window(const AckSample& sample);
  void enter_probe_bandwidth(Instant now);

  std::uint64_t bdp(double gain) const;
  std::uint64_t inflight_target(double gain) const;
  std::uint64_t min_window() const { return 4 * payload_; }
  std::uint64_t probe_rtt_window() const;

  std::size_t payload_;
  std::uint32_t random_phase_;
  Mode mode_ = Mode::kStartup;
  double pacing_gain_;
  double window_gain_;

  WindowedMax bandwidth_;  // bytes a second
  std::optional<Duration> min_rtt_;
  Instant min_rtt_at_;

  std::uint64_t round_ = 0;
  std::uint64_t next_round_delivered_ = 0;
  bool round_start_ = false;

  bool full_pipe_ = false;
  double full_bandwidth_ = 0;
  int full_rounds_ = 0;

  int cycle_phase_ = 0;
  Instant cycle_start_;

  std::optional<Instant> probe_rtt_done_at_;
  bool probe_rtt_round_done_ = false;
  bool restarting_ = false;

  // Acknowledgements that came in bursts, beyond what the bandwidth explains.
  WindowedMax extra_acked_;
  Instant aggregation_start_;
  std::uint64_t aggregation_bytes_ = 0;

  // What the round under way has brought.
  std::uint64_t round_acked_ = 0;
  std::uint64_t round_lost_ = 0;
  std::uint64_t round_max_in_flight_ = 0;
  Duration round_min_rtt_ = Duration::max();
  std::optional<std::uint64_t> congestion_cap_;  // bytes under way

  std::uint64_t window_;
  std::uint64_t saved_window_ = 0;  // from before a timeout
  double pacing_rate_;
};

}  // namespace hsfwd::udx
