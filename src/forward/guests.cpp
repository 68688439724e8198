// SPDX-License-Identifier: Apache-2.0
#include "forward/guests.hpp"

#include <algorithm>
#include <string>

namespace hsfwd::forward {

Guests::~Guests() {
  for (const auto& guest : guests_) guest->peer->set_observer(nullptr);
}

void Guests::add(std::unique_ptr<net::BufferedByteStream> peer, Admission::Ticket ticket) {
  if (guests_.size() == kMax) {
    guests_.front()->peer->reset();
    leave(*guests_.front());
  }
  guests_.push_back(std::make_unique<Guest>(*this, std::move(peer), std::move(ticket)));
  guests_.back()->peer->set_observer(guests_.back().get());
}

void Guests::leave(Guest& guest) {
  const auto at = std::find_if(guests_.begin(), guests_.end(),
                               [&](const auto& other) { return other.get() == &guest; });
  scheduler_.retire(std::move(*at));
  guests_.erase(at);
}

/// Nobody is there to take what it says.
void Guests::Guest::on_readable() {
  for (ByteView bytes = peer->peek(); !bytes.empty(); bytes = peer->peek()) {
    peer->consume(bytes.size());
  }
  if (peer->read_state() != net::ReadState::kEnd || ending) return;
  ending = true;
  peer->end();
  if (peer->flushed()) host.leave(*this);
}

void Guests::Guest::on_writable() {
  if (ending && peer->flushed()) host.leave(*this);
}

void Guests::Guest::on_reset(const std::string&) {
  host.leave(*this);
}

}  // namespace hsfwd::forward
