// SPDX-License-Identifier: Apache-2.0
// What a stream sends: new data within the windows, repeats, acknowledgements. Whose turn it is on a
// path says Path.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "udx/mux.hpp"

namespace hsfwd::udx {

namespace {
// Upstream sends the lowest 50 ranges. With more gaps than that a sender hears nothing of what it sent
// last and falls back on timeouts, so peers known to be our own get as many of the highest as well.
constexpr std::size_t kMaxLowRanges = 50;
constexpr std::size_t kMaxHighRanges = 50;
// A large packet lost this often makes its size suspicious.
constexpr std::uint8_t kSuspiciousTransmissions = 3;

// How much later than it should the answer to a probe may come: the peer looks at many packets at once. A
// size that is in use is given up less easily, since what uses it also fills the queues.
constexpr Duration kAnswerSlack = 100_ms;
constexpr Duration kBusyAnswerSlack = 500_ms;

std::size_t datagram_size(const SentPacket& packet) {
  return packet.size + packet.padding + kOverhead;
}
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
    path_.serve(*this);
    if (closed_) return;  // for want of memory
    // A writer that waits for room has more to send: that it cannot is no want of data.
    if (!has_unsent() && !flight_.has_lost() && !writer_waits_) path_.note_idle();
    probe_zero_window();
    wake_writer();
    want_size_probe();
    tell_of_messages();
  }
  schedule();
}

/// Once half of the mark is sent, so that a writer is not woken for every packet.
void Stream::wake_writer() {
  if (!writer_waits_ || send_room() < std::min(max_unsent_, mux_.budget_.share()) / 2) return;
  writer_waits_ = false;
  events_.raise(Event::kWritable);
  mark_dirty();
}

/// What stands in their way, and how large they may be.
void Stream::tell_of_messages() {
  if (message_waits_ && !transmitter_.blocked(*socket()) && path_.allows(*message_waits_)) {
    message_waits_.reset();
    events_.raise(Event::kMessagesWritable);
    mark_dirty();
  }
  if (std::exchange(told_mtu_, path_.mtu()) != path_.mtu()) {
    events_.raise(Event::kMtuChanged);
    mark_dirty();
  }
}

/// Data that leaves anyway has had its chance.
void Stream::want_size_probe() {
  const auto size = path_.wanted_probe();
  if (!probes_with_messages_ || !size || size_probe_.under_way || change_.under_way()) return;
  if (size_probe_.size != *size) ++size_probe_.number;
  size_probe_.size = *size;
  size_probe_.under_way = true;
  path_.on_probe_sent(*size);
  const Duration slack = *size > path_.mtu() ? kAnswerSlack : kBusyAnswerSlack;
  deadlines_.set(Deadline::kSizeProbe, scheduler_.now() + path_.rtt().tail_probe_wait() + slack);
  events_.raise(Event::kProbeWanted);
  mark_dirty();
}

bool Stream::wants_to_send() const {
  return flight_.has_lost() ||
         ((has_unsent() || end_unsent()) && window_allows(new_payload_size()));
}

/// Who has no more than a packet, under way and to send, adds no delay that others would feel.
bool Stream::is_light() const {
  if (options_.urgent) return true;
  return flight_.in_flight_bytes() + send_buffer_.end() - next_offset_ <= PathMtu::kBase;
}

/// May come from another stream's turn, whose trouble it is not if there is no memory.
bool Stream::send_one() {
  bool sent = false;
  Mux::guard(*this, [&] { sent = resend_lost() || send_new(); });
  return sent;
}

/// Repeats the packet that was found lost first. Repeats do not ask for the peer's window: it had
/// room for them before.
bool Stream::resend_lost() {
  if (!flight_.has_lost()) return false;
  const SeqNo seq = flight_.first_lost();
  SentPacket& packet = flight_.at(seq);
  if (!path_.spend_allowance(datagram_size(packet))) return false;
  ++stats_.packets_lost;
  note_loss_of(packet);
  packet.rate = path_.snapshot();
  repeat(seq);
  return true;
}

void Stream::repeat(SeqNo seq) {
  flight_.resend(seq, scheduler_.now());
  ++stats_.packets_repeated;
  transmit(seq);
}

/// What the loss of a packet says about its size.
void Stream::note_loss_of(SentPacket& packet) {
  if (packet.probe) {
    packet.probe = false;
    packet.padding = 0;
    path_.on_probe_lost();
    return;
  }
  const bool large = packet.size + kOverhead > PathMtu::kBase;
  if (large && packet.transmissions == kSuspiciousTransmissions) path_.on_large_lost();
}

