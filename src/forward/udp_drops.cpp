// SPDX-License-Identifier: Apache-2.0
#include "forward/udp_drops.hpp"

#include "util/metrics.hpp"

namespace hsfwd::forward {

void UdpDrops::collect(MetricSink& sink, std::size_t flows) const {
  sink.gauge("hsfwd_tunnel_flows", "UDP flows", flows);
  sink.counter("hsfwd_tunnel_flows_displaced", "UDP flows that gave way to others", displaced);
  const auto add = [&](const char* reason, std::uint64_t value) {
    sink.counter("hsfwd_tunnel_datagrams_dropped", "Datagrams of UDP flows that were not passed on",
                 value, {{"reason", reason}});
  };
  add("too_large", too_large);
  add("busy", busy);
  add("no_flow", no_flow);
  add("strangers", strangers);
  add("no_peer", no_peer);
}

}  // namespace hsfwd::forward
