// SPDX-License-Identifier: Apache-2.0
// What a stream sends, and when: new data within the windows, repeats, probes, acknowledgements.
#include <algorithm>
#include <array>
#include <optional>

#include "udx/mux.hpp"

namespace hsfwd::udx {

namespace {
// How long unacknowledged data may stay without any sign of progress. Upstream gives up after 13 s.
constexpr Duration kGiveUpAfter = 20_s;
constexpr Duration kStalledAfter = 3_s;
constexpr std::uint32_t kMinTimeoutsToGiveUp = 6;
constexpr Duration kMaxBackoff = 2_s;
// Upstream sends the lowest 50 ranges. With more gaps than that a sender hears nothing of what it sent
// last and falls back on timeouts, so peers known to be our own get as many of the highest as well.
constexpr std::size_t kMaxLowRanges = 50;
constexpr std::size_t kMaxHighRanges = 50;
// Of a packet that was first sent along a path the stream has left.
constexpr std::uint8_t kTransmissionsOnOldPath = 2;
// A large packet lost this often makes its size suspicious.
constexpr std::uint8_t kSuspiciousTransmissions = 3;
}  // namespace

void Stream::flush() {
  if (closed_) return;
  // Only now, so that who hears of the peer's last bytes can still refuse them.
  if (finished()) {
    close(CloseReason::kFinished);
    return;
  }
  if (connected()) {
    if (std::exchange(ack_owed_, false)) send_state();
    if (!transmitter_.blocked(*socket_)) {
      pacer_.refill(scheduler_.now(), congestion_.pacing_rate());
      while (may_send() && (resend_lost() || send_new())) {
      }
      if (!has_unsent() && !flight_.has_lost() && may_send()) {
        rates_.on_app_limited(flight_.in_flight_bytes());
      }
    }
    probe_zero_window();
    wake_writer();
  }
  schedule();
}

/// Once half of the mark is sent, so that a writer is not woken for every packet.
void Stream::wake_writer() {
  if (!writer_waits_ || send_room() < std::min(kMaxUnsent, mux_.budget_.share()) / 2) return;
  writer_waits_ = false;
  events_.raise(Event::kWritable);
  mark_dirty();
}

bool Stream::may_send() const {
  return pacer_.allows() && flight_.in_flight_bytes() < congestion_.window();
}

/// Repeats the packet that was found lost first. Repeats do not ask for the peer's window: it had
/// room for them before.
bool Stream::resend_lost() {
  if (!flight_.has_lost()) return false;
  const SeqNo seq = flight_.first_lost();
  SentPacket& packet = flight_.at(seq);
  if (!spend_allowance(packet.size + packet.padding + kOverhead)) return false;
  note_loss_of(packet);
  packet.rate = rates_.on_sent(scheduler_.now(), flight_.in_flight_bytes());
  flight_.resend(seq, scheduler_.now());
  ++stats_.packets_repeated;
  transmit(seq);
  return true;
}

/// What the loss of a packet says about its size.
void Stream::note_loss_of(SentPacket& packet) {
  const Instant now = scheduler_.now();
  if (packet.probe) {
    packet.probe = false;
    packet.padding = 0;
    mtu_.on_probe_lost(now);
    return;
  }
  if (packet.size + kOverhead <= PathMtu::kBase) return;
  if (packet.transmissions == kSuspiciousTransmissions && mtu_.on_large_lost(now)) {
    congestion_.set_packet_size(mtu_.current() - kOverhead);
    fragment_large_ = true;
  }
}

std::size_t Stream::new_payload_size() const {
  std::uint64_t room = mtu_.current() - kOverhead;
  if (allowance_)
    room = std::min(room, *allowance_ - std::min<std::uint64_t>(*allowance_, kOverhead));
  return static_cast<std::size_t>(std::min(room, send_buffer_.end() - next_offset_));
}

/// False: the peer has to show that it is there before it is sent so much.
bool Stream::spend_allowance(std::size_t datagram) {
  if (!allowance_) return true;
  if (*allowance_ < datagram) return false;
  *allowance_ -= datagram;
  return true;
}

bool Stream::window_allows(std::size_t size) const {
  const std::uint64_t in_flight = flight_.in_flight_bytes();
  // Any open window takes one packet, however small it is.
  if (flight_.in_flight_packets() == 0) return remote_window_ > 0;
  return in_flight + size <= std::min<std::uint64_t>(remote_window_, mux_.budget_.share());
}

/// Cuts the next packet from what is unsent. Once cut, a packet is the same for ever.
bool Stream::send_new() {
  if (!has_unsent() && !end_unsent()) return false;
  const std::size_t size = new_payload_size();
  if (!window_allows(size) || (size == 0 && has_unsent())) return false;
  if (!spend_allowance(size + kOverhead)) return false;
  SentPacket packet;
  packet.offset = next_offset_;
  packet.size = static_cast<std::uint16_t>(size);
  packet.sent_at = scheduler_.now();
  packet.transmissions = 1;
  packet.path = static_cast<std::uint8_t>(destinations_.size() - 1);
  packet.flags = size > 0 ? kData : kState;
  if (end_unsent() && next_offset_ + size == send_buffer_.end()) {
    packet.flags |= kEnd;
    end_sent_ = true;
  }
  const auto probe = change_mark_ || limited() ? std::nullopt : mtu_.wanted_probe(scheduler_.now());
  if (probe && size + kOverhead <= *probe && *probe - size - kOverhead <= kMaxPadding && size > 0) {
    packet.probe = true;
    packet.padding = static_cast<std::uint8_t>(*probe - size - kOverhead);
    mtu_.on_probe_sent(*probe);
  }
  if (flight_.empty()) {
    progress_at_ = scheduler_.now();
    congestion_.on_restart(scheduler_.now());
  }
  packet.rate = rates_.on_sent(scheduler_.now(), flight_.in_flight_bytes());
  next_offset_ += size;
  stats_.bytes_sent += size;
  transmit(flight_.push(packet));
  return true;
}

void Stream::transmit(SeqNo seq) {
  const SentPacket& packet = flight_.at(seq);
  // Upstream repeats along the old path for ever. Should that end too early, the packet would never
  // arrive, so only the first repeat takes it.
  std::size_t path = destinations_.size() - 1;
  if (packet.transmissions <= kTransmissionsOnOldPath)
    path = std::min<std::size_t>(packet.path, path);
  const Destination& to = destinations_[path];
  Header h = header(packet.flags, seq);
  h.stream = to.id;
  h.data_offset = packet.padding;
  const bool large = packet.size + kOverhead > mtu_.current() && !packet.probe;
  transmitter_.add({socket_, to.address, fragment_large_ && large}, h, packet.padding,
                   send_buffer_.locate(packet.offset, packet.size));
  last_advertised_ = h.window;
  ++stats_.packets_sent;
  pacer_.spend(packet.size + packet.padding + kOverhead);
  ack_owed_ = false;  // every packet carries the acknowledgement
  note_sent();
}

void Stream::note_sent() {
  const Instant now = scheduler_.now();
  if (!deadlines_.has(Deadline::kTimeout)) {
    timeout_from_ = now;
    deadlines_.set(Deadline::kTimeout, now + backed_off_timeout());
  }
  const bool single = flight_.in_flight_packets() <= 1;
  if (!recovery_until_ && !tail_probe_until_ && flight_.acked_packets() == 0) {
    deadlines_.set(Deadline::kTailProbe,
                   now + rtt_.tail_probe_wait() + (single ? 2_ms : Duration()));
  }
}

void Stream::send_state() {
  if (!spend_allowance(kOverhead + received_.ranges().size() * kSackRangeSize)) return;
  std::array<std::uint8_t, (kMaxLowRanges + kMaxHighRanges) * kSackRangeSize> sack;
  std::size_t size = 0;
  const auto& ranges = received_.ranges();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (i == kMaxLowRanges) {
      if (options_.acks == AckPolicy::kEveryPacket) break;
      i = std::max(i, ranges.size() - std::min(ranges.size(), kMaxHighRanges));
    }
    store_le32(sack.data() + size, ranges[i].start.value);
    store_le32(sack.data() + size + 4, ranges[i].end.value);
    size += kSackRangeSize;
  }
  const Header h = header(size > 0 ? kSack : kState, flight_.end());
  transmitter_.add_copy({socket_, current().address}, h, {}, ByteView(sack).first(size));
  last_advertised_ = h.window;
  ++stats_.packets_sent;
  mark_dirty();
}

