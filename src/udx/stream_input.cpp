// SPDX-License-Identifier: Apache-2.0
// What a stream does with a packet, in the order in which upstream does it: the order is visible to
// the peer, since it decides which packets are answered.
#include <optional>
#include <utility>

#include "udx/mux.hpp"

namespace hsfwd::udx {

void Stream::input(net::UdpSocket& socket, const net::Address& from, const Packet& packet,
                   MutableBytes datagram) {
  if (closed_ || (options_.carried_only && !mux_.takes_carried())) return;
  if (!accept(socket, from)) {
    const bool says = packet.valid && packet.header.has(kMessage) && !packet.payload.empty();
    if (says && !closed_ && from.port != 0) {
      observer_.on_stray_message(socket, from, datagram.last(packet.payload.size()));
    }
    return;
  }
  if (limited() && !is_path(socket, from)) return;
  path_.on_arrival(socket, from, datagram.size());
  ++stats_.packets_received;
  last_source_ = from;
  if (packet.header.has(kHeartbeat)) {
    owe_ack();
    return;
  }
  if (!packet.valid) return;
  if (!receive_sequenced(packet, datagram)) return;
  if (packet.header.has(kMessage)) deliver_message(datagram.last(packet.payload.size()));
  take_kept();
  if (change_.proves(socket, from, packet, received_.next())) events_.raise(Event::kPathProven);
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
  if (is_path(socket, from) || change_.just_left(socket, from)) return true;
  const bool accepted = from.port != 0 && observer_.accept_path(socket, from);
  if (!accepted) ++stats_.packets_refused;
  return accepted && !closed_;
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
bool Stream::receive_sequenced(const Packet& packet, MutableBytes datagram) {
  const Header& h = packet.header;
  if (h.seq < received_.next()) return true;
  if (h.has(kDestroy)) {
    receive_reset(packet, datagram);
    return false;
  }
  if (!h.has(kData) && !h.has(kEnd)) return true;
  if (remote_ended_ || received_.seen(h.seq)) return true;
  if (!may_take(packet)) return false;
  receive_data(packet);
  return true;
}

void Stream::receive_reset(const Packet& packet, MutableBytes datagram) {
  // Both sides have said and heard all: without a reason there is nothing to give up.
  if (finished() && packet.payload.empty()) return;
  if (!may_reset(packet.header)) {
    ++stats_.packets_refused;
    return;
  }
  if (!packet.payload.empty()) deliver_message(datagram.last(packet.payload.size()));
  close(CloseReason::kReset);
}

bool Stream::may_take(const Packet& packet) {
  const std::size_t size = packet.payload.size();
  const bool in_order = packet.header.seq == received_.next();
  if (received_.too_far(packet.header.seq) || !window_.promised(size)) return false;
  if (!window_.has_memory_for(in_order ? size : mux_.packets_.buffer_size())) {
    mux_.budget_.count_refused();
    return false;
  }
  return in_order || window_.may_keep_another();
}

void Stream::receive_data(const Packet& packet) {
  const SeqNo seq = packet.header.seq;
  const bool has_data = packet.header.has(kData);
  if (packet.header.has(kEnd)) remote_end_ = seq;
  if (has_data) window_.on_taken(packet.payload.size());
  if (path_.rtt().known()) window_.adapt(scheduler_.now(), path_.rtt().min());
  if (seq != received_.next()) {
    received_.keep(seq, has_data ? packet.payload : ByteView(), has_data);
    window_.charge();
    return;
  }
  received_.advance();
  if (has_data && !packet.payload.empty()) deliver_chunk(packet.payload);
}

void Stream::take_kept() {
  while (received_.next_is_kept()) {
    ReceiveQueue::Kept kept = received_.take();
    if (kept.size == 0) continue;
    // First who owns the bytes: without memory for the second, nobody reads what is gone.
    const ByteView bytes(kept.memory.data(), kept.size);
    chunk_memory_.push_back(std::move(kept.memory));
    deliver_chunk(bytes);
  }
  window_.charge();
  if (remote_end_ && !remote_ended_ && received_.next() > *remote_end_) {
    remote_ended_ = true;
    events_.raise(Event::kEnd);
  }
}

void Stream::deliver_chunk(ByteView bytes) {
  chunks_.push_back(bytes);
  events_.raise(Event::kData);
  window_.on_delivered(bytes.size());
  stats_.bytes_received += bytes.size();
}

void Stream::deliver_message(MutableBytes message) {
  messages_.push_back(message);
  events_.raise(Event::kMessages);
}

void Stream::owe_ack() {
  ack_owed_ = true;
  mark_dirty();
}

}  // namespace hsfwd::udx
