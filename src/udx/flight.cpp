// SPDX-License-Identifier: Apache-2.0
#include "udx/flight.hpp"

namespace hsfwd::udx {

void Flight::leave_path() {
  if (on_path_ != nullptr) on_path_->bytes -= sent_.bytes;
  on_path_ = nullptr;
}

void Flight::link_last(SeqNo seq) {
  SentPacket& packet = at(seq);
  packet.has_next = false;
  packet.has_previous = sent_.count > 0;
  if (packet.has_previous) {
    packet.previous = sent_.tail;
    at(sent_.tail).next = seq;
    at(sent_.tail).has_next = true;
  } else {
    sent_.head = seq;
  }
  sent_.tail = seq;
  ++sent_.count;
  sent_.bytes += packet.size;
  if (on_path_ != nullptr) on_path_->bytes += packet.size;
}

void Flight::unlink(SeqNo seq) {
  SentPacket& packet = at(seq);
  if (packet.has_previous) {
    at(packet.previous).next = packet.next;
    at(packet.previous).has_next = packet.has_next;
  } else {
    sent_.head = packet.next;
  }
  if (packet.has_next) {
    at(packet.next).previous = packet.previous;
    at(packet.next).has_previous = packet.has_previous;
  } else {
    sent_.tail = packet.previous;
  }
  --sent_.count;
  sent_.bytes -= packet.size;
  if (on_path_ != nullptr) on_path_->bytes -= packet.size;
}

void Flight::leave_state(SeqNo seq) {
  if (at(seq).state == PacketState::kLost) {
    --lost_count_;
  } else {
    unlink(seq);
  }
}

SeqNo Flight::push(const SentPacket& packet) {
  const SeqNo seq = end();
  packets_.push_back(packet);
  link_last(seq);
  return seq;
}

void Flight::resend(SeqNo seq, Instant now) {
  leave_state(seq);
  SentPacket& packet = at(seq);
  packet.state = PacketState::kInFlight;
  packet.sent_at = now;
  if (packet.transmissions < 255) ++packet.transmissions;
  link_last(seq);
}

void Flight::mark_lost(SeqNo seq) {
  unlink(seq);
  at(seq).state = PacketState::kLost;
  if (lost_count_++ == 0 || seq < lost_hint_) lost_hint_ = seq;
}

SeqNo Flight::first_lost() {
  lost_hint_ = lost_hint_ < begin_ ? begin_ : lost_hint_;
  while (at(lost_hint_).state != PacketState::kLost) lost_hint_ = lost_hint_.next();
  return lost_hint_;
}

void Flight::forget_probes() {
  for (std::size_t i = 0; i < packets_.size(); ++i) {
    if (!packets_[i].probe) continue;
    packets_[i].probe = false;
    packets_[i].padding = 0;
  }
}

bool Flight::mark_acked(SeqNo seq) {
  SentPacket& packet = at(seq);
  if (packet.state == PacketState::kAcked) return false;
  leave_state(seq);
  packet.state = PacketState::kAcked;
  ++acked_count_;
  return true;
}

void Flight::pop_front() {
  HSFWD_CHECK(packets_.front().state == PacketState::kAcked);
  packets_.pop_front();
  begin_ = begin_.next();
  --acked_count_;
}

}  // namespace hsfwd::udx
