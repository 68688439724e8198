// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/peer/packet_drops.hpp"

#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

void PacketDrops::collect(MetricSink& sink) const {
  const auto add = [&](const char* reason, std::uint64_t value) {
    sink.counter("hsfwd_packets_dropped", "Packets beside streams that were dropped", value,
                 {{"reason", reason}});
  };
  add("not_opened", not_opened);
  add("repeated", repeated);
  add("channel", channel);
  add("unwanted", unwanted);
  add("parts", parts);
  add("too_large", too_large);
}

}  // namespace hsfwd::hyperdht