void Stream::send_heartbeat() {
  if (!spend_allowance(kOverhead)) return;
  transmitter_.add_copy({socket_, current().address}, header(kHeartbeat, flight_.end()), {}, {});
  ++stats_.packets_sent;
}

bool Stream::blocked_by_zero_window() const {
  return remote_window_ == 0 && flight_.in_flight_packets() == 0 && !flight_.has_lost() &&
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
  deadlines_.set(Deadline::kWindowProbe, scheduler_.now() + rtt_.retransmission_timeout());
}

Duration Stream::backed_off_timeout() const {
  const Duration base = rtt_.retransmission_timeout();
  const Duration backed_off = base * (std::int64_t{1} << std::min(timeouts_in_row_, 6U));
  return std::max(base, std::min(backed_off, kMaxBackoff));
}

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
  deadlines_.clear(Deadline::kPacing);
  const bool wants =
      flight_.has_lost() || ((has_unsent() || end_unsent()) && window_allows(new_payload_size()));
  if (wants && flight_.in_flight_bytes() < congestion_.window() && !pacer_.allows() &&
      !transmitter_.blocked(*socket_)) {
    deadlines_.set(Deadline::kPacing, pacer_.next());
  }
  deadlines_.arm();
}

/// Nothing is under way that could be.
void Stream::forget_losses() {
  deadlines_.clear(Deadline::kTimeout);
  deadlines_.clear(Deadline::kTailProbe);
  deadlines_.clear(Deadline::kLossCheck);
}

