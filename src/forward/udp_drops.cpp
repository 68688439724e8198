// SPDX-License-Identifier: Apache-2.0
#include "forward/udp_drops.hpp"

#include "util/metrics.hpp"

namespace hsfwd::forward {

void UdpDrops::for_each(const std::function<void(const char*, std::uint64_t)>& tell) const {
  tell("too_large", too_large);
  tell("busy", busy);
  tell("no_flow", no_flow);
  tell("strangers", strangers);
  tell("no_peer", no_peer);
}

void UdpDrops::collect(MetricSink& sink, std::size_t flows) const {
  sink.gauge("hsfwd_tunnel_flows", "UDP flows", flows);
  sink.counter("hsfwd_tunnel_flows_displaced", "UDP flows that gave way to others", displaced);
  for_each([&](const char* reason, std::uint64_t value) {
    sink.counter("hsfwd_tunnel_datagrams_dropped", "Datagrams of UDP flows that were not passed on",
                 value, {{"reason", reason}});
  });
}

}  // namespace hsfwd::forward
