// SPDX-License-Identifier: Apache-2.0
// The seam of congestion control: how much may be under way, and how fast it may leave.
#pragma once

#include <cstdint>
#include <memory>

#include "util/time.hpp"

namespace hsfwd::udx {

/// What one round of acknowledgements says.
struct AckSample {
  Instant now;
  std::uint64_t acked = 0;            // bytes newly acknowledged
  std::uint64_t lost = 0;             // bytes newly marked lost
  std::uint64_t in_flight = 0;        // bytes, after the acknowledgements
  std::uint64_t prior_in_flight = 0;  // bytes, before them
  std::uint64_t delivered_total = 0;  // bytes since the path began

  // Of the packet among them that left last. `rate_valid` is false when there is no usable one.
  bool rate_valid = false;
  std::uint64_t delivered = 0;        // bytes delivered between its departure and now
  std::uint64_t prior_delivered = 0;  // total when it left
  Duration interval;                  // in which `delivered` arrived
  bool app_limited = false;           // the sender had nothing more to send then

  bool has_rtt = false;
  Duration rtt;
  Duration smoothed_rtt;
};

class CongestionController {
 public:
  virtual ~CongestionController() = default;

  virtual void on_ack(const AckSample& sample) = 0;
  /// A loss starts a period of repair; it ends when everything sent before is acknowledged.
  virtual void on_recovery_start(Instant now, std::uint64_t in_flight) = 0;
  virtual void on_recovery_end(Instant now) = 0;
  /// Nothing was heard for a retransmission timeout.
  virtual void on_timeout(Instant now, std::uint64_t in_flight) = 0;
  /// Sending starts again after a pause with nothing under way.
  virtual void on_restart(Instant now) = 0;
  /// The path is another one.
  virtual void on_path_change(Instant now) = 0;
  virtual void set_packet_size(std::size_t payload) = 0;

  /// Bytes that may be under way.
  virtual std::uint64_t window() const = 0;
  /// Bytes a second.
  virtual double pacing_rate() const = 0;
};

}  // namespace hsfwd::udx
