// SPDX-License-Identifier: Apache-2.0
#include "udx/rate_sampler.hpp"

#include <algorithm>

namespace hsfwd::udx {

RateSnapshot RateSampler::on_sent(Instant now, std::uint64_t in_flight) {
  if (in_flight == 0) first_sent_at_ = delivered_at_ = now;
  return {.delivered = delivered_,
          .delivered_at = delivered_at_,
          .first_sent_at = first_sent_at_,
          .app_limited = app_limited_until_ > 0};
}

void RateSampler::on_app_limited(std::uint64_t in_flight) {
  app_limited_until_ = std::max<std::uint64_t>(delivered_ + in_flight, 1);
}

void RateSampler::begin_acks() {
  any_ = false;
}

void RateSampler::on_acked(const SentPacket& packet, Instant now) {
  delivered_ += packet.size;
  delivered_at_ = now;
  if (!any_ || packet.rate.delivered >= newest_.delivered) {
    newest_ = packet.rate;
    newest_sent_at_ = packet.sent_at;
    first_sent_at_ = packet.sent_at;
    any_ = true;
  }
  if (app_limited_until_ > 0 && delivered_ > app_limited_until_) app_limited_until_ = 0;
}

void RateSampler::finish_acks(AckSample& sample, Duration min_rtt) const {
  sample.delivered_total = delivered_;
  if (!any_) return;
  const Duration send_elapsed = newest_sent_at_ - newest_.first_sent_at;
  const Duration ack_elapsed = delivered_at_ - newest_.delivered_at;
  sample.interval = std::max(send_elapsed, ack_elapsed);
  sample.delivered = delivered_ - newest_.delivered;
  sample.prior_delivered = newest_.delivered;
  sample.app_limited = newest_.app_limited;
  // Below a round trip the times compared are too close to each other to mean anything.
  sample.rate_valid = sample.interval > Duration() && sample.interval >= min_rtt;
}

}  // namespace hsfwd::udx
