// SPDX-License-Identifier: Apache-2.0
// What a stream remembers while its path leads from one place to another: where packets under way
// were sent first, up to which of them the change is not final, and whether the peer has left the
// old place as well.
#pragma once

#include <optional>
#include <vector>

#include "udx/path.hpp"

namespace hsfwd::udx {

class PathChange {
 public:
  /// Where a packet goes, and under which id the peer knows the stream there.
  struct Destination {
    net::Address address;
    StreamId id;
  };

  bool has_destination() const { return !destinations_.empty(); }
  const Destination& current() const { return destinations_.back(); }

  /// For new packets: to be remembered in SentPacket::path.
  std::uint8_t index() const { return static_cast<std::uint8_t>(destinations_.size() - 1); }
  /// Where a packet goes that is sent for the first time or again.
  const Destination& destination_of(const SentPacket& packet) const;

  /// The only place there is.
  void set(const Destination& destination) { destinations_.assign(1, destination); }
  /// The peer knows the stream under another id at the current one.
  void rename(StreamId id) { destinations_.back().id = id; }
  /// The path leads to `to` now. `sent`: the next packet's number.
  void begin(const Place& left, const Destination& to, SeqNo sent, bool nothing_in_flight);
  /// Nothing is in flight: old destinations are needed no more.
  void forget_old_destinations();

  /// Packets sent before the change are not acknowledged yet.
  bool under_way() const { return final_at_.has_value(); }
  /// True once, when everything below `final_at_` is acknowledged.
  bool becomes_final(SeqNo acked);

  /// The peer may still be there.
  bool just_left(const net::UdpSocket& socket, const net::Address& from) const {
    return left_ && left_->is(socket, from);
  }
  bool waits_for_proof() const { return left_.has_value(); }
  /// A packet came in, and everything below `received` is here by now. True once, when this shows
  /// that the peer has left the old place and nothing that it sent before is missing.
  bool proves(const net::UdpSocket& socket, const net::Address& from, const Packet& packet,
              SeqNo received);

 private:
  std::vector<Destination> destinations_;  // the last is current
  std::optional<SeqNo> final_at_;
  std::optional<Place> left_;
  std::optional<SeqNo> other_way_;  // the first packet that came from elsewhere than there
};

}  // namespace hsfwd::udx
