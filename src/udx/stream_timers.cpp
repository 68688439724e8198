// SPDX-License-Identifier: Apache-2.0
// What a stream does when nothing comes: probes, timeouts, giving up.
#include <algorithm>

#include "udx/mux.hpp"

namespace hsfwd::udx {

namespace {
// How long unacknowledged data may stay without any sign of progress. Upstream gives up after 13 s.
constexpr Duration kGiveUpAfter = 20_s;
constexpr std::uint32_t kMinTimeoutsToGiveUp = 6;
constexpr Duration kMaxBackoff = 2_s;
// Beyond 64 times the backoff is at its limit in any case.
constexpr std::uint32_t kMaxBackoffDoublings = 6;
// RFC 8985 waits longer where the acknowledgement of a single packet is all that can come, since
// receivers delay it. None do here: this is for the timers of the peer.
constexpr Duration kSinglePacketPatience = 2_ms;
}  // namespace

/// Arms the one timer for whatever comes first.
void Stream::schedule() {
  if (closed_ || !connected()) return;
  if (flight_.in_flight_packets() + flight_.lost_packets() == 0) {
    forget_losses();
  } else {
    deadlines_.set(Deadline::kTimeout, timeout_from_ + backed_off_timeout());
  }
  if (recovery_until_ || flight_.acked_packets() > 0 || !flight_.has_in_flight()) {
    deadlines_.clear(Deadline::kTailProbe);
  }
  deadlines_.arm();
}

void Stream::note_sent() {
  const Instant now = scheduler_.now();
  if (!deadlines_.has(Deadline::kTimeout)) {
    timeout_from_ = now;
    deadlines_.set(Deadline::kTimeout, now + backed_off_timeout());
  }
  const bool single = flight_.in_flight_packets() <= 1;
  if (!recovery_until_ && !tail_probe_until_ && flight_.acked_packets() == 0) {
    const Duration wait = path_.rtt().tail_probe_wait();
    deadlines_.set(Deadline::kTailProbe,
                   now + wait + (single ? kSinglePacketPatience : Duration()));
  }
}

/// Nothing is in flight that could be lost.
void Stream::forget_losses() {
  deadlines_.clear(Deadline::kTimeout);
  deadlines_.clear(Deadline::kTailProbe);
  deadlines_.clear(Deadline::kLossCheck);
}

bool Stream::blocked_by_zero_window() const {
  return remote_window_.closed() && flight_.in_flight_packets() == 0 && !flight_.has_lost() &&
         (has_unsent() || end_unsent());
}

/// Asks a peer whose window is closed, since it may open without our hearing of it.
void Stream::probe_zero_window() {
  if (!blocked_by_zero_window()) {
    deadlines_.clear(Deadline::kWindowProbe);
    return;
  }
  if (deadlines_.has(Deadline::kWindowProbe)) return;
  send_heartbeat();
  deadlines_.set(Deadline::kWindowProbe, scheduler_.now() + path_.rtt().retransmission_timeout());
}

Duration Stream::backed_off_timeout() const {
  const Duration base = path_.rtt().retransmission_timeout();
  const std::uint32_t doublings = std::min(timeouts_in_row_, kMaxBackoffDoublings);
  return std::max(base, std::min(base * (std::int64_t{1} << doublings), kMaxBackoff));
}

/// Nobody else is concerned if there is no memory.
void Stream::on_due() {
  Mux::guard(*this, [this] { on_deadlines(); });
}

void Stream::on_deadlines() {
  const Instant now = scheduler_.now();
  mark_dirty();
  if (deadlines_.take_due(Deadline::kLossCheck, now)) detect_losses();
  if (deadlines_.take_due(Deadline::kTailProbe, now)) on_tail_probe();
  if (deadlines_.take_due(Deadline::kWindowProbe, now) && blocked_by_zero_window()) {
    send_heartbeat();
    deadlines_.set(Deadline::kWindowProbe, now + path_.rtt().retransmission_timeout() * 2);
  }
  if (deadlines_.take_due(Deadline::kHeartbeat, now)) {
    if (flight_.empty()) send_heartbeat();
    deadlines_.set(Deadline::kHeartbeat, now + options_.heartbeat);
  }
  if (deadlines_.take_due(Deadline::kSizeProbe, now)) give_up_size_probe();
  if (deadlines_.take_due(Deadline::kTimeout, now)) on_retransmission_timeout();
}

void Stream::give_up_size_probe() {
  if (!std::exchange(size_probe_.under_way, false)) return;
  path_.on_probe_lost();
}

/// The end of what was sent may be lost without anything behind it to show so: send something.
void Stream::on_tail_probe() {
  if (flight_.empty() || tail_probe_until_) return;
  if (!send_new() && flight_.has_in_flight()) {
    // Unchanged, padding included: the newest packet is the best witness.
    const SeqNo seq = flight_.newest_in_flight();
    const SentPacket& packet = flight_.at(seq);
    if (!path_.spend_allowance(packet.size + packet.padding + kOverhead)) return;
    repeat(seq);
  }
  tail_probe_until_ = flight_.end();
}

void Stream::on_retransmission_timeout() {
  const Instant now = scheduler_.now();
  ++stats_.timeouts;
  ++timeouts_in_row_;
  const bool silent = timeouts_in_row_ > kMinTimeoutsToGiveUp && now - progress_at_ >= kGiveUpAfter;
  if (silent && (!options_.patient || only_end_unacknowledged())) {
    close(only_end_unacknowledged() ? CloseReason::kFinished : CloseReason::kTimedOut);
    return;
  }
  // One timeout may be a loss, or a path that is longer than was thought.
  if (timeouts_in_row_ >= 2 && now - progress_at_ >= options_.stalled_after)
    events_.raise(Event::kStalled);
  mark_late_lost();
  tail_probe_until_.reset();
  begin_recovery();
  path_.on_timeout(timeout_from_);
  timeout_from_ = now;
  // Under way at once, whatever the pacer thinks.
  resend_lost();
}

/// The first packet counts as lost in any case; others when they are late as well.
void Stream::mark_late_lost() {
  const Instant now = scheduler_.now();
  while (flight_.has_in_flight()) {
    const SeqNo seq = flight_.oldest_in_flight();
    if (flight_.has_lost() && !rack_.older_than_horizon(flight_.at(seq), now, path_.rtt())) break;
    flight_.mark_lost(seq);
  }
}

}  // namespace hsfwd::udx
