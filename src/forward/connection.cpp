// SPDX-License-Identifier: Apache-2.0
#include "forward/connection.hpp"

#include "util/metrics.hpp"

namespace hsfwd::forward {

std::string service_of(const PeerInfo& peer, const std::string& wanted) {
  return wanted.empty() && peer.extension ? peer.extension->service : wanted;
}

void collect_tunnel(MetricSink& sink, std::size_t connections, const PipeStats& total) {
  sink.gauge("hsfwd_tunnel_connections", "Connections of the tunnel, those under way included",
             connections);
  total.collect(sink);
}

}  // namespace hsfwd::forward
