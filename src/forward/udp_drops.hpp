// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

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

  /// Calls with each reason why datagrams were dropped, and their number.
  void for_each(const std::function<void(const char* reason, std::uint64_t datagrams)>& tell) const;
  void collect(MetricSink& sink, std::size_t flows) const;
};

/// Datagrams were dropped because the path does not carry them.
struct TooLarge {
  std::string service;          // as far as it is known
  std::uint64_t datagrams = 0;  // how many at once
  std::size_t most = 0;         // bytes of the largest that would fit
};
using OnTooLarge = std::function<void(const TooLarge&)>;

}  // namespace hsfwd::forward
