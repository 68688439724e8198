// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/session_carrier.hpp"

#include <algorithm>

#include "hyperdht/peer/context.hpp"
#include "hyperdht/peer/peer_connection.hpp"
#include "hyperdht/peer/session.hpp"

namespace hsfwd::hyperdht {

namespace {
// A packet of a stream, as large as UDX makes them, with the room around it that sealing takes.
constexpr std::size_t kSlot = net::kTunnelHeadroom + net::kMaxDatagram + net::kTunnelTailroom;
}  // namespace

SessionCarrier::SessionCarrier(Session& session, const PeerContext& context)
    : session_(session),
      context_(context),
      flush_task_(context.env.scheduler, [this] { flush(); }),
      inbox_task_(context.env.scheduler, [this] { inbox_.clear(); }) {}

std::size_t SessionCarrier::overhead() const {
  return udx::kHeaderSize + secret_stream::Packets::kOverhead;
}

void SessionCarrier::carry(const udx::Header& header, std::size_t padding,
                           const std::array<ByteView, 2>& payload) {
  const std::size_t size = udx::kHeaderSize + padding + payload[0].size() + payload[1].size();
  if (size > net::kMaxDatagram) return;
  const PeerConnection* const link = session_.link();
  // Of a direct path it is the control stream's packets alone, which leave at once.
  const std::size_t slots = link != nullptr && link->carried() ? kMaxWaiting : 1;
  if (waiting_.size() >= slots) flush();
  if (room_.size() < slots * kSlot) {
    flush();
    room_.resize(slots * kSlot);
  }
  const MutableBytes packet =
      MutableBytes(room_).subspan(waiting_.size() * kSlot + net::kTunnelHeadroom, size);
  header.write(packet.data());
  const MutableBytes body = packet.subspan(udx::kHeaderSize);
  std::fill_n(body.data(), padding, std::uint8_t{0});
  copy_bytes(payload[0], body.subspan(padding));
  copy_bytes(payload[1], body.subspan(padding + payload[0].size()));
  waiting_.push_back(packet);
  // What opens a stream leaves ahead of what the stream sends by itself.
  if (link != nullptr && !link->carried()) return flush();
  flush_task_.post();
}

void SessionCarrier::flush() {
  if (PeerConnection* const link = session_.link()) link->send_carried(waiting_);
  waiting_.clear();
}

void SessionCarrier::on_link_changed() {
  flush();
  room_ = {};
}

/// Only streams of the session hear what comes this way, and those that it is about to have.
void SessionCarrier::on_packets(std::span<const MutableBytes> packets) {
  for (const MutableBytes carried : packets) {
    Bytes& packet = inbox_.emplace_back(to_bytes(carried));
    const auto parsed = udx::Packet::parse(packet);
    PeerConnection* const link = session_.link();
    if (!parsed || link == nullptr) continue;
    const udx::StreamId id = parsed->header.stream;
    if (!ids_.contains(id.value) && !context_.mux.is_free(id)) continue;
    context_.mux.on_carried(*link->udp_socket(), {link->remote_address(), packet});
  }
  // Behind the end of the batch that this has begun.
  inbox_task_.post();
}

void SessionCarrier::stop() {
  flush_task_.cancel();
  inbox_task_.post();
}

}  // namespace hsfwd::hyperdht
