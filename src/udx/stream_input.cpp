// SPDX-License-Identifier: Apache-2.0
// What a stream does with a packet, in the order in which upstream does it: the order is visible to
// the peer, since it decides which packets are answered.
#include <algorithm>
#include <optional>

#include "udx/mux.hpp"

namespace hsfwd::udx {

namespace {
// Beyond any window that was advertised: what a sender starts with before it has heard of one, and
// the packet that any open window lets through.
constexpr std::size_t kWindowSlack = 64 * 1024;
// Stock receivers list this many ranges and no more.
constexpr std::size_t kFullSackList = 50;
}  // namespace

void Stream::input(net::UdpSocket& socket, const net::Address& from, const Packet& packet,
                   ByteView datagram) {
  if (closed_ || !accept(socket, from)) return;
  if (limited() && (&socket != socket_ || from != remote())) return;
  if (allowance_) *allowance_ += kAmplification * datagram.size();
  ++stats_.packets_received;
  heard_ |= is_path(socket, from);
  last_source_ = from;
  if (packet.header.has(kHeartbeat)) {
    owe_ack();
    return;
  }
  if (!packet.valid) return;
  if (!receive_sequenced(packet)) return;
  if (packet.header.has(kMessage)) deliver_message(packet.payload);
  take_kept();
  if (old_path_) note_arrival(socket, from, packet);
  // An acknowledgement of what was never sent: the packet's data counts, the rest of it does not.
  if (packet.header.ack > flight_.end()) return;
  process_ack(packet);
  if (closed_) return;
  if (std::exchange(repeat_on_first_arrival_, false)) repeat_in_flight();
  if (packet.header.has(kData) || packet.header.has(kEnd)) {
    if (options_.acks == AckPolicy::kEveryPacket && connected()) {
      send_state();
    } else {
      owe_ack();
    }
  }
}

/// Packets carry no proof of who sent them, so where they come from has to do. While the stream
/// moves the peer may be on either path.
bool Stream::accept(net::UdpSocket& socket, const net::Address& from) {
  if (is_path(socket, from)) return true;
  const bool left = old_path_ && &socket == old_path_->socket && from == old_path_->address;
  if (left) return true;
  const bool accepted = from.port != 0 && observer_.accept_path(socket, from);
  if (!accepted) ++stats_.packets_refused;
  return accepted && !closed_;
}

void Stream::repeat_in_flight() {
  while (flight_.has_in_flight()) flight_.mark_lost(flight_.oldest_in_flight());
  mark_dirty();
}

/// Data that came along another path than the old one says that the peer has left that too: once it
/// is in order, nothing sent before is missing.
void Stream::note_arrival(const net::UdpSocket& socket, const net::Address& from,
                          const Packet& packet) {
  bool proven = false;
  if (&socket != old_path_->socket || from != old_path_->address) {
    const bool sequenced = packet.header.has(kData) || packet.header.has(kEnd);
    if (sequenced && !old_path_->other_way) old_path_->other_way = packet.header.seq;
    proven = packet.header.has(kMessage) && packet.payload.empty();
  }
  proven |= old_path_->other_way && received_.next() > *old_path_->other_way;
  if (!proven) return;
  old_path_.reset();
  events_.raise(Event::kPathProven);
}

/// Resetting is the last thing that a peer does: behind all that it has sent, which is within the
/// window, and knowing of all that it ever acknowledged (RFC 5961). It may know of more, if
/// somebody has made it acknowledge what was never sent. Who does not see the stream has to guess
/// both numbers.
bool Stream::may_reset(const Header& header) const {
  return !received_.too_far(header.seq) && header.ack >= flight_.begin() &&
         header.ack - flight_.end() < ReceiveQueue::kMaxAhead;
}

/// False when the packet ended the stream or may not be answered.
bool Stream::receive_sequenced(const Packet& packet) {
  if (packet.header.seq < received_.next()) return true;
  if (packet.header.has(kDestroy)) {
    // Both sides have said and heard all: without a reason there is nothing to give up.
    if (finished() && packet.payload.empty()) return false;
    if (!may_reset(packet.header)) {
      ++stats_.packets_refused;
      return false;
    }
    if (!packet.payload.empty()) deliver_message(packet.payload);
    close(CloseReason::kReset);
    return false;
  }
  if (!packet.header.has(kData) && !packet.header.has(kEnd)) return true;
  if (remote_ended_ || received_.seen(packet.header.seq)) return true;
  if (received_.too_far(packet.header.seq) || !promised(packet)) return false;
  if (!has_room_for(packet)) {
    mux_.budget_.count_refused();
    return false;
  }
  // Small packets kept out of order take more memory than the window says. A window of full ones
  // stays below this.
  if (packet.header.seq != received_.next() &&
      received_.kept_memory() >= options_.receive_window * 2 + kWindowSlack) {
    return false;
  }
  receive_data(packet);
  return true;
}

/// Within a window that was advertised at any time, or near enough.
bool Stream::promised(const Packet& packet) const {
  return taken_bytes_ + packet.payload.size() <= promised_until_ + kWindowSlack;
}

/// Honest peers never come up against this, since windows close before the memory is full.
bool Stream::has_room_for(const Packet& packet) const {
  const bool in_order = packet.header.seq == received_.next();
  return receive_account_.may_add(in_order ? packet.payload.size() : mux_.packets_.buffer_size());
}

void Stream::receive_data(const Packet& packet) {
  const SeqNo seq = packet.header.seq;
  const bool has_data = packet.header.has(kData);
  if (packet.header.has(kEnd)) {
    remote_end_seen_ = true;
    remote_end_ = seq;
  }
  if (has_data) taken_bytes_ += packet.payload.size();
  if (seq != received_.next()) {
    received_.keep(seq, has_data ? packet.payload : ByteView(), has_data);
    charge_received();
    return;
  }
  received_.advance();
  if (has_data && !packet.payload.empty()) {
    deliver_chunk(packet.payload);
    unread_bytes_ += packet.payload.size();
    stats_.bytes_received += packet.payload.size();
  }
}

void Stream::take_kept() {
  while (received_.next_is_kept()) {
    ReceiveQueue::Kept kept = received_.take();
    if (kept.size == 0) continue;
    deliver_chunk({kept.memory.data(), kept.size});
    unread_bytes_ += kept.size;
    stats_.bytes_received += kept.size;
    chunk_memory_.push_back(std::move(kept.memory));
  }
  charge_received();
  if (remote_end_seen_ && !remote_ended_ && received_.next() > remote_end_) {
    remote_ended_ = true;
    events_.raise(Event::kEnd);
  }
}

void Stream::process_ack(const Packet& packet) {
  const Header& h = packet.header;
  if (h.ack >= flight_.begin()) take_window(h);
  // Who only receives has this with every packet.
  if (flight_.empty()) {
    settle();
    return;
  }
  const std::uint64_t prior_in_flight = flight_.in_flight_bytes();
  const std::uint64_t prior_delivered = rates_.delivered();
  const bool end_was_acked = end_acked_;
  rates_.begin_acks();
  acknowledge_until(h.ack);
  if (!end_was_acked && end_acked_ && flight_.empty()) {
    on_all_acked();
    return;
  }
  acknowledge_ranges(packet);
  finish_acks(prior_in_flight, prior_delivered);
}

/// The own end and everything before it has arrived.
void Stream::on_all_acked() {
  forget_losses();
  check_change_final();
  if (std::exchange(acknowledged_wanted_, false)) events_.raise(Event::kAcknowledged);
  // The peer has waited for this; upstream answers with one more acknowledgement.
  if (!remote_ended_ && connected()) send_state();
  schedule();
}

void Stream::take_window(const Header& h) {
  const bool newer =
      !window_known_ || h.seq > window_seq_ || (h.seq == window_seq_ && h.ack >= window_ack_);
  if (!newer) return;
  window_known_ = true;
  window_seq_ = h.seq;
  window_ack_ = h.ack;
  if (remote_window_ == 0 && h.window > 0) deadlines_.clear(Deadline::kWindowProbe);
  remote_window_ = h.window;
}

void Stream::acknowledge(SeqNo seq) {
  SentPacket& packet = flight_.at(seq);
  const bool was_lost = packet.state == PacketState::kLost;
  if (!flight_.mark_acked(seq)) return;
  const Instant now = scheduler_.now();
  progress_at_ = timeout_from_ = now;
  timeouts_in_row_ = 0;
  rates_.on_acked(packet, now);
  rack_.on_acked(packet, seq, now, rtt_);
  if (packet.probe && !was_lost) {
    mtu_.on_probe_acked(now);
    congestion_.set_packet_size(mtu_.current() - kOverhead);
  } else if (packet.size + kOverhead > PathMtu::kBase && packet.transmissions == 1) {
    mtu_.on_large_acked();
  }
  packet.probe = false;
  if ((packet.flags & kEnd) != 0) end_acked_ = true;
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
  if (newest_rtt) rtt_.add_sample(*newest_rtt, scheduler_.now());
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
  if (newest_rtt && ranges < kFullSackList) rtt_.add_sample(*newest_rtt, scheduler_.now());
}

void Stream::finish_acks(std::uint64_t prior_in_flight, std::uint64_t prior_delivered) {
  const Instant now = scheduler_.now();
  AckSample sample;
  sample.now = now;
  sample.prior_in_flight = prior_in_flight;
  sample.acked = rates_.delivered() - prior_delivered;
  const std::uint64_t before_loss = flight_.in_flight_bytes();
  detect_losses();
  sample.in_flight = flight_.in_flight_bytes();
  sample.lost = before_loss - sample.in_flight;
  rates_.finish_acks(sample, rtt_.min());
  if (sample.acked > 0) {
    mtu_.on_path_works(now);
    sample.has_rtt = rtt_.has_sample();
    sample.rtt = rtt_.latest();
    sample.smoothed_rtt = rtt_.smoothed();
    congestion_.on_ack(sample);
  }
  settle();
}

/// What is over once nothing, or nothing from before it, is in flight.
void Stream::settle() {
  check_recovery_end();
  check_change_final();
  if (flight_.empty()) {
    forget_losses();
    if (acknowledged_wanted_ && !has_unsent()) {
      acknowledged_wanted_ = false;
      events_.raise(Event::kAcknowledged);
    }
    if (destinations_.size() > 1)
      destinations_.erase(destinations_.begin(), destinations_.end() - 1);
  }
}

void Stream::detect_losses() {
  const Rack::Verdict verdict =
      rack_.detect(flight_, scheduler_.now(), rtt_, recovery_until_.has_value());
  deadlines_.set(Deadline::kLossCheck, verdict.check_at);
  if (verdict.lost_other_than_probe && !recovery_until_) {
    recovery_until_ = flight_.end();
    congestion_.on_recovery_start(scheduler_.now(), flight_.in_flight_bytes());
  }
}

void Stream::check_recovery_end() {
  if (tail_probe_until_ && flight_.begin() >= *tail_probe_until_) tail_probe_until_.reset();
  if (!recovery_until_ || flight_.begin() < *recovery_until_) return;
  recovery_until_.reset();
  congestion_.on_recovery_end(scheduler_.now());
}

void Stream::check_change_final() {
  if (!change_mark_ || flight_.begin() < *change_mark_) return;
  change_mark_.reset();
  events_.raise(Event::kRemoteChanged);
}

void Stream::deliver_chunk(ByteView bytes) {
  chunks_.push_back(bytes);
  events_.raise(Event::kData);
}

void Stream::deliver_message(ByteView message) {
  messages_.push_back(message);
  events_.raise(Event::kMessages);
}

/// The lists move to the mux for the call, since the stream may not survive it. The bytes are kept
/// alive by the caller's batch, or by the list of those that came out of order.
bool Stream::deliver_next() {
  const auto event = events_.take_first();
  if (!event) return false;
  auto& list = mux_.delivering_;
  switch (*event) {
    case Event::kData:
      mux_.delivering_memory_.clear();
      list.clear();
      list.swap(chunks_);
      mux_.delivering_memory_.swap(chunk_memory_);
      observer_.on_data(list);
      break;
    case Event::kMessages:
      list.clear();
      list.swap(messages_);
      observer_.on_messages(list);
      break;
    case Event::kRemoteChanged:
      observer_.on_remote_changed();
      break;
    case Event::kStalled:
      observer_.on_stalled();
      break;
    case Event::kPathProven:
      observer_.on_path_proven();
      break;
    case Event::kAcknowledged:
      observer_.on_acknowledged();
      break;
    case Event::kEnd:
      observer_.on_end();
      break;
    case Event::kWritable:
      observer_.on_writable();
      break;
    case Event::kClosed:
      observer_.on_closed(close_reason_);
      break;
  }
  return true;
}

}  // namespace hsfwd::udx
