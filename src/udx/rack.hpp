// SPDX-License-Identifier: Apache-2.0
// Loss detection by time of sending, after RFC 8985: a packet is lost when one that left later has
// arrived and the packet has had time enough to arrive as well.
//
// Differs from the RFC: there are no duplicate SACKs, so a repeat that was not needed shows as an
// acknowledgement that comes sooner than a round trip after it.
#pragma once

#include <optional>

#include "udx/flight.hpp"
#include "udx/rtt.hpp"

namespace hsfwd::udx {

class Rack {
 public:
  /// A packet was acknowledged for the first time; its `sent_at` is that of its last transmission.
  void on_acked(const SentPacket& packet, SeqNo seq, Instant now, const RttEstimator& rtt);

  struct Verdict {
    std::size_t lost = 0;  // packets marked
    bool lost_other_than_probe = false;
    std::optional<Instant> check_at;  // when the next could turn out lost
  };
  /// Marks what is lost by now.
  Verdict detect(Flight& flight, Instant now, const RttEstimator& rtt, bool in_recovery) const;

  /// A packet older than everything that could be on time.
  bool older_than_horizon(const SentPacket& packet, Instant now, const RttEstimator& rtt) const;

  void reset();

 private:
  Duration window(const Flight& flight, const RttEstimator& rtt, bool in_recovery) const;

  bool any_ = false;
  Instant newest_sent_at_;  // of the acknowledged packets, the one that left last
  SeqNo newest_seq_;
  Duration newest_rtt_;
  SeqNo highest_acked_;
  bool reordering_seen_ = false;
  int window_factor_ = 1;  // quarters of the minimal RTT
};

}  // namespace hsfwd::udx
