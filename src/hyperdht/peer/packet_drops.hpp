// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

/// What a node's connections have dropped of what travels beside their streams.
struct PacketDrops {
  std::uint64_t not_opened = 0;  // nobody who has the keys has sealed it, or it is cut short
  std::uint64_t repeated = 0;    // or so late that it may be
  std::uint64_t channel = 0;     // of a channel, or a kind of control, that has no meaning here
  std::uint64_t unwanted = 0;    // nobody takes IP packets here, or not yet
  std::uint64_t parts = 0;       // half packets that were given up, and parts that make no sense
  std::uint64_t too_large = 0;   // not sent: more than two parts carry, or nothing at all

  void collect(MetricSink& sink) const;
};

}  // namespace hsfwd::hyperdht
