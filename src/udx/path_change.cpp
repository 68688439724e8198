// SPDX-License-Identifier: Apache-2.0
#include "udx/path_change.hpp"

#include <algorithm>

namespace hsfwd::udx {

namespace {
// Destinations remembered for repeats; more changes than this under way at once reuse the current
// one.
constexpr std::size_t kMaxDestinations = 8;
// Of a packet that was first sent along a path the stream has left. Upstream repeats along the old
// path for ever. Should that end too early, the packet would never arrive, so only the first repeat
// takes it.
constexpr std::uint8_t kTransmissionsOnOldPath = 2;
}  // namespace

const PathChange::Destination& PathChange::destination_of(const SentPacket& packet) const {
  if (packet.transmissions > kTransmissionsOnOldPath) return current();
  return destinations_[std::min<std::size_t>(packet.path, destinations_.size() - 1)];
}

void PathChange::begin(const Place& left, const Destination& to, SeqNo sent,
                       bool nothing_in_flight) {
  left_ = left;
  other_way_.reset();
  final_at_ = sent;
  if (nothing_in_flight || destinations_.size() >= kMaxDestinations) {
    destinations_.back() = to;
  } else {
    destinations_.push_back(to);
  }
}

void PathChange::forget_old_destinations() {
  if (destinations_.size() > 1) destinations_.erase(destinations_.begin(), destinations_.end() - 1);
}

bool PathChange::becomes_final(SeqNo acked) {
  if (!final_at_ || acked < *final_at_) return false;
  final_at_.reset();
  return true;
}

/// Data that came from elsewhere than the old place says that the peer has left that too: once it is
/// in order, nothing sent before is missing. An empty message says so by itself.
bool PathChange::proves(const net::UdpSocket& socket, const net::Address& from,
                        const Packet& packet, SeqNo received) {
  if (!left_) return false;
  const Header& h = packet.header;
  bool proven = false;
  if (!left_->is(socket, from)) {
    const bool sequenced = h.has(kData) || h.has(kEnd);
    if (sequenced && !other_way_) other_way_ = h.seq;
    proven = h.has(kMessage) && packet.payload.empty();
  }
  proven |= other_way_ && received > *other_way_;
  if (proven) left_.reset();
  return proven;
}

}  // namespace hsfwd::udx
