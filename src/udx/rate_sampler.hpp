// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "udx/congestion.hpp"
#include "udx/flight.hpp"

namespace hsfwd::udx {

/// Delivery rate, after draft-cheng-iccrg-delivery-rate-estimation: how much arrived at the receiver
/// between the departure of a packet and its acknowledgement, over the longer of the time it took
/// to send that much and the time it took to be acknowledged.
class RateSampler {
 public:
  /// To be called for each packet that leaves, before it is counted as in flight.
  RateSnapshot on_sent(Instant now, std::uint64_t in_flight);
  /// The sender has nothing to send although it may: rates measured now show a lower bound only.
  void on_app_limited(std::uint64_t in_flight);

  void begin_acks();
  void on_acked(const SentPacket& packet, Instant now);
  /// Fills the rate fields of `sample`.
  void finish_acks(AckSample& sample, Duration min_rtt) const;

  std::uint64_t delivered() const { return delivered_; }

 private:
  std::uint64_t delivered_ = 0;  // bytes
  Instant delivered_at_;
  Instant first_sent_at_;
  std::uint64_t app_limited_until_ = 0;  // delivered_ total, 0 if not limited

  // Of the acknowledgements being processed.
  bool any_ = false;
  RateSnapshot newest_;
  Instant newest_sent_at_;
};

}  // namespace hsfwd::udx