void Stream::on_timer() {
  const Instant now = scheduler_.now();
  mark_dirty();
  deadlines_.take_due(Deadline::kPacing, now);  // the flush that follows sends
  if (deadlines_.take_due(Deadline::kLossCheck, now)) detect_losses();
  if (deadlines_.take_due(Deadline::kTailProbe, now)) on_tail_probe();
  if (deadlines_.take_due(Deadline::kWindowProbe, now) && blocked_by_zero_window()) {
    send_heartbeat();
    deadlines_.set(Deadline::kWindowProbe, now + rtt_.retransmission_timeout() * 2);
  }
  if (deadlines_.take_due(Deadline::kHeartbeat, now)) {
    if (flight_.empty()) send_heartbeat();
    deadlines_.set(Deadline::kHeartbeat, now + options_.heartbeat);
  }
  if (deadlines_.take_due(Deadline::kTimeout, now)) on_retransmission_timeout();
}

/// The end of what was sent may be lost without anything behind it to show so: send something.
void Stream::on_tail_probe() {
  if (flight_.empty() || tail_probe_until_) return;
  if (!send_new() && flight_.has_in_flight()) {
    // Unchanged, padding included: the newest packet is the best witness.
    const SeqNo seq = flight_.newest_in_flight();
    const SentPacket& packet = flight_.at(seq);
    if (!spend_allowance(packet.size + packet.padding + kOverhead)) return;
    flight_.resend(seq, scheduler_.now());
    ++stats_.packets_repeated;
    transmit(seq);
  }
  tail_probe_until_ = flight_.end();
}

void Stream::on_retransmission_timeout() {
  const Instant now = scheduler_.now();
  ++stats_.timeouts;
  ++timeouts_in_row_;
  if (timeouts_in_row_ > kMinTimeoutsToGiveUp && now - progress_at_ >= kGiveUpAfter) {
    close(only_end_unacknowledged() ? CloseReason::kFinished : CloseReason::kTimedOut);
    return;
  }
  if (now - progress_at_ >= kStalledAfter) events_.raise(Event::kStalled);
  // The first packet counts as lost in any case; others when they are late as well.
  while (flight_.has_in_flight()) {
    const SeqNo seq = flight_.oldest_in_flight();
    const bool first = flight_.in_flight_packets() > 0 && !flight_.has_lost();
    if (!first && !rack_.older_than_horizon(flight_.at(seq), now, rtt_)) break;
    flight_.mark_lost(seq);
  }
  tail_probe_until_.reset();
  if (!recovery_until_) recovery_until_ = flight_.end();
  congestion_.on_timeout(now, flight_.in_flight_bytes());
  timeout_from_ = now;
  // Under way at once, whatever the pacer thinks.
  resend_lost();
}

}  // namespace hsfwd::udx
