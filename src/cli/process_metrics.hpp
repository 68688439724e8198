// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "node/keys.hpp"
#include "node/session_info.hpp"
#include "util/time.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::cli {

/// This process, by the names that collectors give such figures everywhere. `age`: since it began;
/// `wall_clock`: milliseconds since 1970, now.
void collect_process(MetricSink& sink, Duration age, std::uint64_t wall_clock);

/// How many sessions there are, by path, and figures of those with peers that tunnels lead to, by key and what it
/// is called. A peer that comes by itself has none: whoever knows our key could make as many as there are keys.
void collect_sessions(MetricSink& sink, const std::vector<SessionInfo>& sessions,
                      const std::map<PublicKey, std::string>& peers);

}  // namespace hsfwd::cli
