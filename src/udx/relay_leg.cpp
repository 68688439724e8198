// SPDX-License-Identifier: Apache-2.0
#include "udx/relay_leg.hpp"

#include <utility>

#include "udx/mux.hpp"

namespace hsfwd::udx {

RelayLeg::RelayLeg(Mux& mux, StreamId id, RelayLegObserver& observer)
    : Receiver(mux, id), observer_(observer) {
  mux_.add(*this);
}

RelayLeg::~RelayLeg() {
  tell_closed_ = false;
  close();
}

void RelayLeg::join(RelayLeg& a, RelayLeg& b) {
  HSFWD_CHECK(&a.mux_ == &b.mux_ && a.other_ == nullptr && b.other_ == nullptr);
  a.other_ = &b;
  b.other_ = &a;
}

void RelayLeg::connect(net::UdpSocket& socket, StreamId remote_id, net::Address remote) {
  if (connected() || closed_) return;
  socket_ = &socket;
  remote_ = remote;
  remote_id_ = remote_id;
  for (const Bytes& datagram : std::exchange(held_, {})) send_on(datagram);
}

void RelayLeg::input(net::UdpSocket& socket, const net::Address& from, const Packet& packet,
                     MutableBytes datagram) {
  if (closed_ || other_ == nullptr) return;
  if (!accept(socket, from, packet)) {
    ++refused_;
    return;
  }
  const bool reset = packet.header.has(kDestroy);
  if (!reset && !observer_.allow_forward(datagram.size())) return;
  if (other_->connected()) {
    other_->send_on(datagram);
  } else if (other_->held_.size() < kMaxHeld) {
    other_->held_.push_back(to_bytes(datagram));
  }
  if (reset) close();
}

/// A reset is never repeated, so it comes along the path or not at all.
bool RelayLeg::accept(net::UdpSocket& socket, const net::Address& from, const Packet& packet) {
  if (comes_along(socket, from)) return true;
  if (from.port == 0 || !observer_.accept_path(socket, from)) return false;
  return !packet.header.has(kDestroy) || !connected() || comes_along(socket, from);
}

void RelayLeg::send_on(ByteView datagram) {
  mux_.transmitter_.add_forwarded({socket_, remote_}, datagram, remote_id_);
  mark_dirty();
}

bool RelayLeg::deliver_next() {
  if (!std::exchange(tell_closed_, false)) return false;
  observer_.on_closed();
  return true;
}

void RelayLeg::close() {
  if (std::exchange(closed_, true)) return;
  tell_closed_ = true;
  mark_dirty();
  mux_.remove(*this);
  held_.clear();
  RelayLeg* const other = std::exchange(other_, nullptr);
  if (other == nullptr) return;
  other->other_ = nullptr;
  other->close();
}

}  // namespace hsfwd::udx
