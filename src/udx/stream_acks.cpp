// SPDX-License-Identifier: Apache-2.0
// What a stream learns from the acknowledgements in a packet: what has arrived, what is lost, and
// how the path is.
#include <optional>
#include <utility>

#include "udx/mux.hpp"

namespace hsfwd::udx {

namespace {
// Stock receivers list this many ranges and no more.
constexpr std::size_t kFullSackList = 50;
}  // namespace

void Stream::process_ack(const Packet& packet) {
  const Header& h = packet.header;
  if (h.ack >= flight_.begin() && remote_window_.take(h)) deadlines_.clear(Deadline::kWindowProbe);
  // Who only receives has this with every packet.
  if (flight_.empty()) {
    settle();
    return;
  }
  const bool end_was_acked = end_ == End::kAcked;
  path_.begin_acks();
  acknowledge_until(h.ack);
  if (!end_was_acked && end_ == End::kAcked && flight_.empty()) {
    path_.finish_acks(0);
    on_all_acked();
    return;
  }
  acknowledge_ranges(packet);
  const std::uint64_t before_loss = flight_.in_flight_bytes();
  detect_losses();
  path_.finish_acks(before_loss - flight_.in_flight_bytes());
  settle();
}

/// The own end and everything before it has arrived.
void Stream::on_all_acked() {
  forget_losses();
  check_recovery_end();
  check_change_final();
  if (std::exchange(acknowledged_wanted_, false)) events_.raise(Event::kAcknowledged);
  // The peer has waited for this; upstream answers with one more acknowledgement.
  if (!remote_ended_ && connected()) send_state();
  schedule();
}

void Stream::acknowledge(SeqNo seq) {
  SentPacket& packet = flight_.at(seq);
  const bool was_lost = packet.state == PacketState::kLost;
  if (!flight_.mark_acked(seq)) return;
  const Instant now = scheduler_.now();
  progress_at_ = timeout_from_ = now;
  timeouts_in_row_ = 0;
  path_.on_acked(packet);
  rack_.on_acked(packet, seq, now, path_.rtt());
  if (packet.probe && !was_lost) {
    path_.on_probe_acked();
  } else if (packet.size + kOverhead > PathMtu::kBase && packet.transmissions == 1) {
    path_.on_large_acked();
  }
  packet.probe = false;
  if ((packet.flags & kEnd) != 0) end_ = End::kAcked;
}

void Stream::acknowledge_until(SeqNo ack) {
  if (flight_.empty() || flight_.begin() >= ack) return;
  std::optional<Duration> newest_rtt;
  while (!flight_.empty() && flight_.begin() < ack) {
    const SeqNo seq = flight_.begin();
    const SentPacket& packet = flight_.at(seq);
    if (packet.state != PacketState::kAcked && packet.transmissions == 1) {
      newest_rtt = scheduler_.now() - packet.sent_at;
    }
    acknowledge(seq);
    flight_.pop_front();
  }
  if (newest_rtt) path_.add_rtt_sample(*newest_rtt);
  send_buffer_.release(flight_.empty() ? next_offset_ : flight_.at(flight_.begin()).offset);
  charge_sent();
}

void Stream::acknowledge_ranges(const Packet& packet) {
  std::optional<Duration> newest_rtt;
  std::size_t ranges = 0;
  packet.for_each_sack([&](SeqRange range) {
    ++ranges;
    // By their distances from the first: two numbers half a circle apart are in no order.
    const std::int32_t first = range.start - flight_.begin();
    const std::int32_t last = range.end - flight_.begin();
    if (first < 0 || last < first || last > flight_.end() - flight_.begin()) return;
    for (SeqNo seq = range.start; seq < range.end; seq = seq.next()) {
      const SentPacket& sent = flight_.at(seq);
      if (sent.state == PacketState::kAcked) continue;
      if (sent.transmissions == 1) newest_rtt = scheduler_.now() - sent.sent_at;
      acknowledge(seq);
    }
  });
  // A full list may name a packet long after it arrived, when others have made room for it.
  if (newest_rtt && ranges < kFullSackList) path_.add_rtt_sample(*newest_rtt);
}

/// What is over once nothing, or nothing from before it, is in flight.
void Stream::settle() {
  check_recovery_end();
  check_change_final();
  if (!flight_.empty()) return;
  forget_losses();
  if (acknowledged_wanted_ && !has_unsent()) {
    acknowledged_wanted_ = false;
    events_.raise(Event::kAcknowledged);
  }
  change_.forget_old_destinations();
}

void Stream::detect_losses() {
  const Rack::Verdict verdict =
      rack_.detect(flight_, scheduler_.now(), path_.rtt(), recovery_until_.has_value());
  deadlines_.set(Deadline::kLossCheck, verdict.check_at);
  if (verdict.lost_other_than_probe) begin_recovery();
}

void Stream::begin_recovery() {
  if (recovery_until_) return;
  recovery_until_ = flight_.end();
  path_.begin_recovery();
}

void Stream::check_recovery_end() {
  if (tail_probe_until_ && flight_.begin() >= *tail_probe_until_) tail_probe_until_.reset();
  if (!recovery_until_ || flight_.begin() < *recovery_until_) return;
  recovery_until_.reset();
  path_.end_recovery();
}

void Stream::check_change_final() {
  if (change_.becomes_final(flight_.begin())) events_.raise(Event::kRemoteChanged);
}

}  // namespace hsfwd::udx
