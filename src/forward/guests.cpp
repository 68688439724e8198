// SPDX-License-Identifier: Apache-2.0
#include "forward/guests.hpp"

#include <memory>
#include <string>
#include <utility>

namespace hsfwd::forward {

Guests::~Guests() {
  for (const auto& guest : guests_) guest->cancel();
}

void Guests::add(std::unique_ptr<net::BufferedByteStream> peer, Admission::Ticket ticket) {
  if (guests_.size() == kMax) {
    guests_.front().peer->reset();
    guests_.retire(guests_.front());
  }
  Guest& guest = guests_.emplace(*this, std::move(peer), std::move(ticket));
  guest.peer->set_observer(&guest);
}

/// Nobody is there to take what it says.
void Guests::Guest::on_readable() {
  for (ByteView bytes = peer->peek(); !bytes.empty(); bytes = peer->peek()) {
    peer->consume(bytes.size());
  }
  if (peer->read_state() != net::ReadState::kEnd || ending) return;
  ending = true;
  peer->end();
  if (peer->flushed()) host.guests_.retire(*this);
}

void Guests::Guest::on_writable() {
  if (ending && peer->flushed()) host.guests_.retire(*this);
}

void Guests::Guest::on_reset(const std::string&) {
  host.guests_.retire(*this);
}

}  // namespace hsfwd::forward
