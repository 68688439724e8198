// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/events/event.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::cli {

/// What a running command tells of itself to whoever asks, by whatever way.
class Overview {
 public:
  virtual ~Overview() = default;
  /// The events of these names, as they stand now.
  virtual Json status() const = 0;
  virtual Json peers() const = 0;
  /// All that its node, its tunnels and its process count.
  virtual void collect(MetricSink& sink) const = 0;
};

}  // namespace hsfwd::cli
