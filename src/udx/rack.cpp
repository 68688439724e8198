// SPDX-License-Identifier: Apache-2.0
#include "udx/rack.hpp"

#include <algorithm>

namespace hsfwd::udx {

namespace {
// RFC 8985: without known reordering, three packets acknowledged above a gap show a loss at once.
constexpr std::size_t kDuplicateThreshold = 3;
constexpr int kMaxWindowFactor = 16;
}  // namespace

void Rack::on_acked(const SentPacket& packet, SeqNo seq, Instant now, const RttEstimator& rtt) {
  const Duration elapsed = now - packet.sent_at;
  const bool repeated = packet.transmissions > 1;
  if (repeated && rtt.has_sample() && elapsed < rtt.min()) {
    // The original arrived after all: the path reorders more than the window allows for.
    reordering_seen_ = true;
    window_factor_ = std::min(window_factor_ * 2, kMaxWindowFactor);
    return;
  }
  if (!any_ || seq > highest_acked_) {
    highest_acked_ = seq;
  } else if (seq < highest_acked_ && !repeated) {
    reordering_seen_ = true;
  }
  const bool newer = !any_ || packet.sent_at > newest_sent_at_ ||
                     (packet.sent_at == newest_sent_at_ && seq > newest_seq_);
  if (newer) {
    newest_sent_at_ = packet.sent_at;
    newest_seq_ = seq;
    newest_rtt_ = elapsed;
  }
  any_ = true;
}

Duration Rack::window(const Flight& flight, const RttEstimator& rtt, bool in_recovery) const {
  if (!reordering_seen_ && (in_recovery || flight.acked_packets() >= kDuplicateThreshold)) {
    return Duration();
  }
  return std::min(rtt.min() * window_factor_ / 4, rtt.smoothed());
}

Rack::Verdict Rack::detect(Flight& flight, Instant now, const RttEstimator& rtt,
                           bool in_recovery) const {
  Verdict verdict;
  if (!any_) return verdict;
  const Duration patience = newest_rtt_ + window(flight, rtt, in_recovery);
  while (flight.has_in_flight()) {
    const SeqNo seq = flight.oldest_in_flight();
    const SentPacket& packet = flight.at(seq);
    const bool overtaken = packet.sent_at < newest_sent_at_ ||
                           (packet.sent_at == newest_sent_at_ && seq < newest_seq_);
    if (!overtaken) break;
    if (packet.sent_at + patience > now) {
      verdict.check_at = packet.sent_at + patience;
      break;
    }
    ++verdict.lost;
    verdict.lost_other_than_probe |= !packet.probe;
    flight.mark_lost(seq);
  }
  return verdict;
}

bool Rack::older_than_horizon(const SentPacket& packet, Instant now,
                              const RttEstimator& rtt) const {
  return packet.sent_at + rtt.smoothed() + rtt.min() / 4 <= now;
}

void Rack::reset() {
  *this = Rack();
}

}  // namespace hsfwd::udx
