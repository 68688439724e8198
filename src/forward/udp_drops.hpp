// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::forward {

/// What the log calls UDP flows.
inline constexpr const char* kUdpComponent = "udp";
// Why a connection or flow ends.
inline constexpr const char* kFlowUnused = "nothing was sent for long";
inline constexpr const char* kTooManyFlows = "there are too many UDP flows";

/// RFC 4787, section 4.3: a flow is kept for two minutes at least, better for five.
inline constexpr std::int64_t kDefaultUdpIdle = 300;  // seconds

/// What a tunnel of UDP has not passed on.
struct UdpDrops {
  std::uint64_t too_large = 0;  // for two packets of the path to the peer
  std::uint64_t busy = 0;       // a socket or stream was full
  std::uint64_t no_flow = 0;    // the flow is not there, or cannot be, or the packet names none
  std::uint64_t strangers = 0;  // not from where the service was asked
  std::uint64_t no_peer = 0;    // there is no connection, and none can be made at the moment
  std::uint64_t displaced = 0;  // flows, for others

  void collect(MetricSink& sink, std::size_t flows) const;
};

}  // namespace hsfwd::forward