std::size_t Stream::new_payload_size() const {
  const std::uint64_t unsent = send_buffer_.end() - next_offset_;
  std::size_t room = path_.payload_room();
  if (carrier_ != nullptr) room -= std::min(room, carrier_->overhead());
  return static_cast<std::size_t>(std::min<std::uint64_t>(room, unsent));
}

bool Stream::window_allows(std::size_t size) const {
  // Any open window takes one packet, however small it is.
  if (flight_.in_flight_packets() == 0) return !remote_window_.closed();
  return flight_.in_flight_bytes() + size <=
         std::min<std::uint64_t>(remote_window_.bytes(), mux_.budget_.large_share());
}

bool Stream::send_new() {
  if (!has_unsent() && !end_unsent()) return false;
  const std::size_t size = new_payload_size();
  if (!window_allows(size) || (size == 0 && has_unsent())) return false;
  if (!path_.spend_allowance(size + kOverhead)) return false;
  SentPacket packet = cut(size);
  if (flight_.empty()) {
    progress_at_ = scheduler_.now();
    path_.on_restart();
  }
  packet.rate = path_.snapshot();
  transmit(flight_.push(packet));
  return true;
}

/// Cuts the next packet from what is unsent. Once cut, a packet is the same for ever.
SentPacket Stream::cut(std::size_t size) {
  SentPacket packet;
  packet.offset = next_offset_;
  packet.size = static_cast<std::uint16_t>(size);
  packet.sent_at = scheduler_.now();
  packet.transmissions = 1;
  packet.path = change_.index();
  packet.flags = size > 0 ? kData : kState;
  next_offset_ += size;
  stats_.bytes_sent += size;
  if (end_unsent() && !has_unsent()) {
    packet.flags |= kEnd;
    end_ = End::kSent;
  }
  if (size > 0 && !change_.under_way()) make_probe(packet);
  return packet;
}

/// Pads the packet to the size that is to be probed, if that can be.
void Stream::make_probe(SentPacket& packet) {
  const auto wanted = carrier_ == nullptr ? path_.wanted_probe() : std::nullopt;
  const std::size_t size = packet.size + kOverhead;
  if (!wanted || size > *wanted || *wanted - size > kMaxPadding) return;
  packet.probe = true;
  packet.padding = static_cast<std::uint8_t>(*wanted - size);
  path_.on_probe_sent(*wanted);
}

void Stream::transmit(SeqNo seq) {
  const SentPacket& packet = flight_.at(seq);
  const PathChange::Destination& to = change_.destination_of(packet);
  Header h = header(packet.flags, seq);
  h.stream = to.id;
  h.data_offset = packet.padding;
  const bool too_large = packet.size + kOverhead > path_.mtu() && !packet.probe;
  const auto payload = send_buffer_.locate(packet.offset, packet.size);
  if (carrier_ != nullptr) {
    carrier_->carry(h, packet.padding, payload);
  } else {
    transmitter_.add({socket(), to.address, path_.shrunk() && too_large}, h, packet.padding,
                     payload);
  }
  window_.on_announced(h.window);
  ++stats_.packets_sent;
  ++stats_.packets_in_order;
  path_.spend(datagram_size(packet));
  ack_owed_ = false;  // every packet carries the acknowledgement
  note_sent();
}

void Stream::send_state() {
  if (!path_.spend_allowance(kOverhead + received_.ranges().size() * kSackRangeSize)) return;
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
  send_copy(h, ByteView(sack).first(size), {});
  window_.on_announced(h.window);
  ++stats_.packets_sent;
  mark_dirty();
}

void Stream::send_heartbeat() {
  if (!path_.spend_allowance(kOverhead)) return;
  send_bare(kHeartbeat);
  ++stats_.packets_sent;
}

/// A packet outside of the sequence.
void Stream::send_bare(std::uint8_t flags, ByteView first, ByteView second) {
  send_copy(header(flags, flight_.end()), first, second);
}

void Stream::send_copy(const Header& header, ByteView first, ByteView second) {
  if (carrier_ != nullptr) {
    carrier_->carry(header, 0, {first, second});
  } else {
    transmitter_.add_copy({socket(), remote()}, header, first, second);
  }
}

}  // namespace hsfwd::udx
